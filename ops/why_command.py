"""The command `why`: explains a refusal, clause by clause."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Final

from infra.attestation.clause import PolicyError
from ops import evidence_reader, input_file, verdict_table, why
from ops.evidence import EvidenceError
from ops.exit_codes import BROKEN, OK, PARTLY, UNUSABLE
from ops.pulumi_command import StackError
from ops.stack_outputs import outputs
from ops.terminal import print_error, standard_output
from ops.verdict import data

if TYPE_CHECKING:
    import argparse

HELP: Final = "why a run was refused: clause by clause, with the fix"
EPILOG: Final = (
    "Exit code 0: admitted; 1: refused; 2: not readable; 3: admitted, but the workload or some of"
    " its pictures failed afterwards."
)

OUTPUT: Final = "attributeCondition"
"""The output of Primus' stack that holds the release condition."""
OPERATORS: Final = "operators"
"""The output that holds the conditions of named operators, by name."""


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="a token, its claims, a launcher's log or a `result`; - reads standard input",
    )
    condition = parser.add_mutually_exclusive_group()
    condition.add_argument(
        "--condition",
        metavar="FILE",
        help="a file with the release condition (default: output of the stack here)",
    )
    condition.add_argument(
        "--stack", default="primus", help="the stack with the condition (default: primus)"
    )
    parser.add_argument(
        "--operator",
        metavar="NAME",
        help="the operator, as stack primus names it (default: the one without a name)",
    )
    parser.add_argument("--json", action="store_true", help="as data")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    try:
        evidence = evidence_reader.read(input_file.content(options.file, evidence_reader.LARGEST))
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


def _condition(options: argparse.Namespace) -> str:
    """The release condition, from a file or from the stack that deployed it."""
    if options.condition:
        return evidence_reader.condition(
            input_file.content(options.condition, evidence_reader.LARGEST)
        )
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
