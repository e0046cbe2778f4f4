"""Values that are valid each by itself and defeat one another: problems like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.config import machine_types, validators

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.reader import Table


def no_hardware(table: Table, kinds: Sequence[str]) -> None:
    """An empty list would admit no machine."""
    if not kinds:
        table.refuse("hardware[0]", got="an empty list")


def nothing_approved(table: Table, approved: Sequence[str] | None) -> None:
    """An empty list is no way to say "any": it would be read as such too easily."""
    if approved is not None and not approved:
        table.refuse(
            "approvedDigests",
            expected="at least one digest, or the key left out to approve any",
            consequence="an empty list approves nothing, so nothing could be launched",
            fix=table.command("rm", "approvedDigests"),
        )


def reader_as_operator(operator: Table, account: str, readers: Sequence[str]) -> None:
    """The operator's account must not be one that reads a model."""
    if account and account in readers:
        operator.refuse(
            "serviceAccount",
            got=repr(account),
            expected="another account than a model's reader (names.serviceAccount)",
            consequence="whoever runs a machine as it would read the model without any attestation",
            # Without the key it is the default of the operator's project.
            fix=operator.command("rm", "serviceAccount")
            if operator.has("serviceAccount")
            else None,
        )


def two_numbers(other: Table, theirs: tuple[str, str], ours: tuple[str, str]) -> None:
    """Id and number of both projects: one company may be both, as in a trial, but not by halves."""
    same = [a == b for a, b in zip(theirs, ours, strict=True)]
    if all((*theirs, *ours)) and any(same) and not all(same):
        other.refuse(
            "projectNumber",
            got=f"{theirs[1]} of project {theirs[0]}",
            expected=f"one number for one project; project {ours[0]} has {ours[1]} (projectNumber)",
            consequence="they mean two projects, so no token and no handover would fit both",
        )


def two_sources(table: Table) -> None:
    """The handover comes from a stack or from a file: each of them may say something else."""
    if table.has("peer") and table.has("handover"):
        table.refuse(
            "handover",
            expected="either the file `handover` or the stack `peer`",
            consequence="they may name two images, and it would be unclear which one is launched",
            fix=table.command("rm", "peer"),
        )


def one_bucket_for_both(names: Table, inputs: str, results: str) -> None:
    """Pictures and results need two buckets."""
    if inputs and inputs == results:
        names.refuse(
            "resultBucket",
            expected="another bucket than names.inputBucket",
            consequence="results would be listed among the pictures, and the workload refuses that",
        )


def machine_without_type(table: Table, confidential_type: str, machine_type: str) -> None:
    """The machine must support the confidential type."""
    if confidential_type and machine_type:
        if machine_types.fits(confidential_type, machine_type):
            return
        table.refuse(
            "machineType",
            expected=f"a machine that attests with {confidential_type}:"
            f" {machine_types.examples(confidential_type)} or another size of these families",
            consequence="Google would refuse the machine, or its memory would not be encrypted",
            fix=table.command(
                "set", "machineType", machine_types.DEFAULT_MACHINE[confidential_type]
            ),
        )


def no_pictures_to_follow(table: Table) -> None:
    """Without `pictures`, the stack does not know what the input bucket holds."""
    table.refuse(
        "run",
        expected="another text, or `pictures` set to the folder that this stack uploads",
        consequence="this stack could not know when there is a new picture, so no machine would"
        " run again",
        fix=table.command("set", "pictures", "FOLDER"),
    )


def one_member_twice(table: Table, key: str, members: Sequence[str]) -> None:
    """Google does not tell addresses by case, and so makes one binding of two grants."""
    folded = [member.casefold() for member in members]
    for n, member in enumerate(members):
        # The reader has reported equal entries, and read an invalid one as an empty text.
        if member and folded[n] in folded[:n] and member not in members[:n]:
            table.refuse(
                f"{key}[{n}]",
                got=repr(member),
                expected="each member once, in whatever case",
                consequence="both are one grant to Google, and removing either would remove it",
                fix=table.command("rm", f"{key}[{n}]"),
            )


def too_many_labels(table: Table, labels: Sequence[str]) -> None:
    """Google limits the labels of one resource."""
    if len(labels) > validators.MAX_LABELS:
        table.refuse(
            "labels",
            got=f"{len(labels)} labels",
            expected=f"at most {validators.MAX_LABELS}: Google takes 64, and one is Pulumi's own",
            fix=table.command("rm", f"labels.{labels[-1]}"),
        )
