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

from infra.attestation.clause import PolicyError
from infra.stack_name import for_stack
from ops import evidence_reader, verdict_table, why
from ops.commands import NAME
from ops.evidence import EvidenceError
from ops.handover import command as handover_command
from ops.records import ResultsError
from ops.review import command as review_command
from ops.review.preview import LARGEST as LARGEST_PREVIEW
from ops.review.preview import PreviewError
from ops.stack_outputs import StackError, outputs
from ops.terminal import (
    print_error,
    print_progress,
    reader_may_stop,
    standard_output,
    without_native_messages,
)
from ops.verdict import data
from packing import options as pack_options
from packing.errors import PackError

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
"""The output of Primus' stack that holds the release condition."""
OPERATORS = "operators"
"""The output that holds the conditions of named operators, by name."""

OK, BROKEN, UNUSABLE, PARTLY = 0, 1, 2, 3
"""Exit codes: the run was admitted and succeeded; it was refused or failed; the command could not
do its work; the run was admitted, and then it failed, or some of its pictures did."""


def parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    main = argparse.ArgumentParser(prog=NAME, description="What a company runs beside `pulumi`.")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")

    results = commands.add_parser(
        "results", help="wait for a run's results and show them", epilog=CODES_OF_RESULTS
    )
    results.add_argument("--uri", help="gs://BUCKET (default: output of the stack here)")
    results.add_argument(
        "--stack", default="secundus", help="the stack of the run (default: secundus)"
    )
    results.add_argument(
        "--wait", type=float, default=600.0, metavar="SECONDS", help="how long (default: 600)"
    )
    results.add_argument("--json", action="store_true", help="as data")

    explain = commands.add_parser(
        "why",
        help="why a run was refused: clause by clause, with the fix",
        epilog=CODES_OF_WHY,
    )
    explain.add_argument(
        "file",
        metavar="FILE",
        help="a token, its claims, a launcher's log or a `result`; - reads standard input",
    )
    condition = explain.add_mutually_exclusive_group()
    condition.add_argument(
        "--condition",
        metavar="FILE",
        help="a file with the release condition (default: output of the stack here)",
    )
    condition.add_argument(
        "--stack", default="primus", help="the stack with the condition (default: primus)"
    )
    explain.add_argument(
        "--operator",
        metavar="NAME",
        help="the operator, as stack primus names it (default: the one without a name)",
    )
    explain.add_argument("--json", action="store_true", help="as data")

    review = commands.add_parser(
        "review",
        help="what a preview changes: who could read the model, what is lost, what restarts",
        epilog=review_command.EPILOG,
    )
    review_command.add(review)

    handover = commands.add_parser(
        "handover",
        help="the files between companies that share no backend: export, check, import",
        epilog=handover_command.EPILOG,
    )
    handover_command.add(handover)

    pack = commands.add_parser(
        "pack",
        help="pack a model for the workload: inspect, export, check, compare",
        epilog=pack_options.EPILOG,
    )
    pack_options.add(pack)
    return main


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    options = parser().parse_args(arguments)
    command = {
        "results": _results,
        "why": _why,
        "review": _review,
        "handover": handover_command.handover,
        "pack": _pack,
    }[options.command]
    return until_stopped(lambda: command(options))


def until_stopped(work: Callable[[], int]) -> int:
    """Run a command; returns its exit code, or that of the signal or closed pipe that ended it."""
    # SIGTERM ends the command as Ctrl-C does, so that the processes it started end too.
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with reader_may_stop() as everything_read:
            code = work()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)  # noqa: T201  the command's output
        return 128 + signal.SIGINT
    return code if everything_read() else 128 + signal.SIGPIPE


def _interrupt(_signal: int, _frame: object) -> None:
    # The threads that read the engine's output fail now, because their pipes close: ignore that.
    threading.excepthook = lambda _: None
    raise KeyboardInterrupt


