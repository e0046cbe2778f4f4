"""The command `review`: gets a preview, reviews it, prints the review in one of three forms."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Final

from ops import input_file
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.pulumi_command import StackError, pulumi_program
from ops.review import data, markdown, text
from ops.review.change import Effect
from ops.review.preview import LARGEST, PreviewError, read
from ops.review.review import Review, review
from ops.terminal import print_error, print_progress, standard_output
from policy.rules import EVERY

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection

FAILING: Final = {
    # What cannot be judged, or is not known yet, may be a loosening.
    "loosening": (Effect.LOOSENING, Effect.UNJUDGED, Effect.UNKNOWN),
    "loss": (Effect.LOSS,),
    "never": (),
}
"""By choice of --fail-on, the effects that fail the command, beside VIOLATION."""

HELP: Final = "what a preview changes: who could read the model, what is lost, what restarts"
EPILOG: Final = (
    "Exit code 0: no rule of the policy pack is broken; 1: a mandatory rule is broken, or --fail-on"
    " applies; 2: there is no preview to review, because it failed or cannot be read."
)


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="what `pulumi preview --json --show-sames` printed; - reads standard input",
    )
    source.add_argument("--stack", help="a stack here, of which the command makes the preview")
    parser.add_argument(
        "--refresh",
        action="store_true",
        help="with --stack: ask the cloud first, so that a change by hand is reviewed, too",
    )
    parser.add_argument(
        "--policy-pack",
        metavar="FOLDER",
        help="with --stack: have the engine run this policy pack; policy/ itself always applies",
    )
    add_output(parser)


def add_output(parser: argparse.ArgumentParser) -> None:
    """The options that say how a review is printed, and when it fails."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="for a comment in a pull request")
    form.add_argument("--json", action="store_true", help="as data")
    parser.add_argument(
        "--fail-on",
        action="append",
        choices=FAILING,
        default=[],
        help="exit with 1 for this, too; repeatable (default: never)",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    try:
        preview = (
            input_file.content(options.file, LARGEST)
            if options.file
            else of_stack(options.stack, refresh=options.refresh, policy_pack=options.policy_pack)
        )
        reviewed = shown(preview, options)
    except (PreviewError, StackError) as error:
        print_error(error)
        return UNUSABLE
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}")
        return UNUSABLE
    return BROKEN if fails(reviewed, options.fail_on) else OK


def of_stack(stack: str, *, refresh: bool, policy_pack: str | None) -> bytes:
    """A new preview of a stack of the current folder; StackError if `pulumi` prints none."""
    command = [
        pulumi_program(os.environ),
        *("preview", "--json", "--show-sames", "--non-interactive", "--stack", stack),
        *(["--refresh"] if refresh else []),
        *(["--policy-pack", policy_pack] if policy_pack else []),
    ]
    print_progress(f"`pulumi {' '.join(command[1:])}`")
    answer = subprocess.run(command, capture_output=True, check=False)  # noqa: S603  found on the user's own PATH
    # Also a failed preview says in its JSON why.
    if not answer.stdout.strip():
        errors = answer.stderr.decode(errors="replace").strip()
        raise StackError(f"`pulumi {' '.join(command[1:])}` failed: {errors}")
    return answer.stdout


def shown(preview: bytes, options: argparse.Namespace) -> Review:
    """Print the review of a preview; PreviewError if it cannot be read."""
    reviewed = review(read(preview), EVERY)
    if options.markdown:
        print(markdown.written(reviewed))  # noqa: T201  the answer
    elif options.json:
        print(json.dumps(data.data(reviewed)))  # noqa: T201  the answer
    else:
        text.show(standard_output(), reviewed)
    return reviewed


def fails(reviewed: Review, fail_on: Collection[str]) -> bool:
    """Whether the policy pack forbids the change, or somebody asked to fail for it."""
    return reviewed.has(Effect.VIOLATION, *(each for choice in fail_on for each in FAILING[choice]))
