"""The cause of each code with which a fleet's machine refuses a slice or a message.

docs/errors.md is generated from this table: `python -m ops.error_table`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.attestation.clause import Party
from ops.cause import Cause, RefusedBy, Seen
from ops.commands import SECUNDUS, SUBMIT
from workload.errors import SliceFailure

if TYPE_CHECKING:
    from collections.abc import Mapping


def _operator(when: str, fix: str, seen: Seen = Seen.CAUSE) -> Cause:
    return Cause(when, RefusedBy.WORKLOAD, Party.OPERATOR, fix, "6 deliveries", seen)


_NEW_JOB: Final = f"submit a new job: {SUBMIT}"

_WHO: Final = "gcloud pubsub topics get-iam-policy TOPIC --project PROJECT"

SLICES: Final[Mapping[SliceFailure, Cause]] = {
    SliceFailure.MESSAGE_MALFORMED: _operator(
        "somebody published a message that is neither from `submit` nor from Cloud Storage",
        f"let nobody publish but `fleet.submitters` and Cloud Storage; who may: {_WHO}",
        Seen.DEAD_LETTER,
    ),
    SliceFailure.JOB_UNKNOWN: _operator(
        "`jobs/JOB/job.jsonl` was deleted or edited after its messages were published; or somebody"
        " published a message for a job that does not exist",
        _NEW_JOB,
        Seen.DEAD_LETTER,
    ),
    SliceFailure.SLICE_UNKNOWN: _operator(
        "a message that somebody else than `submit` published names a slice that the job does not"
        " have",
        f"let nobody publish but `fleet.submitters` and Cloud Storage; who may: {_WHO}",
        Seen.DEAD_LETTER,
    ),
    SliceFailure.OTHER_INPUT: _operator(
        "the stack's input bucket is another one than when the job was submitted; or the message is"
        " about a new picture of another bucket",
        f"{_NEW_JOB}; upload a new picture into the stack's input bucket",
        Seen.CAUSE_OR_DEAD_LETTER,
    ),
    SliceFailure.OTHER_MODEL: _operator(
        "the stack has taken another model since the job was submitted, so its records would be of"
        " two models",
        f"{_NEW_JOB}; or deploy the model of the job again: {SECUNDUS}",
    ),
    SliceFailure.OTHER_IMAGE: _operator(
        "the stack has taken another image since the job was submitted, so its records would be of"
        " two images",
        f"{_NEW_JOB}; or deploy the image of the job again: {SECUNDUS}",
    ),
    SliceFailure.TRANSIENT_FAILURES: Cause(
        "Cloud Storage did not give some pictures of the slice, or a decoder died or took too long",
        RefusedBy.WORKLOAD,
        None,
        "wait: after the last delivery the slice has records, with the codes of these pictures; if"
        f" they stay, {_NEW_JOB}; if the slice was given up (its machine was lost in the last"
        f" delivery): {SUBMIT} --missing JOB",
        "6 deliveries",
        Seen.CAUSE,
    ),
    SliceFailure.INPUT_CHANGED: _operator(
        "a picture of the slice was replaced or removed since `submit` listed it; pictures that"
        " are only added, also while it lists, belong to no slice, and do no harm",
        f"replace and remove no pictures while a job is at work; {_NEW_JOB}",
    ),
}
"""Pub/Sub delivers a message that is given back 6 times, then makes it a dead letter."""
