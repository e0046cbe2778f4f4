"""The fleet of a stack, by the stack's outputs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.naming import bucket_of
from infra.untrusted_text import described
from ops.commands import AGAIN, SECUNDUS
from ops.pulumi_command import StackError
from ops.records import ResultsError
from ops.stack_outputs import outputs
from workload.fleet import jobs

if TYPE_CHECKING:
    from collections.abc import Mapping

SET_A_FLEET: Final = (
    "pulumi config rm run --stack secundus && pulumi config set --path fleet.mostMachines 4 --stack"
    f" secundus && {SECUNDUS}"
)
"""The command that makes a fleet of a stack with one machine, whose key `run` a fleet refuses."""

_FORMS: Final = {
    "inputUri": r"gs://[^/]+/?",
    "resultUri": r"gs://[^/]+/?",
    "image": r".+@sha256:[0-9a-f]{64}",
}
_FORMS_OF_FLEET: Final = {
    "topic": "projects/[^/]+/topics/[^/]+",
    "deadLetters": "projects/[^/]+/subscriptions/[^/]+",
    "modelSha256": "[0-9a-f]{64}",
    "picturesPerSlice": "[0-9]{1,9}",
}


class FleetError(ResultsError):
    """The command could not do its work; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """What a job needs to know about the deployed fleet."""

    stack: str
    input_bucket: str
    result_bucket: str
    image_digest: str
    model_sha256: str
    topic: str
    """projects/PROJECT/topics/TOPIC"""
    dead_letters: str
    """projects/PROJECT/subscriptions/SUBSCRIPTION"""
    pictures_per_slice: int


def from_stack(stack: str, environment: Mapping[str, str]) -> Fleet:
    """The fleet of a stack of the current folder; FleetError if it has none."""
    try:
        return of_outputs(stack, outputs(stack, "inputUri", environment))
    except StackError as error:
        raise FleetError(str(error)) from error


def of_outputs(stack: str, exported: Mapping[str, Any]) -> Fleet:
    """The fleet in the outputs of a stack; FleetError that names every output that is not right."""
    fleet = exported.get("fleet")
    if not fleet:
        raise FleetError(
            f"the stack {stack} has no fleet, but one machine, which classifies every picture of"
            f" the input bucket whenever it starts: it has no jobs. Start it again: {AGAIN}. Or"
            f" deploy a fleet in its place: {SET_A_FLEET}"
        )
    found = dict(fleet) if isinstance(fleet, dict) else {}
    wrong = [
        f"{name} (got {described(values.get(name))})"
        for forms, values in ((_FORMS, exported), (_FORMS_OF_FLEET, found))
        for name, form in forms.items()
        if not re.fullmatch(form, str(values.get(name)))
    ]
    if wrong:
        raise FleetError(
            f"the stack {stack} was deployed by another version of this program: its outputs do not"
            f" have the expected form: {', '.join(wrong)}. Deploy it again: {SECUNDUS}"
        )
    return Fleet(
        stack=stack,
        input_bucket=bucket_of(exported["inputUri"]),
        result_bucket=bucket_of(exported["resultUri"]),
        image_digest=str(exported["image"]).rpartition("@")[2],
        model_sha256=found["modelSha256"],
        topic=found["topic"],
        dead_letters=found["deadLetters"],
        pictures_per_slice=_per_slice(int(found["picturesPerSlice"])),
    )


def _per_slice(pictures: int) -> int:
    """The number of pictures in a slice; FleetError for one that no worker takes."""
    if not 0 < pictures <= jobs.MOST_PICTURES or pictures % jobs.STEP:
        raise FleetError(
            f"got {pictures} pictures for each slice, expected a multiple of {jobs.STEP}, at most"
            f" {jobs.MOST_PICTURES}, so nothing was submitted. Change it: pulumi config set --path"
            f" fleet.picturesPerSlice 4096 --stack secundus && {SECUNDUS}"
        )
    return pictures
