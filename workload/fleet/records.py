"""What a worker writes to the result bucket: records of slices and of new pictures, and causes.

Each object of records has a name that follows from its work, and is only ever created, never
overwritten. So a message that is delivered twice changes nothing, whoever works on it. Pure.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workload import records
from workload.fleet import jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workload.checkpoints import Origin
    from workload.fleet.jobs import Slice
    from workload.records import Outcome, Picture

    Outcomes = Sequence[tuple[Picture, Outcome]]

SCHEMA: Final = "confidential-inference/slice/v1"
CAUSE_SCHEMA: Final = "confidential-inference/cause/v1"


@dataclass(frozen=True, kw_only=True)
class Author:
    """Who writes: the machine, and everything that its records depend on besides the pictures."""

    machine: str
    origin: Origin

    def slice_records(
        self,
        job: str,
        piece: Slice,
        outcomes: Outcomes,
        started: dt.datetime,
        finished: dt.datetime,
    ) -> bytes:
        """The records of a slice, below a heading that says where they come from."""
        heading = {
            "schema": SCHEMA,
            "job": job,
            "slice": piece.number,
            "fingerprint": piece.fingerprint,
            "modelSha256": self.origin.model_sha256,
            "engine": self.origin.engine,
            "scores": self.origin.scores,
            "imageDigest": self.origin.image_digest,
            "machine": self.machine,
            "started": _rfc3339(started),
            "finished": _rfc3339(finished),
        }
        return (records.line(heading) + self._published(outcomes)).encode()

    def picture_record(self, picture: Picture, outcome: Outcome) -> tuple[str, bytes]:
        """The name and the content of the object with the record of one new picture."""
        name = jobs.stream_name(picture.name, picture.generation)
        return name, self._published([(picture, outcome)]).encode()

    def _published(self, outcomes: Outcomes) -> str:
        """The records as in `results.jsonl`."""
        return "".join(
            records.line(records.rounded(records.record(*each), self.origin.scores))
            for each in outcomes
        )


def cause(error: str, reason: str, machine: str, image_digest: str | None) -> bytes:
    """Why a slice or a worker failed."""
    data = {
        "schema": CAUSE_SCHEMA,
        "error": error,
        "reason": reason,
        "machine": machine,
        "imageDigest": image_digest,
    }
    return records.line(data).encode()


def _rfc3339(time: dt.datetime) -> str:
    return time.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
