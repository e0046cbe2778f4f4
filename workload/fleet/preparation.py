"""Turns a message into work: the pictures to classify, and where their records go.

A slice is read from its job's object, never from the message. It is refused, by a code, if it
belongs to another model, image or bucket than this machine has, or if its pictures have changed.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from workload import checkpoints, job
from workload.checkpoints import bucket_errors_fail_the_run
from workload.errors import SliceError, SliceFailure, TooLargeError
from workload.fleet import jobs, messages, records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from workload.fleet.messages import PictureMessage, SliceMessage
    from workload.fleet.records import Author
    from workload.records import Picture

JOBS: Final = 4
"""Job objects in memory: few jobs are at work at the same time."""


class ResultBucket(job.Bucket, Protocol):
    """The result bucket of a fleet; methods raise BucketError."""

    def create(
        self, name: str, content: Path, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> bool:
        """Creates an object; false if there is one of this name, which stays as it is."""


@dataclass(frozen=True, kw_only=True)
class SliceWork:
    """A slice of a job that is ready to be classified."""

    job: str
    piece: jobs.Slice
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, kw_only=True)
class StreamWork:
    """New pictures that are ready to be classified."""

    pictures: tuple[Picture, ...]


class Preparation:
    """Prepares messages for one worker."""

    def __init__(
        self,
        input_bucket: tuple[str, job.Bucket],
        result_bucket: ResultBucket,
        author: Author,
        folder: Path,
    ) -> None:
        """`input_bucket` has its name; `folder` is private."""
        self._input_name, self._input = input_bucket
        self._results = result_bucket
        self._author = author
        self._folder = folder
        self._job = lru_cache(JOBS)(self._read_job)

    def parse(
        self, message: Mapping[str, Any]
    ) -> SliceMessage | PictureMessage | messages.NothingToDo:
        """What a message asks for; SliceError."""
        return messages.parse(message, self._input_name)

    def slice_work(self, message: SliceMessage) -> SliceWork | None:
        """The work of a slice; None if its records are there already; SliceError.

        The reason is in the slice's cause object, if there is such a slice. Raises
        INPUT_NOT_READABLE, and RESULTS_NOT_WRITABLE if the job's object can't be read.
        """
        found = self._job(message.job)
        if message.number >= len(found.slices):
            raise SliceError(SliceFailure.SLICE_UNKNOWN)
        piece = found.slices[message.number]
        with bucket_errors_fail_the_run():
            if self._results.generation(jobs.records_name(message.job, piece.number)) is not None:
                return None
        try:
            self._require_own(found.head)
            pictures = self._listed(piece, found.head.newest)
        except SliceError as error:
            self._explain(message, error)
            raise
        return SliceWork(job=message.job, piece=piece, pictures=pictures)

    @staticmethod
    def stream_work(found: Sequence[PictureMessage]) -> StreamWork:
        """The work of new pictures."""
        return StreamWork(pictures=tuple(each.picture for each in found))

    def _require_own(self, head: jobs.Head) -> None:
        """SliceError if the job's records must come from another bucket, model or image."""
        origin = self._author.origin
        if head.input_bucket != self._input_name:
            raise SliceError(SliceFailure.OTHER_INPUT)
        if head.model_sha256 != origin.model_sha256:
            raise SliceError(SliceFailure.OTHER_MODEL)
        if head.image_digest != origin.image_digest:
            raise SliceError(SliceFailure.OTHER_IMAGE)

    def _listed(self, piece: jobs.Slice, newest: int) -> tuple[Picture, ...]:
        """The pictures of a slice; SliceError if they are not the ones that were submitted.

        Ignores those that came later.
        """
        listing = job.listing(self._input, piece.first)
        submitted = (picture for picture in listing if int(picture.generation) <= newest)
        pictures = tuple(islice(submitted, piece.pictures))
        if jobs.fingerprint(pictures) != piece.fingerprint:
            raise SliceError(SliceFailure.INPUT_CHANGED)
        return pictures

    def _explain(self, message: SliceMessage, error: SliceError) -> None:
        with bucket_errors_fail_the_run():
            write_cause(
                self._results,
                self._folder,
                jobs.cause_name(message.job, message.number),
                error.failure,
                self._author,
            )

    def _read_job(self, name: str) -> jobs.Job:
        """The job of this id; SliceError if there is none that `submit` could have written."""
        content = self._folder / "job.jsonl"
        with bucket_errors_fail_the_run():
            if self._results.generation(jobs.job_name(name)) is None:
                raise SliceError(SliceFailure.JOB_UNKNOWN)
            try:
                self._results.fetch(jobs.job_name(name), content, jobs.MAX_JOB_BYTES)
                with content.open(encoding="utf-8") as lines:
                    return jobs.parse(lines, name)
            except (TooLargeError, jobs.JobError) as error:
                raise SliceError(SliceFailure.JOB_UNKNOWN) from error
            finally:
                content.unlink(missing_ok=True)


def write_cause(
    bucket: checkpoints.ResultBucket,
    folder: Path,
    name: str,
    failure: SliceFailure,
    author: Author,
) -> None:
    """Writes why an attempt at a slice failed, in place of the cause before; BucketError."""
    image = author.origin.image_digest
    write(
        bucket, folder, name, records.cause(failure.code, failure.sentence, author.machine, image)
    )


def write(bucket: checkpoints.ResultBucket, folder: Path, name: str, content: bytes) -> None:
    """Creates or overwrites an object of JSON, by a file in a private folder; BucketError."""
    # Of its own: two threads write causes.
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(content)
        file.flush()
        bucket.write(name, Path(file.name), "application/json")
