"""The command line; each command's work is in the module of its name."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ops.commands import NAME
from ops.records import ResultsError
from ops.terminal import print_error, print_progress, reader_may_stop, standard_output

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CODES_OF_RESULTS = (
    "Exit code 0: every picture was classified; 1: the run failed, or its machine is off and left"
    " nothing; 2: there is nothing to show; 3: some pictures could not be classified."
)
CODES_OF_WHY = (
    "Exit code 0: admitted; 1: refused; 2: not readable; 3: admitted, but the workload or some of"
    " its pictures failed afterwards."
)

OUTPUT = "attributeCondition"
"""What Primus' stack calls the release condition."""

OK, BROKEN, UNUSABLE, PARTLY = 0, 1, 2, 3
"""Exit codes: as promised; not as promised, or a failed or refused run; the command could not
work; the model was released to the run, but the run, or some of its pictures, failed later."""


def parser() -> argparse.ArgumentParser:
    """Every command and option."""
    main = argparse.ArgumentParser(prog=NAME, description="What a company runs beside `pulumi`.")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")

    results = commands.add_parser(
        "results", help="wait for a run's results and show them", epilog=CODES_OF_RESULTS
    )
    results.add_argument("--uri", help="gs://BUCKET (default: output of the secundus stack here)")
    results.add_argument(
        "--wait", type=float, default=600.0, metavar="SECONDS", help="how long (default: 600)"
    )
    results.add_argument("--json", action="store_true", help="as data")

    why = commands.add_parser(
        "why",
        help="why a run was refused: clause by clause, with the cure",
        epilog=CODES_OF_WHY,
    )
    why.add_argument(
        "file",
        metavar="FILE",
        help="a token, its claims, a launcher's log or a `result`; - reads standard input",
    )
    condition = why.add_mutually_exclusive_group()
    condition.add_argument(
        "--condition",
        metavar="FILE",
        help="the release condition, as handed over (default: asked of the stack here)",
    )
    condition.add_argument("--stack", default="primus", help="whose condition (default: primus)")
    why.add_argument("--json", action="store_true", help="as data")
    return main


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives its exit code."""
    chosen = parser().parse_args(arguments)
    work = _results if chosen.command == "results" else _why
    return until_stopped(lambda: work(chosen))


def until_stopped(work: Callable[[], int]) -> int:
    """The exit code of a command's work, or of the signal or the closed pipe that ended it."""
    # SIGTERM ends the command as Ctrl-C does, so that everything it started is stopped too.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with reader_may_stop() as read:
            code = work()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)  # noqa: T201  the command's output
        return 128 + signal.SIGINT
    return code if read() else 128 + signal.SIGPIPE


def _interrupt(_signal: int, _frame: object) -> None:
    # The threads that read the engine's output lose their pipes now; that is no news to anybody.
    threading.excepthook = lambda _: None
    raise KeyboardInterrupt


def _results(chosen: argparse.Namespace) -> int:
    from ops import results, results_table  # noqa: PLC0415  the storage library takes its time

    try:
        where = (
            results.Where(results.bucket_of(chosen.uri))
            if chosen.uri
            else results.from_stack(os.environ)
        )
        run = results.fetch(where, chosen.wait, print_progress)
    except ResultsError as error:
        print_error(error)
        return BROKEN if isinstance(error, results.EndedError) else UNUSABLE
    if chosen.json:
        print(json.dumps(asdict(run)))  # noqa: T201  the answer
    else:
        results_table.show(standard_output(), run)
    if run.failure is not None:
        return BROKEN
    return PARTLY if run.failed else OK


def _why(chosen: argparse.Namespace) -> int:
    from infra.attestation.clause import PolicyError  # noqa: PLC0415  only this command needs them
    from ops import evidence, stack_outputs, verdict, why  # noqa: PLC0415  the CEL engine takes its time

    try:
        found = evidence.read(_bytes(chosen.file, evidence.LARGEST))
        condition = "" if found.claims is None else _condition(chosen)
        told = why.judge(found, condition, time.time())
    except (
        evidence.EvidenceError,
        stack_outputs.StackError,
        PolicyError,
        why.DefectError,
    ) as error:
        print_error(error)
        return UNUSABLE
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}")
        return UNUSABLE
    if chosen.json:
        print(json.dumps(verdict.data(told)))  # noqa: T201  the answer
    else:
        verdict.show(standard_output(), told)
    if not told.admitted:
        return BROKEN
    return PARTLY if told.failed_afterwards else OK


def _bytes(name: str, largest: int) -> bytes:
    """A file's content, and of a larger one just enough to see that it is larger."""
    if name == "-":
        return sys.stdin.buffer.read(largest + 1)
    with Path(name).open("rb") as file:
        return file.read(largest + 1)


def _condition(chosen: argparse.Namespace) -> str:
    """The release condition, from a file or from the stack that deployed it."""
    from ops import evidence, stack_outputs  # noqa: PLC0415  only this command needs them

    if chosen.condition:
        return evidence.condition(_bytes(chosen.condition, evidence.LARGEST))
    try:
        return str(stack_outputs.outputs(chosen.stack, OUTPUT, os.environ)[OUTPUT])
    except stack_outputs.StackError as error:
        raise stack_outputs.StackError(
            f"{error}; or hand the condition over: --condition FILE, with what "
            f"`pulumi stack output {OUTPUT} --stack primus` prints for Primus"
        ) from error
