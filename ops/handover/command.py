"""The command `handover`: export, check and import the files between the companies.

Exit codes: OK, BROKEN (the file is not acceptable, or not what was agreed), UNUSABLE (the command
could not do its work, as with wrong options).
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra import handover_file
from infra.config import validators
from infra.config.problems import SettingsError
from infra.handover import HandoverError
from infra.handover_file import FROM_AUTHOR
from infra.stack_name import StackNameError, for_stack, parse_qualified
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.handover import files, import_plan, operator_file, parties
from ops.handover.author_file import accepted
from ops.handover.export import export
from ops.handover.text import made_and_valid, show_differences, show_file
from ops.input_file import STANDARD
from ops.pulumi_command import StackError, typed
from ops.pulumi_command import run as run_pulumi
from ops.stack_configuration import configuration, project_folder
from ops.terminal import print_error, print_progress, standard_output

if TYPE_CHECKING:
    from infra.handover_file import HandoverFile
    from ops.handover.import_plan import Plan

HELP: Final = "the files between companies that share no backend: export, check, import"
EPILOG: Final = (
    "Exit code 0: done, or acceptable; 1: refused, because the file is not acceptable or not what"
    " was agreed before; 2: the command could not do its work. docs/handover.md has the whole way."
)


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    exported = actions.add_parser(
        "export", help="make the file that goes to the other company", epilog=EPILOG
    )
    exported.add_argument(
        "--stack",
        required=True,
        help="a stack here: of primus, by its outputs; of secundus, by its configuration",
    )
    _add_operator(exported)
    exported.add_argument(
        "--output", default=STANDARD, metavar="FILE", help="default: standard output"
    )
    exported.add_argument(
        "--valid-days",
        type=_days,
        default=handover_file.DAYS,
        metavar="DAYS",
        help=f"how long the file is valid (default: {handover_file.DAYS})",
    )

    checked = actions.add_parser(
        "check", help="say what a file of the other company means; change nothing", epilog=EPILOG
    )
    checked.add_argument("file", metavar="FILE", help="- reads standard input")
    checked.add_argument("--stack", help="judge it by the configuration of this stack")
    _add_operator(checked)
    checked.add_argument(
        "--against",
        metavar="OLDFILE",
        help="refuse what differs from this file (with --stack: from what is in place there)",
    )

    imported = actions.add_parser(
        "import", help="take a file of the other company into a stack here", epilog=EPILOG
    )
    imported.add_argument("file", metavar="FILE", help="- reads standard input")
    imported.add_argument("--stack", required=True, help="the stack here that gets it")
    _add_operator(imported)
    imported.add_argument(
        "--accept-changes",
        action="store_true",
        help="take it although it differs from what was agreed before",
    )
    imported.add_argument(
        "--yes", action="store_true", help="do it; without this option, only say what would be done"
    )


def _add_operator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--operator",
        type=_operator,
        metavar="NAME",
        help="with a stack of primus: the operator of `operators.NAME` (default: of `operator`)",
    )


def _days(text: str) -> int:
    days = int(text) if re.fullmatch("[0-9]{1,4}", text) else 0
    if not 1 <= days <= handover_file.MOST_DAYS:
        raise argparse.ArgumentTypeError(f"expected 1 to {handover_file.MOST_DAYS}, got {text!r}")
    return days


def _operator(text: str) -> str:
    if not re.fullmatch(validators.FREE_NAME.pattern, text):
        raise argparse.ArgumentTypeError(f"expected {validators.FREE_NAME.expected}, got {text!r}")
    return text


def run(options: argparse.Namespace) -> int:
    """Run one action; returns its exit code."""
    action = {"export": _export, "check": _check, "import": _import}[options.action]
    try:
        _require_operators_stack(options)
        return action(options)
    except (HandoverError, StackError, StackNameError, SettingsError) as error:
        print_error(for_stack(f"{error}", options.stack or ""))
        return BROKEN if isinstance(error, HandoverError) else UNUSABLE
    except OSError as error:
        print_error(f"{error.filename}: {error.strerror}")
        return UNUSABLE


def _require_operators_stack(options: argparse.Namespace) -> None:
    """StackError for --operator where it would be ignored."""
    if options.operator and not (
        options.stack and parse_qualified(options.stack).company == "primus"
    ):
        raise StackError(
            f"--operator {options.operator} names one of the operators of a stack primus, but got"
            f" {f'--stack {options.stack}' if options.stack else 'no --stack'}"
        )


def _export(options: argparse.Namespace) -> int:
    output = options.output
    if output != STANDARD:
        files.require_replaceable(Path(output))
    name = parse_qualified(options.stack)
    file = export(
        options.stack, name, options.operator, files.now(), options.valid_days, os.environ
    )
    if output == STANDARD:
        sys.stdout.write(file.written().decode())
        output = "standard output"
    else:
        files.write(Path(output), file)
    print_progress(
        f"{output}: from {file.kind.sender}"
        + "".join(f"\n  {what:<20} {text}" for what, text in made_and_valid(file).items())
        + "\nNothing in it is secret, and it is not signed: send it to the other company, and tell"
        " them the SHA-256 by another way, such as the telephone"
    )
    return OK


def _check(options: argparse.Namespace) -> int:
    now = files.now()
    file = files.read(options.file)
    file.require_valid(now, options.file)
    differences = []
    if options.stack:
        differences = _plan(file, options).differences
    elif file.kind == FROM_AUTHOR:
        accepted(file, options.file, None)
    else:
        operator_file.accepted(file.values, options.file)
    if options.against:
        before = files.read(options.against)
        differences = import_plan.since(before, file, options.against, options.file)
    show_file(file, now)
    show_differences(differences)
    return BROKEN if differences else OK


def _import(options: argparse.Namespace) -> int:
    now = files.now()
    file = files.read(options.file)
    file.require_valid(now, options.file)
    plan = _plan(file, options)
    show_file(file, now)
    show_differences(plan.differences)
    if plan.differences and not options.accept_changes:
        print_error(
            "this is not what was agreed before, so nothing was changed. If you agree to every"
            " difference: the same command with --accept-changes"
        )
        return BROKEN
    output = standard_output()
    if plan.empty:
        output.print("Everything is as the file says already: there is nothing to do.")
        return OK
    output.print(
        ("Nothing was agreed with them before. " if plan.first else "")
        + "The file is not signed: compare its SHA-256 with the sender by another way, such as the"
        " telephone."
    )
    output.print(plan.words, soft_wrap=True)
    if not options.yes:
        output.print("Nothing was changed yet. To do it: the same command with --yes")
        return OK
    if plan.put:
        files.write(plan.put, file)
    for command in plan.commands:
        run_pulumi(command, os.environ)
    output.print(f"Done. Next: {typed(('preview', '--stack', options.stack))}")
    if plan.approve:
        output.print(
            "Nobody here has approved this image yet. After reading the code:"
            f" {typed(plan.approve)}",
            soft_wrap=True,
        )
    return OK


def _plan(file: HandoverFile, options: argparse.Namespace) -> Plan:
    """What an import of the file would mean and do."""
    stack, name = options.stack, parse_qualified(options.stack)
    import_plan.require_direction(file, options.file, name)
    values = configuration(stack, os.environ)
    if file.kind == FROM_AUTHOR:
        own = parties.secundus(values, name)
        return import_plan.for_secundus(file, options.file, own, stack, project_folder())
    configured = parties.operator_of_primus(values, name, options.operator)
    return import_plan.for_primus(file, options.file, configured, stack, options.operator)
