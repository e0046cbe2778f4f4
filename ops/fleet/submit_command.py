"""The command `submit`: gives the fleet a job, or publishes again what a job lacks."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from infra.stack_name import for_stack
from infra.wording import counted
from ops.commands import RESULTS
from ops.exit_codes import OK, UNUSABLE
from ops.terminal import print_error, print_progress, standard_output

if TYPE_CHECKING:
    import argparse

    from ops.fleet.submission import Submitted

HELP: Final = "give the fleet a job: every picture of the input bucket"
EPILOG: Final = "Exit code 0: every message was published; 2: not every one, or none."


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--stack", default="secundus", help="the stack with the fleet (default: secundus)"
    )
    parser.add_argument(
        "--missing",
        metavar="JOB",
        help="publish again every slice of a job that has no records (an id, or `last`), in place"
        " of a new job",
    )
    parser.add_argument("--json", action="store_true", help="as data")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    from ops.fleet import deployed, submission  # noqa: PLC0415  the storage library is slow

    try:
        fleet = deployed.from_stack(options.stack, os.environ)
        submitted = (
            submission.republish(fleet, options.missing, print_progress)
            if options.missing
            else submission.submit(fleet, print_progress)
        )
    except deployed.FleetError as error:
        print_error(for_stack(f"{error}", options.stack))
        return UNUSABLE
    if options.json:
        print(json.dumps(_data(submitted)))  # noqa: T201  the answer
    else:
        terminal = standard_output()
        for line in _lines(submitted):
            terminal.print(for_stack(line, options.stack), soft_wrap=True)
    return OK


def _lines(submitted: Submitted) -> list[str]:
    pictures, slices = counted(submitted.pictures, "picture"), counted(submitted.slices, "slice")
    published = counted(submitted.published, "message")
    lines = [f"job {submitted.job}: {pictures} in {slices}, {published} published"]
    if submitted.dead_letters_removed:
        lines.append(
            f"{counted(submitted.dead_letters_removed, 'dead letter')} of this job removed"
        )
    return [*lines, f"next: {RESULTS} --job {submitted.job}"]


def _data(submitted: Submitted) -> dict[str, str | int]:
    return {
        "job": submitted.job,
        "pictures": submitted.pictures,
        "slices": submitted.slices,
        "published": submitted.published,
        "arrivedLater": submitted.later,
        "deadLettersRemoved": submitted.dead_letters_removed,
    }
