"""Reads the object with the records of one slice, and checks all that can be checked.

Whoever can write the result bucket can have edited it. Its heading must be that of this slice of
this job; its records must be as many as the slice has pictures, in the order of names, from the
slice's first name on, and before the next slice's.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from ops.commands import SUBMIT
from ops.fleet.deployed import FleetError
from ops.records import is_record
from workload.fleet import jobs
from workload.fleet.records import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADING_BYTES: Final = 8 * 1024
"""More than a heading has."""
LONGEST_LINE: Final = 16 * 1024**2
"""Bytes of a record: a model can have 100,000 labels, and a record's best classes are fewer."""

MAX_BYTES: Final = 8 * 1024**3
"""Of the object: a few of them are on this machine's disk. The records of 65,536 pictures with a
thousand scores each take 4 GB."""


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What ran a slice."""

    engine: str
    scores: str
    machine: str
    started: dt.datetime
    finished: dt.datetime


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the records of one slice of a job are."""

    bucket: str
    job: jobs.Job
    number: int

    @property
    def slice(self) -> jobs.Slice:
        """The slice, as the job says."""
        return self.job.slices[self.number]

    @property
    def most_bytes(self) -> int:
        """More than the object has."""
        return min(MAX_BYTES, HEADING_BYTES + self.slice.pictures * LONGEST_LINE)

    @property
    def before(self) -> str | None:
        """The first name of the next slice; None of the last one."""
        following = self.job.slices[self.number + 1 : self.number + 2]
        return following[0].first if following else None

    def edited(self, what: str) -> FleetError:
        """An error about this object."""
        job = self.job.head.job
        name = f"gs://{self.bucket}/{jobs.records_name(job, self.number)}"
        return FleetError(
            f"{name}: {what}, so nothing of it is shown. Was it edited? Only the fleet's machines"
            f" write there. Delete it and run the slice again: gcloud storage rm {name} &&"
            f" {SUBMIT} --missing {job}"
        )


def heading(line: bytes, source: Source) -> Heading:
    """The heading in the first line of the object; FleetError if it is not that of the slice."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise source.edited("its first line is not JSON") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise source.edited("its first line is no heading of a slice")
    head = source.job.head
    expected: dict[str, Any] = {
        "job": head.job,
        "slice": source.number,
        "fingerprint": source.slice.fingerprint,
        "modelSha256": head.model_sha256,
        "imageDigest": head.image_digest,
    }
    other = [key for key, value in expected.items() if not _same(data.get(key), value)]
    if other:
        raise source.edited(f"its heading has another {', '.join(other)} than the job")
    try:
        return Heading(
            engine=_text(data["engine"]),
            scores=_text(data["scores"]),
            machine=_text(data["machine"]),
            started=_moment(data["started"]),
            finished=_moment(data["finished"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise source.edited("its heading is not whole") from error


def records(file: IO[bytes], source: Source) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Each line behind the heading, and what it holds; FleetError where the object was edited."""
    count, last = 0, ""
    while line := file.readline(LONGEST_LINE):
        record = _record(line)
        if record is None:
            raise source.edited(f"line {count + 2} is no record of a picture")
        name = record["name"]
        # As Cloud Storage lists names: by bytes of UTF-8, which is the order of Python's texts.
        in_order = name > last if count else name == source.slice.first
        if not in_order or (source.before is not None and name >= source.before):
            raise source.edited(f"line {count + 2} is of a picture that is not next in the slice")
        count, last = count + 1, name
        if count > source.slice.pictures:
            break
        yield line, record
    if count != source.slice.pictures:
        many = "more" if count > source.slice.pictures else "fewer"
        raise source.edited(f"it has {many} records than the slice has pictures")


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    whole = line.endswith(b"\n") and isinstance(record, dict) and is_record(record)
    return record if whole else None


def _same(got: object, expected: object) -> bool:
    return got == expected and type(got) is type(expected)  # True is 1, and no number of a slice


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _moment(value: object) -> dt.datetime:
    moment = dt.datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("a moment without a zone")
    return moment
