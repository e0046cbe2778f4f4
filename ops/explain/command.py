"""The command `explain`: why an update failed, and the cure."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from ops import input_file
from ops.exit_codes import OK, UNUSABLE
from ops.explain.reader import LARGEST, UnknownError, explained
from ops.terminal import print_error, standard_output, styled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from ops.explain.reader import Explanation
    from ops.terminal import Terminal

HELP: Final = "why `pulumi up` or `destroy` failed, whose task the cure is, and the command"
EPILOG: Final = "Exit code 0: something is explained; 2: nothing in the output is known."
KEPT: Final = (
    "What the update made before it failed is in the state, and stays. The next one makes the rest."
)


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "file", metavar="FILE", help="what `pulumi` printed; - reads standard input"
    )
    parser.add_argument("--json", action="store_true", help="as data")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    try:
        found = explained(input_file.content(options.file, LARGEST))
    except UnknownError as error:
        print_error(error)
        return UNUSABLE
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}")
        return UNUSABLE
    if options.json:
        print(json.dumps([asdict(each) for each in found]))  # noqa: T201  the answer
    else:
        show(standard_output(), found)
    return OK


def show(terminal: Terminal, found: Iterable[Explanation]) -> None:
    """Print each cause, and what is true of the deployment now."""
    for each in found:
        terminal.print(styled(each.resource or "The update", "bold"), soft_wrap=True)
        terminal.print(styled(f"  said: {each.message}"), soft_wrap=True)
        terminal.print(styled(f"  that means: {each.when}"), soft_wrap=True)
        terminal.print(styled(f"  cured by: {each.whose}"), soft_wrap=True)
        terminal.print(styled(f"  fix: {each.fix}"), soft_wrap=True)
    terminal.print(KEPT, soft_wrap=True)
