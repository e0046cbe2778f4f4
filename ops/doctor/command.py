"""The command `doctor`: every check of a stack, before an update and any day after."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from infra.config.primus_settings import PrimusSettings
from infra.config.secundus_settings import SecundusSettings
from infra.stack_name import StackNameError, for_stack, parse_qualified
from infra.untrusted_text import shown
from ops.doctor import configured, machine, names, policies, project, tools
from ops.doctor.check import Status, not_ok
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.google_api import CredentialsError, GoogleApi, identity
from ops.pulumi_command import StackError
from ops.stack_configuration import configuration
from ops.stack_state import deployed
from ops.terminal import print_error, standard_output, styled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from infra.stack_name import StackName
    from ops.doctor.check import Check
    from ops.terminal import Terminal

HELP: Final = "before an update: whether configuration, tools, project and machine are ready"
EPILOG: Final = (
    "It changes nothing. Exit code 0: every check is ok, or cannot be made here; 1: one is not ok;"
    " 2: there is no such stack."
)
LONGEST: Final = 400
MARKS: Final = {
    Status.OK: ("✓", "green"),
    Status.NOT_OK: ("✗", "red"),
    Status.NOT_CHECKED: ("?", "yellow"),
}


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--stack", required=True, help="the stack: of primus, or of secundus")
    parser.add_argument(
        "--skip",
        action="append",
        default=[],
        metavar="CHECK",
        help="leave a check out, such as docker; repeatable",
    )
    parser.add_argument("--json", action="store_true", help="as data")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    stack = options.stack
    try:
        name = parse_qualified(stack)
        values = configuration(stack, os.environ)
    except (StackError, StackNameError) as error:
        print_error(for_stack(f"{error}\nMake the stack first: pulumi stack init {stack}", stack))
        return UNUSABLE
    found = [each for each in checks(stack, name, values) if each.name not in options.skip]
    if options.json:
        print(json.dumps([asdict(each) for each in found]))  # noqa: T201  the answer
    else:
        _show(standard_output(), found, stack)
    return BROKEN if any(each.status is Status.NOT_OK for each in found) else OK


def checks(stack: str, name: StackName, values: dict[str, object]) -> Iterator[Check]:
    """Every check, from this machine outwards."""
    yield from tools.engine()
    yield from tools.plugins()
    yield tools.clock()
    settings, check = configured.settings(values, name)
    yield check
    if settings is None:
        return
    yield configured.subject(settings)
    yield from configured.agreement(settings, name)
    if isinstance(settings, PrimusSettings) and settings.image.digest is None:
        yield tools.docker()
    try:
        api = GoogleApi(identity())
    except CredentialsError as error:
        yield not_ok("credentials", str(error), "gcloud auth application-default login")
        return
    yield from project.checks(api, settings, name.company)
    yield from policies.checks(api, settings.project, name.company)
    if isinstance(settings, SecundusSettings):
        yield from machine.checks(api, settings)
    is_deployed = any(each.managed and each.id for each in deployed(stack, os.environ))
    yield from names.checks(api, settings, deployed=is_deployed)


def _show(terminal: Terminal, found: Sequence[Check], stack: str) -> None:
    for each in found:
        mark, style = MARKS[each.status]
        detail = shown(each.detail, LONGEST)
        terminal.print(styled(mark, style), styled(f"{each.name}: {detail}"), soft_wrap=True)
        if each.fix:
            terminal.print(styled(f"    {for_stack(each.fix, stack)}"), soft_wrap=True)
    broken = sum(each.status is Status.NOT_OK for each in found)
    unknown = sum(each.status is Status.NOT_CHECKED for each in found)
    terminal.print(f"{len(found) - broken - unknown} ok, {broken} not ok, {unknown} not checked")
