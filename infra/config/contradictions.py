"""Values that are each as they must be, and defeat each other: told like any other problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra import naming
from infra.config import validators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.reader import Table


def reader_as_operator(operator: Table, account: str, reader: str, project: str) -> None:
    """The operator's account must not be the one that reads the model."""
    if account and account == naming.service_account(reader, project):
        operator.refuse(
            "serviceAccount",
            validators.SERVICE_ACCOUNT,
            got=repr(account),
            expected="another account than the model's reader (names.serviceAccount)",
            otherwise="whoever runs a machine as it would read the model without any attestation",
            # Without the key it is the default of the operator's project.
            mend=operator.command("rm", "serviceAccount")
            if operator.has("serviceAccount")
            else None,
        )


def two_numbers(other: Table, theirs: tuple[str, str], ours: tuple[str, str]) -> None:
    """Id and number of both projects: one company may be both, as in a trial, but not by halves."""
    same = [a == b for a, b in zip(theirs, ours, strict=True)]
    if all((*theirs, *ours)) and any(same) and not all(same):
        other.refuse(
            "projectNumber",
            validators.NUMBER,
            got=f"{theirs[1]} of project {theirs[0]}",
            expected=f"one number for one project; project {ours[0]} has {ours[1]} (projectNumber)",
            otherwise="they mean two projects, so no token and no handover would fit both",
        )


def one_member_twice(table: Table, members: Sequence[str]) -> None:
    """Google does not tell addresses by case, and so makes one binding of two grants."""
    folded = [member.casefold() for member in members]
    for n, member in enumerate(members):
        # What is written alike is told already, and what is no member is empty here.
        if member and folded[n] in folded[:n] and member not in members[:n]:
            table.refuse(
                f"operators[{n}]",
                validators.MEMBER,
                got=repr(member),
                expected="each member once, in whatever case",
                otherwise="both are one grant to Google, and removing either would remove it",
                mend=table.command("rm", f"operators[{n}]"),
            )


def too_many_labels(table: Table, labels: Sequence[str]) -> None:
    """More than Google takes on one resource."""
    if len(labels) > validators.MAX_LABELS:
        table.refuse(
            "labels",
            validators.LABEL_KEY,
            got=f"{len(labels)} labels",
            expected=f"at most {validators.MAX_LABELS}: Google takes 64, and one is Pulumi's own",
            mend=table.command("rm", f"labels.{labels[-1]}"),
        )
