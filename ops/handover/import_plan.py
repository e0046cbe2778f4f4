"""What an import would do: which file goes where, and which commands change the configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.config.releases import operator_key
from infra.handover import HandoverError
from infra.handover_file import FROM_AUTHOR
from ops.handover import files, operator_file
from ops.handover.author_file import accepted, author_of
from ops.handover.differences import Difference, differences
from ops.input_file import STANDARD
from ops.pulumi_command import typed
from ops.stack_configuration import remove, set_all

if TYPE_CHECKING:
    from infra.handover_file import HandoverFile
    from infra.stack_name import StackName
    from ops.handover.parties import Secundus
    from ops.pulumi_command import Command


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an import of one file into one stack means and does."""

    first: bool
    """nothing was agreed before, so nothing can contradict the file"""
    differences: list[Difference]
    commands: list[Command]
    put: Path | None = None
    """where the file goes; None: nowhere, or it is there already"""
    approve: Command | None = None
    """what somebody should do after reading the code, and no import does"""

    @property
    def empty(self) -> bool:
        """Whether everything is as the file says already."""
        return self.put is None and not self.commands

    @property
    def words(self) -> str:
        """What the import does, with each command on a line of its own."""
        wrote = f"writes {os.path.relpath(self.put)}" if self.put else ""
        runs = "runs:" if self.commands else ""
        first = f"The import {' and '.join(filter(None, (wrote, runs)))}"
        return "\n".join([first, *(f"  {typed(each)}" for each in self.commands)])


def for_secundus(
    file: HandoverFile, source: str, secundus: Secundus, stack: str, folder: Path
) -> Plan:
    """The plan for an author's file; HandoverError if this company cannot use its values."""
    handover = accepted(file, source, secundus)
    name = secundus.handover or f"handover.{stack.rpartition('/')[2]}.json"
    place = Path(folder, os.path.expanduser(name))  # noqa: PTH111  as infra.config.keys reads paths
    there = place.exists() and source != STANDARD and place.samefile(source)
    agreed = _since(place, file, source) if place.exists() and not there else []
    values = {}
    if not secundus.author_project:
        values["author.project"] = author_of(file.values).project
    if not secundus.author_number:
        values["author.projectNumber"] = author_of(file.values).project_number
    if not secundus.handover:
        values["handover"] = name
    digest = handover.image.partition("@")[2]
    approved = secundus.approved
    return Plan(
        first=not place.exists() or (there and not secundus.handover),
        differences=agreed,
        commands=[
            *([set_all(stack, values)] if values else []),
            *([remove(stack, "peer")] if secundus.peer else []),
        ],
        put=None if there else place,
        approve=set_all(stack, {f"approvedDigests[{len(approved or ())}]": digest})
        if approved is None or digest not in approved
        else None,
    )


def _since(place: Path, file: HandoverFile, source: str) -> list[Difference]:
    """What the file says otherwise than the one in place, which may have expired by now."""
    try:
        before = files.read(str(place))
    except HandoverError:
        unreadable = "what is in place cannot be read, so what was agreed is not known"
        return [Difference("file", f"{place}", "this file", unreadable)]
    return since(before, file, f"{place}", source)


def since(before: HandoverFile, file: HandoverFile, earlier: str, source: str) -> list[Difference]:
    """What a file says otherwise than an earlier one; an older file is a difference, too.

    HandoverError if they are of two directions.
    """
    if before.kind != file.kind:
        raise HandoverError(
            f"{source} is from {file.kind.sender}, but {earlier} is from {before.kind.sender}: only"
            " files of one direction can be compared; nothing was changed"
        )
    found = differences(before.values, file.values)
    if file.issued < before.issued:
        older = "the file is older than what was agreed: somebody may have withdrawn what it says"
        found.append(Difference("made", before.issued.isoformat(), file.issued.isoformat(), older))
    return found


def for_primus(
    file: HandoverFile, source: str, configured: dict[str, str], stack: str, operator: str | None
) -> Plan:
    """The plan for an operator's file; HandoverError if nobody could be admitted by it."""
    values = operator_file.accepted(file.values, source)
    changed = differences(configured, values)
    prefix = operator_key(operator)
    keys = {f"{prefix}.{key}": text for key, text in values.items()}
    return Plan(
        first=not configured,
        differences=changed if configured else [],
        commands=[set_all(stack, keys)] if changed else [],
    )


def require_direction(file: HandoverFile, source: str, stack: StackName) -> None:
    """HandoverError if the file is for the other company's stack."""
    wanted = "secundus" if file.kind == FROM_AUTHOR else "primus"
    if stack.company != wanted:
        raise HandoverError(
            f"{source} is from {file.kind.sender}, so it is for a stack of {wanted}, but got stack"
            f" {stack.full!r}, which has nothing to take from it; nothing was changed. Name the"
            f" stack of {wanted}: --stack {wanted}"
        )
