"""The command `audit`: compares the cloud with what the stack deployed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from infra.stack_name import StackNameError, for_stack, parse_qualified
from infra.untrusted_text import shown
from ops.audit import buckets, fleet, identities, machine, messages, policies
from ops.audit.finding import AUDITORS_ROLES, Kind
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.google_api import CredentialsError, GoogleApi, identity
from ops.pulumi_command import StackError
from ops.stack_configuration import configuration
from ops.stack_state import deployed
from ops.terminal import print_error, standard_output, styled

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from ops.audit.finding import Finding
    from ops.stack_state import Deployed
    from ops.terminal import Terminal

HELP: Final = "who else could read model or pictures: what no refresh of the stack can see"
EPILOG: Final = (
    "Exit code 0: the cloud is as the stack deployed it; 1: it differs; 2: something could not be"
    f" read. Whoever audits needs, on the company's project: {', '.join(AUDITORS_ROLES)}."
)
LONGEST: Final = 600
"""Characters of one line."""


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--stack", default="primus", help="the stack (default: primus)")
    parser.add_argument("--json", action="store_true", help="as data")


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    stack = options.stack
    try:
        parse_qualified(stack)
        project = str(configuration(stack, os.environ).get("project"))
        resources = _deployed(stack)
        api = GoogleApi(identity())
    except (StackError, StackNameError, CredentialsError) as error:
        print_error(for_stack(f"{error}", stack))
        return UNUSABLE
    found = [
        replace(each, fix=each.fix.replace("{stack}", stack))
        for each in findings(api, resources, project)
    ]
    if options.json:
        print(json.dumps([asdict(each) for each in found]))  # noqa: T201  the answer
    else:
        _show(standard_output(), found)
    kinds = {each.kind for each in found}
    return UNUSABLE if Kind.NOT_READ in kinds else BROKEN if Kind.DIFFERENCE in kinds else OK


def _deployed(stack: str) -> tuple[Deployed, ...]:
    """The state of the stack; StackError if nothing is deployed."""
    resources = deployed(stack, os.environ)
    if not any(each.managed and each.id for each in resources):
        raise StackError(
            f"nothing is deployed by the stack {stack}, so there is nothing to compare:"
            f" pulumi up --stack {stack}"
        )
    return resources


def findings(api: GoogleApi, resources: Sequence[Deployed], project: str) -> Iterator[Finding]:
    """Everything that differs, everybody who administers, and what could not be read."""
    yield from chain(
        identities.providers(api, resources, project),
        identities.keys(api, resources, project),
        buckets.settings(api, resources, project),
        buckets.models(api, resources, project),
        machine.machines(api, resources, project),
        fleet.fleets(api, resources, project),
        messages.messages(api, resources, project),
        messages.announcements(api, resources, project),
    )
    for each in policies.guarded(resources):
        yield from policies.compared(api, each, project)
    yield from policies.compared_project(api, policies.of_project(project, resources), project)


def _show(terminal: Terminal, found: Sequence[Finding]) -> None:
    """Differences first, then what is not known, who administers, and what is being replaced."""
    for each in (each for each in found if each.kind is Kind.DIFFERENCE):
        terminal.print(styled(f"✗ {shown(each.what, LONGEST)}", "red"), soft_wrap=True)
        terminal.print(styled(f"  that means: {shown(each.means, LONGEST)}"), soft_wrap=True)
        terminal.print(styled(f"  fix: {shown(each.fix, LONGEST)}"), soft_wrap=True)
    unread = [each for each in found if each.kind is Kind.NOT_READ]
    for each in unread:
        terminal.print(styled(f"? {shown(each.what, LONGEST)}", "yellow"), soft_wrap=True)
    if unread:
        terminal.print(styled(f"  fix: {unread[0].fix}"), soft_wrap=True)
    administrators = [each for each in found if each.kind is Kind.ADMINISTRATOR]
    if administrators:
        terminal.print("These may change it by their role; is each of them meant to?")
    for each in administrators:
        terminal.print(styled(f"  {shown(each.what, LONGEST)}"), soft_wrap=True)
    for each in (each for each in found if each.kind is Kind.PENDING):
        terminal.print(styled(f"… {shown(each.what, LONGEST)}", "yellow"), soft_wrap=True)
    if not any(each.kind is not Kind.ADMINISTRATOR for each in found):
        terminal.print(styled("✓ The cloud is as the stack deployed it.", "green"))