def _results(options: argparse.Namespace) -> int:
    from ops import results, results_table  # noqa: PLC0415  the storage library is slow to import

    try:
        where = (
            results.Where(results.bucket_of(options.uri))
            if options.uri
            else results.from_stack(options.stack, os.environ)
        )
        run = results.fetch(where, options.wait, print_progress)
    except ResultsError as error:
        print_error(for_stack(f"{error}", options.stack))
        return BROKEN if isinstance(error, results.EndedError) else UNUSABLE
    if options.json:
        print(json.dumps(asdict(run)))  # noqa: T201  the answer
    else:
        results_table.show(standard_output(), run)
    if run.failure is not None:
        return BROKEN
    return PARTLY if run.failed else OK


def _why(options: argparse.Namespace) -> int:
    try:
        evidence = evidence_reader.read(_bytes(options.file, evidence_reader.LARGEST))
        condition = "" if evidence.claims is None else _condition(options)
        verdict = why.judge(evidence, condition, time.time())
    except (EvidenceError, StackError, PolicyError, why.DefectError) as error:
        print_error(error)
        return UNUSABLE
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}")
        return UNUSABLE
    if options.json:
        print(json.dumps(data(verdict)))  # noqa: T201  the answer
    else:
        verdict_table.show(standard_output(), verdict)
    if not verdict.admitted:
        return BROKEN
    return PARTLY if verdict.failed_afterwards else OK


def _review(options: argparse.Namespace) -> int:
    try:
        preview = (
            _bytes(options.file, LARGEST_PREVIEW)
            if options.file
            else review_command.of_stack(
                options.stack, refresh=options.refresh, policy_pack=options.policy_pack
            )
        )
        reviewed = review_command.shown(preview, options)
    except (PreviewError, StackError) as error:
        print_error(error)
        return UNUSABLE
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}")
        return UNUSABLE
    return BROKEN if review_command.fails(reviewed, options.fail_on) else OK


def _pack(options: argparse.Namespace) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        from ops import pack_table  # noqa: PLC0415  TensorFlow is needed by this command only

        with without_native_messages():
            from packing.pack import pack  # noqa: PLC0415  same
    except ImportError as error:
        print_error(
            f"pack: Python has no {error.name}; this command needs TensorFlow, which the others do"
            " not: pip install --require-hashes -r requirements-pack.txt"
        )
        return UNUSABLE
    try:
        packed = pack(options, pack_options.said(options), print_progress)
    except PackError as error:
        print_error(error)
        return UNUSABLE
    pack_table.show(standard_output(), packed)
    return OK if packed.succeeded else BROKEN


def _bytes(name: str, largest: int) -> bytes:
    """The content of a file, at most one byte more than `largest`."""
    if name == "-":
        return sys.stdin.buffer.read(largest + 1)
    with Path(name).open("rb") as file:
        return file.read(largest + 1)


def _condition(options: argparse.Namespace) -> str:
    """The release condition, from a file or from the stack that deployed it."""
    if options.condition:
        return evidence_reader.condition(_bytes(options.condition, evidence_reader.LARGEST))
    try:
        return _of_operator(options.stack, options.operator)
    except StackError as error:
        raise StackError(
            f"{error}; or name a file with the condition: --condition FILE. For Primus, "
            f"`pulumi stack output {OUTPUT} --stack primus` prints it"
        ) from error


def _of_operator(stack: str, name: str | None) -> str:
    """The condition for an operator, by its name; None is the one without a name."""
    if name is None:
        try:
            return str(outputs(stack, OUTPUT, os.environ)[OUTPUT])
        except StackError as error:
            raise _without_a_name(stack, error) from error
    named = outputs(stack, OPERATORS, os.environ)[OPERATORS]
    if name not in named:
        known = ", ".join(sorted(named))
        raise StackError(f"the stack {stack} has no operator {name!r}, but {known}")
    return str(named[name][OUTPUT])


def _without_a_name(stack: str, error: StackError) -> StackError:
    """The error where a stack has no operator without a name, but others."""
    try:
        named = outputs(stack, OPERATORS, os.environ)[OPERATORS]
    except StackError:
        return error
    return StackError(
        f"the stack {stack} has only operators with a name; say which: --operator"
        f" {' or '.join(sorted(named))}"
    )
