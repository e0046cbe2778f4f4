"""A job of a fleet: one listing of the input bucket, cut into slices, in one object.

`submit` writes that object to the result bucket before it publishes a message for each slice, and
only then. A message names the job and the number of a slice, nothing else: what a slice holds is
in this object. So whoever can publish a message can neither choose objects nor forge a slice.
Pure: it stores nothing. The commands of Secundus use it, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workload import checkpoints

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from workload.records import Picture

SCHEMA: Final = "confidential-inference/job/v1"
FOLDER: Final = "jobs/"
"""All objects below this prefix belong to jobs: `jobs/JOB/…`."""
STREAM: Final = "stream/"
"""All objects below this prefix are records of a stream: one object for each picture."""
WORKERS: Final = "workers/"
"""All objects below this prefix say why a worker failed: one object for each machine."""

ID: Final = r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}"
"""Of a job: the moment of its submission in UTC, and a random part."""
STEP: Final = checkpoints.PICTURES_PER_PART
"""Slices hold a multiple of this, so that no batch holds pictures of two slices: a record then does
not depend on how many machines there are."""
MOST_PICTURES: Final = 65_536
"""Of one slice: its listing is in memory."""
MAX_JOB_BYTES: Final = 64 * 1024**2
"""Of the object: 10 million pictures in slices of 512 take about 7 MB, with names of 100 bytes."""

MAX_NAME: Final = 1024
"""Bytes of an object's name: https://docs.cloud.google.com/storage/docs/objects#naming"""
_DIGEST: Final = r"sha256:[0-9a-f]{64}"
_SHA256: Final = r"[0-9a-f]{64}"


class JobError(Exception):
    """The text is no job, or it is the text of another job."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """So many pictures of the listing, from one name on."""

    number: int
    """from 0, in the order of the listing"""
    first: str
    """the name of the first picture"""
    pictures: int
    fingerprint: str
    """`fingerprint` of the pictures as `submit` listed them"""

    def line(self) -> str:
        """The slice as one line of the job's object."""
        return _line(
            {
                "slice": self.number,
                "first": self.first,
                "pictures": self.pictures,
                "fingerprint": self.fingerprint,
            }
        )


@dataclass(frozen=True, kw_only=True)
class Head:
    """What holds for a whole job: its records come from one bucket, one model, and one image."""

    job: str
    input_bucket: str
    model_sha256: str
    image_digest: str
    pictures: int
    slices: int
    pictures_per_slice: int
    newest: int
    """The generation of an object that was made just before the listing. Pictures of a greater one
    came later: `submit` and the workers leave them out, wherever the listing was when they came.
    Google promises neither that generations grow with time nor that those of two buckets compare.
    So `submit` says how many it left out, and the fingerprint of a slice must match in any case."""
    submitted: str
    """RFC 3339, UTC"""

    def line(self) -> str:
        """The head as the first line of the job's object."""
        return _line(
            {
                "schema": SCHEMA,
                "job": self.job,
                "inputBucket": self.input_bucket,
                "modelSha256": self.model_sha256,
                "imageDigest": self.image_digest,
                "pictures": self.pictures,
                "slices": self.slices,
                "picturesPerSlice": self.pictures_per_slice,
                "newest": self.newest,
                "submitted": self.submitted,
            }
        )


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job: its head and all its slices."""

    head: Head
    slices: tuple[Slice, ...]


def job_name(job: str) -> str:
    """The object with the job itself."""
    return f"{FOLDER}{job}/job.jsonl"


def beginning_name(job: str) -> str:
    """The object whose generation is the head's `newest`; it is there for a moment only."""
    return f"{FOLDER}{job}/beginning"


def records_folder(job: str) -> str:
    """The prefix of the objects with the records of a job, one for each slice."""
    return f"{FOLDER}{job}/records/"


def records_name(job: str, number: int) -> str:
    """The object with the records of one slice; its name sorts by the slice's number."""
    return f"{records_folder(job)}{number:07}.jsonl"


def causes_folder(job: str) -> str:
    """The prefix of the objects that say why a slice failed."""
    return f"{FOLDER}{job}/causes/"


def cause_name(job: str, number: int) -> str:
    """The object that says why the last attempt at a slice failed."""
    return f"{causes_folder(job)}{number:07}.json"


def worker_name(machine: str) -> str:
    """The object that says why the worker of a machine failed."""
    return f"{WORKERS}{machine}.json"


def stream_name(picture: str, generation: str) -> str:
    """The object with the record of one picture of a stream; for any name of a picture."""
    return f"{STREAM}{hashlib.sha256(picture.encode()).hexdigest()}/{generation}.jsonl"


def is_name(text: str) -> bool:
    """Whether an object can have this name: JSON can hold texts that UTF-8 and URLs cannot."""
    try:
        return 0 < len(text.encode()) <= MAX_NAME and not re.search(r"[\r\n]|^\.\.?$", text)
    except UnicodeEncodeError:
        return False


def message(job: str, number: int) -> bytes:
    """The data of the message for one slice."""
    return _line({"job": job, "slice": number}).encode()


def fingerprint(pictures: Iterable[Picture]) -> str:
    """Hash of a listing: another name, generation or listed size gives another one."""
    return checkpoints.listing_hash(pictures)


def parse(lines: Iterable[str], job: str) -> Job:
    """A job from the lines of its object; JobError for anything that `submit` does not write."""
    parsed = _objects(lines)
    head = _head(next(parsed, None))
    if head.job != job:
        raise JobError(f"it is job {head.job!r}")
    slices = tuple(_slice(data, number) for number, data in enumerate(parsed))
    if len(slices) != head.slices or sum(each.pictures for each in slices) != head.pictures:
        raise JobError(f"{len(slices)} slices, expected {head.slices}; or they lack pictures")
    return Job(head=head, slices=slices)


def _head(data: object) -> Head:
    match data:
        case {
            "schema": schema,
            "job": str() as job,
            "inputBucket": str() as bucket,
            "modelSha256": str() as model,
            "imageDigest": str() as image,
            "pictures": int() as pictures,
            "slices": int() as slices,
            "picturesPerSlice": int() as step,
            "newest": int() as newest,
            "submitted": str() as submitted,
        } if schema == SCHEMA and re.fullmatch(_SHA256, model) and re.fullmatch(_DIGEST, image):
            return Head(
                job=job,
                input_bucket=bucket,
                model_sha256=model,
                image_digest=image,
                pictures=pictures,
                slices=slices,
                pictures_per_slice=step,
                newest=newest,
                submitted=submitted,
            )
    raise JobError("its first line is no head of a job")


def _slice(data: object, number: int) -> Slice:
    match data:
        case {
            "slice": int() as own,
            "first": str() as first,
            "pictures": int() as pictures,
            "fingerprint": str() as found,
        } if (
            own == number
            and 0 < pictures <= MOST_PICTURES
            and is_name(first)
            and re.fullmatch(_SHA256, found)
        ):
            return Slice(number=number, first=first, pictures=pictures, fingerprint=found)
    raise JobError(f"line {number + 2} is not slice {number}")


def _objects(lines: Iterable[str]) -> Iterator[object]:
    try:
        for line in lines:
            yield json.loads(line)
    except (ValueError, RecursionError) as error:
        raise JobError("a line is not JSON") from error


def _line(data: Mapping[str, Any]) -> str:
    return json.dumps(data) + "\n"
