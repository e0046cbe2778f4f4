"""The configuration of the stack, alone and beside that of the other company where it is here."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from infra.attestation.release_policy import MAX_SUBJECT
from infra.config import primus_settings, secundus_settings
from infra.config.primus_settings import PrimusSettings
from infra.config.problems import NAMESPACE, SettingsError
from infra.handover import NAMED, OUTPUT, HandoverError
from infra.handover_checks import accepted, own
from ops.commands import OPS
from ops.doctor.check import not_checked, not_ok, ok
from ops.handover import parties
from ops.pulumi_command import StackError
from ops.stack_configuration import configuration
from ops.stack_outputs import all_outputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.config.secundus_settings import SecundusSettings
    from infra.stack_name import StackName
    from ops.doctor.check import Check

NAME: Final = "configuration"
BOTH: Final = "both companies"
SUBJECT: Final = "subject of the token"
_INSTANCE: Final = "9" * 20


def settings(
    values: Mapping[str, object], stack: StackName
) -> tuple[PrimusSettings | SecundusSettings | None, Check]:
    """The settings, and whether they are complete and valid."""
    try:
        if stack.company == "primus":
            return primus_settings.parse(values, stack), ok(NAME, "complete and valid")
        return secundus_settings.parse(values, stack), ok(NAME, "complete and valid")
    except SettingsError as error:
        keys = ", ".join(problem.key for problem in error.problems)
        return None, not_ok(NAME, f"problems with {keys}", f"pulumi preview --stack {stack.full}")


def subject(found: PrimusSettings | SecundusSettings) -> Check:
    """The mapped subject of a machine's token fits into Google's limit."""
    longest = max(
        len(f"gcpcs::sha256:{'0' * 64}::{number}::{_INSTANCE}".encode())
        for number in (found.project_number, *_operators(found))
    )
    if longest > MAX_SUBJECT:
        return not_ok(SUBJECT, f"{longest} bytes of {MAX_SUBJECT}", "report this as an issue")
    return ok(SUBJECT, f"at most {longest} bytes of {MAX_SUBJECT}")


def _operators(found: PrimusSettings | SecundusSettings) -> list[str]:
    return (
        [each.project_number for each in found.releases]
        if isinstance(found, PrimusSettings)
        else []
    )


def agreement(found: PrimusSettings | SecundusSettings, stack: StackName) -> Iterator[Check]:
    """Whether both companies mean each other, as far as the other's stack can be read here."""
    if isinstance(found, PrimusSettings):
        yield from _of_primus(found, stack.full, replace(stack, company="secundus"))
    else:
        yield from _of_secundus(found, stack.of("primus"))


def _of_primus(found: PrimusSettings, stack: str, other: StackName) -> Iterator[Check]:
    try:
        machine = parties.secundus(configuration(other.full, os.environ), other).us
    except StackError:
        why = f"the stack {other.full} is not in this backend, or not yours to read"
        yield not_checked(BOTH, why)
        return
    except SettingsError as error:
        keys = ", ".join(problem.key for problem in error.problems)
        why = f"problems of the stack {other.full} with {keys}"
        yield not_checked(BOTH, why, f"{OPS} doctor --stack {other.full}")
        return
    email, project, number = machine.service_account, machine.project, machine.project_number
    admitted = {(each.project_number, each.service_account): each for each in found.releases}
    if (number, email) in admitted:
        yield ok(BOTH, f"this stack admits {email} of project number {number}")
    else:
        listed = ", ".join(f"{account} of {number}" for number, account in admitted)
        yield not_ok(
            BOTH,
            f"the machine of the stack {other.full} runs as {email} of project number {number}, and"
            f" this stack admits {listed}",
            f"pulumi config set --stack {stack} --path '{NAMESPACE}:operator.project' {project}"
            " (projectNumber, serviceAccount too), or mend the other stack",
        )


def _of_secundus(found: SecundusSettings, other: str) -> Iterator[Check]:
    if found.handover:
        yield not_checked(
            BOTH,
            "this stack takes a file of the other company",
            f".venv/bin/confidential-inference handover check {found.handover}",
        )
        return
    peer = found.peer or other
    try:
        published = all_outputs(peer, os.environ)
    except StackError:
        published = {}
    if not {OUTPUT, NAMED} & set(published):
        yield not_checked(BOTH, f"the stack {peer} has not deployed yet, or is not in this backend")
        return
    try:
        accepted(own(published, found.operator, peer), found.author, found.operator, peer)
    except HandoverError as error:
        first = str(error).partition("\n")[0]
        yield not_ok(BOTH, first, "pulumi preview --stack secundus   # says all of it")
    else:
        yield ok(BOTH, f"the stack {peer} admits this stack's machine")
