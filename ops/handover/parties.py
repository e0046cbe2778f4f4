"""Who the companies are to each other, by the configuration of a stack, whatever else it holds.

At this point a company may not know yet what the other keys need: so only these are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from infra import naming
from infra.config import validators
from infra.config.company_settings import Operator
from infra.config.problems import SettingsError
from infra.config.reader import Table
from ops.pulumi_command import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.stack_name import StackName

OPERATOR_KEYS = ("project", "projectNumber", "serviceAccount")
"""What Primus configures of an operator, and what an operator's file says."""


class Secundus(NamedTuple):
    """What stack secundus configures of itself and of the author."""

    us: Operator
    author_project: str
    author_number: str
    """empty where nothing is agreed yet, as the project"""
    handover: str
    """the path of the author's file, from the folder of Pulumi.yaml; empty: not set"""
    peer: bool
    """whether the author's stack is configured"""
    approved: tuple[str, ...] | None


def secundus(values: Mapping[str, object], stack: StackName) -> Secundus:
    """The configuration of a stack secundus; SettingsError if one of these keys is not valid."""
    table = Table(values, stack.full)
    project = table.text("project", validators.PROJECT)
    number = table.text("projectNumber", validators.NUMBER)
    account = table.table("names").text(
        "serviceAccount", validators.ACCOUNT, default=naming.WORKLOAD_ACCOUNT + stack.suffix
    )
    author = table.table("author")
    found = Secundus(
        us=Operator(
            project=project,
            project_number=number,
            service_account=naming.service_account(account, project),
        ),
        author_project=author.text("project", validators.PROJECT, default=""),
        author_number=author.text("projectNumber", validators.NUMBER, default=""),
        handover=table.text("handover", validators.PATH, default=""),
        peer=table.has("peer"),
        approved=table.texts("approvedDigests", validators.DIGEST)
        if table.has("approvedDigests")
        else None,
    )
    _require(table, stack)
    return found


def operator_of_primus(
    values: Mapping[str, object], stack: StackName, name: str | None
) -> dict[str, str]:
    """What stack primus configures of an operator; empty if it configures no such operator."""
    table = Table(values, stack.full)
    every = table.objects("operators", validators.FREE_NAME, validators.OPERATORS)
    if name is None and every and not table.has("operator"):
        raise StackError(
            f"stack {stack.full} has only operators with names: which one is meant? Add --operator"
            f" and one of {', '.join(sorted(every))}, or a new name"
        )
    found = table.table("operator") if name is None else every.get(name, Table({}, stack.full))
    rules = (validators.PROJECT, validators.NUMBER, validators.SERVICE_ACCOUNT)
    texts = {
        each: found.text(each, rule, default="")
        for each, rule in zip(OPERATOR_KEYS, rules, strict=True)
    }
    _require(table, stack)
    if texts["project"] and not texts["serviceAccount"]:
        account = naming.WORKLOAD_ACCOUNT + stack.suffix
        texts["serviceAccount"] = naming.service_account(account, texts["project"])
    return texts if any(texts.values()) else {}


def _require(table: Table, stack: StackName) -> None:
    if table.problems:
        raise SettingsError(stack.full, tuple(table.problems))
