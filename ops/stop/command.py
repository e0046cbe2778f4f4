"""The command `stop`: no machine of an operator is given a model any more, from now on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from infra.config.releases import operator_key
from infra.stack_name import for_stack
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.google_api import CredentialsError, GoogleApi, identity
from ops.pulumi_command import StackError, typed
from ops.pulumi_command import run as run_pulumi
from ops.stack_configuration import configuration, set_all
from ops.stack_outputs import all_outputs
from ops.stop.admission import Admission, admissions
from ops.stop.measures import taken
from ops.terminal import print_error, standard_output, styled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from ops.terminal import Terminal

HELP: Final = "in an emergency: nobody is given a model any more, at once and without an update"
EPILOG: Final = (
    "Exit code 0: every measure is taken; 1: some failed, see there; 2: none was taken."
    " docs/operations.md has the way back."
)

PROPAGATION: Final = (
    "Google's systems know of this within minutes: usually 2, sometimes 7 or more"
    " (https://docs.cloud.google.com/iam/docs/access-change-propagation). Until then, an access"
    " token that was issued before is still good, for an hour at most."
)
LOADED: Final = (
    "A machine that has loaded the model keeps it until it stops. Only the operator can stop it:"
    " ask them to."
)


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--stack", default="primus", help="the stack of Primus (default: primus)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--operator",
        metavar="NAME",
        help="the operator, as stack primus names it (default: the only one)",
    )
    which.add_argument("--all", action="store_true", help="every operator")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    terminal = standard_output()
    try:
        stopped = _chosen(
            admissions(all_outputs(options.stack, os.environ), options.stack), options
        )
        api = GoogleApi(identity())
    except (StackError, CredentialsError) as error:
        print_error(for_stack(f"{error}", options.stack))
        return UNUSABLE
    problems: list[str] = []
    configured = _configuration(options.stack, problems)
    failed = [_stop(terminal, api, each, configured) for each in stopped]
    key = "stopped" if options.all else f"{operator_key(stopped[0].operator)}.stopped"
    command = set_all(options.stack, {key: "true"})
    try:
        run_pulumi(command, os.environ)
        terminal.print(f"The configuration of the stack {options.stack} says {key}: true.")
    except StackError as error:
        problems.append(f"{error}\nSay it yourself, or the next `pulumi up` may admit them again")
    update = (
        "Commit the changed stack file now. The deployed state does not know of this yet; when"
        f" there is time: {typed(('up', '--refresh', '--stack', options.stack))}"
    )
    for line in (PROPAGATION, LOADED, update):
        terminal.print(line, soft_wrap=True)
    for problem in problems:
        print_error(problem)
    return BROKEN if problems or any(failed) else OK


def _chosen(found: Mapping[str, Admission], options: argparse.Namespace) -> Sequence[Admission]:
    """The operators to stop; StackError where it is not clear who is meant."""
    if options.all:
        return [*found.values()]
    if options.operator is None and len(found) == 1:
        return [*found.values()]
    named = sorted(name for name in found if name)
    choices = " or ".join(["--all", *(f"--operator {name}" for name in named)])
    if options.operator is None:
        raise StackError(
            f"the stack {options.stack} has {len(found)} operators; say whom: {choices}"
        )
    if options.operator not in named:
        raise StackError(
            f"the stack {options.stack} has no operator {options.operator!r}; nobody was stopped."
            f" Say whom: {choices}"
        )
    return [found[options.operator]]


def _configuration(stack: str, problems: list[str]) -> Mapping[str, object]:
    """The stack's configuration; none if it cannot be read, which must not delay a stop."""
    try:
        return configuration(stack, os.environ)
    except StackError as error:
        problems.append(f"{error}\nSo an account that others have made may be disabled, too")
        return {}


def _stop(
    terminal: Terminal, api: GoogleApi, admission: Admission, configured: Mapping[str, object]
) -> bool:
    """Take every measure against one operator, and print each; whether one failed."""
    whom = f"The operator {admission.operator}" if admission.operator else "The operator"
    terminal.print(styled(f"{whom} is given no model any more:", "bold"))
    failed = False
    for measure in taken(api, admission, own_reader=_own_reader(admission, configured)):
        failed |= bool(measure.error)
        mark = styled("✗", "red") if measure.error else styled("✓", "green")
        terminal.print(
            mark, styled(f"{measure.what}: {measure.error or measure.done}"), soft_wrap=True
        )
    return failed


def _own_reader(admission: Admission, configured: Mapping[str, object]) -> bool:
    """Whether the stack made the reader; it never enables again an account that others made."""
    settings: object = configured
    if admission.operator:
        operators = configured.get("operators")
        settings = operators.get(admission.operator) if isinstance(operators, dict) else None
    existing = settings.get("existing") if isinstance(settings, dict) else None
    return not (isinstance(existing, list) and "serviceAccount" in existing)
