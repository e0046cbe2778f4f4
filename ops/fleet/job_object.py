"""The object of a job in the result bucket: written once, before any message, and read back."""

from __future__ import annotations

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final

from google.api_core.exceptions import NotFound, PreconditionFailed

from infra.untrusted_text import shown
from ops import results
from ops.commands import SUBMIT
from ops.fleet import stored
from ops.fleet.deployed import FleetError
from ops.fleet.stored import AT_ONCE
from ops.fleet.temporary import errors_of_disk
from workload.fleet import jobs

if TYPE_CHECKING:
    import datetime as dt

    from google.cloud import storage

LAST: Final = "last"
"""In place of a job's id: the newest job."""


def beginning(bucket: storage.Bucket, job: str) -> int:
    """The generation that an object of the result bucket gets now, by Google's clock.

    The object is empty, and removed at once. No version of it stays, but soft delete may keep it.
    Where Google refuses to remove it (a retention policy, for example), it stays and harms nothing.
    A bucket that keeps versions also keeps that of an upload whose answer was lost.
    """
    blob = bucket.blob(jobs.beginning_name(job))
    # Without a precondition: one would refuse a repeated upload, whose first answer was lost.
    blob.upload_from_string(b"")
    with suppress(*results.REFUSED):
        bucket.delete_blob(blob.name, generation=blob.generation)
    return int(blob.generation)


def write(bucket: storage.Bucket, job: str, content: IO[bytes]) -> None:
    """Create the object; FleetError if there is one."""
    blob = bucket.blob(jobs.job_name(job))
    try:
        blob.upload_from_file(content, content_type="application/jsonl", if_generation_match=0)
    except PreconditionFailed as error:
        if not blob.exists():
            raise  # Google answers 412 also where a policy refuses the object
        raise FleetError(
            f"gs://{bucket.name}/{jobs.job_name(job)} is there already: Google's first answer was"
            f" lost, and no message was published. Publish them: {SUBMIT} --missing {job}"
        ) from error


@dataclass(frozen=True, kw_only=True)
class StoredJob:
    """A job, and when its object was written."""

    job: jobs.Job
    created: dt.datetime
    """by Google's clock; whose clock made the id, and the head's `submitted`, nobody knows"""


def listed(bucket: storage.Bucket) -> list[str]:
    """The ids of all jobs, the newest first by Google's clock; it asks for each job's object."""
    found = bucket.list_blobs(
        prefix=jobs.FOLDER, delimiter="/", fields="prefixes,items(name),nextPageToken"
    )
    for _ in found.pages:  # the prefixes are known once every page was read
        pass
    names = (prefix.removeprefix(jobs.FOLDER).rstrip("/") for prefix in found.prefixes)
    ids = [name for name in names if re.fullmatch(jobs.ID, name)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        blobs = pool.map(bucket.get_blob, map(jobs.job_name, ids))
        created = [(blob.time_created, each) for blob, each in zip(blobs, ids, strict=True) if blob]
    return [each for _, each in sorted(created, reverse=True)]


def named(bucket: storage.Bucket, job: str) -> str:
    """The id of a job, where LAST means the newest; FleetError if there is none."""
    if job != LAST:
        if not re.fullmatch(jobs.ID, job):
            raise FleetError(
                f"got {shown(job)!r} for a job, expected an id such as 20270131-120000-0a1b2c, as"
                f" `submit` prints it, or {LAST}"
            )
        return job
    found = listed(bucket)
    if not found:
        raise FleetError(f"gs://{bucket.name} has no job. Submit one: {SUBMIT}")
    return found[0]


def read(bucket: storage.Bucket, job: str) -> StoredJob:
    """The job with this id; FleetError if there is none, or if its object was edited."""
    name = jobs.job_name(job)
    blob = bucket.get_blob(name)
    if blob is None:
        raise FleetError(
            f"gs://{bucket.name} has no job {job}. Its newest jobs are:"
            f" {', '.join(listed(bucket)[:5]) or 'none'}"
        )
    if wrong := stored.wrong(blob, jobs.MAX_JOB_BYTES):
        raise _edited(bucket, name, wrong)
    with errors_of_disk(), tempfile.TemporaryFile() as file:
        try:
            stored.download(blob, file)
        except NotFound as error:
            raise _edited(bucket, name, "it was removed just now") from error
        file.seek(0)
        try:
            parsed = jobs.parse((line.decode() for line in file), job)
        except (jobs.JobError, UnicodeDecodeError) as error:
            raise _edited(bucket, name, str(error)) from error
    if not parsed.slices:
        raise _edited(bucket, name, "it has no slices")
    return StoredJob(job=parsed, created=blob.time_created)


def _edited(bucket: storage.Bucket, name: str, why: str) -> FleetError:
    return FleetError(
        f"gs://{bucket.name}/{name} is not what `submit` writes ({shown(why)}), so nothing is shown"
        f" or published. Was it edited? Submit a new job: {SUBMIT}"
    )
