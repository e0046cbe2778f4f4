"""The command `empty`: deletes what stops `pulumi destroy`, and asks before."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError

from infra.stack_name import for_stack
from infra.untrusted_text import shown
from infra.wording import counted
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.google_api import LONGEST, CredentialsError, identity
from ops.pulumi_command import StackError
from ops.stack_state import deployed
from ops.terminal import print_error, standard_output, styled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ops.teardown.contents import Contents
    from ops.terminal import Terminal

HELP: Final = (
    "delete the objects that stop `pulumi destroy`: those that the stack did not put there"
)
EPILOG: Final = (
    "It looks at the buckets that the stack made, and leaves those alone that others have made."
    " Exit code 0: nothing stops `destroy` any more; 1: the person said no; 2: it could not."
)
MIB: Final = 2**20


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--stack", default="secundus", help="the stack (default: secundus)")
    parser.add_argument(
        "--yes", action="store_true", help="do not ask; without a terminal nobody can be asked"
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from google.cloud import storage  # noqa: PLC0415  slow to import

    from ops.teardown import contents  # noqa: PLC0415  same

    terminal = standard_output()
    try:
        resources = deployed(options.stack, os.environ)
        client = storage.Client(project="-", credentials=identity())
        found = [*contents.contents(client, resources)]
        if not found:
            terminal.print(f"No bucket of the stack {options.stack} holds an object of others.")
            return OK
        _show(terminal, found)
        if not (options.yes or _agreed(options.stack)):
            print_error(
                "nothing was deleted. To agree: type the stack's name, or add --yes. To keep the"
                " objects, copy them first: gcloud storage cp --recursive gs://BUCKET FOLDER"
            )
            return BROKEN
        for each in found:
            deleted = counted(contents.delete(client, each), "object")
            terminal.print(f"gs://{each.bucket}: {deleted} deleted")
    except (StackError, CredentialsError) as error:
        print_error(for_stack(f"{error}", options.stack))
        return UNUSABLE
    except (GoogleAPICallError, GoogleAuthError) as error:
        print_error(f"{shown(str(error), LONGEST)}\nThe same command again goes on from there")
        return UNUSABLE
    terminal.print(f"Now: pulumi destroy --stack {options.stack}", soft_wrap=True)
    return OK


def _show(terminal: Terminal, found: Sequence[Contents]) -> None:
    terminal.print(styled("To be deleted for good:", "bold"))
    for each in found:
        newest = f", the newest of {each.newest:%Y-%m-%d %H:%M} UTC" if each.newest else ""
        terminal.print(
            f"  gs://{each.bucket}: {counted(each.objects, 'object')},"
            f" {each.size / MIB:,.1f} MiB{newest}",
            soft_wrap=True,
        )


def _agreed(stack: str) -> bool:
    """Whether the person at the terminal types the stack's name."""
    if not _is_terminal():
        return False
    print(f"Type the name of the stack, {stack}, to agree: ", end="", flush=True)  # noqa: T201  a question
    return sys.stdin.readline().strip() == stack


def _is_terminal() -> bool:
    return sys.stdin.isatty()
