"""What a worker writes to the result bucket: records of slices and of new pictures, and causes.

Each object of records has a name that follows from its work, and is only ever created, never
overwritten. So a message that is delivered twice changes nothing, whoever works on it. Pure.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workload import records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workload.checkpoints import Origin
    from workload.fleet.jobs import Slice
    from workload.records import Outcome, Picture

SCHEMA: Final = "confidential-inference/slice/v1"
CAUSE_SCHEMA: Final = "confidential-inference/cause/v1"


@dataclass(frozen=True, kw_only=True)
class Author:
    """Who writes: the machine, and everything that its records depend on besides the pictures."""

    machine: str
    origin: Origin

    def heading(self, job: str, piece: Slice, started: dt.datetime, finished: dt.datetime) -> str:
        """The first line of the records of a slice."""
        return records.line(
            {
                "schema": SCHEMA,
                "job": job,
                "slice": piece.number,
                "fingerprint": piece.fingerprint,
                **self.provenance,
                "started": _rfc3339(started),
                "finished": _rfc3339(finished),
            }
        )

    @property
    def provenance(self) -> dict[str, str]:
        """Where records come from; the metadata of the object with the record of a new picture."""
        return {
            "modelSha256": self.origin.model_sha256,
            "engine": self.origin.engine,
            "scores": self.origin.scores,
            "imageDigest": self.origin.image_digest or "",
            "machine": self.machine,
        }

    def published(self, outcomes: Iterable[tuple[Picture, Outcome]]) -> str:
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
