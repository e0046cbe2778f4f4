"""Submits a job to the fleet: lists the pictures once, writes the job, publishes its slices.

The job's object is written before the first message, so a worker finds the slice that a message
names. Whatever ends this before the last message leaves a job whose missing slices `republish`
publishes. The same is the remedy for dead letters, and for messages that expired.
"""

from __future__ import annotations

import datetime as dt
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.cloud import storage

from infra.stack_name import for_stack
from infra.untrusted_text import shown
from infra.wording import counted
from ops import results
from ops.commands import SUBMIT
from ops.fleet import job_object, queue, slices
from ops.fleet.deployed import FleetError
from ops.google_api import ApiError, CredentialsError, GoogleApi, identity
from workload.errors import BucketError
from workload.fleet import jobs
from workload.storage import buckets_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.auth.credentials import Credentials

    from ops.fleet.deployed import Fleet
    from workload.records import Picture

_NAMED: Final = "Does `fleet.submitters` of the stack {} name you?"
EACH: Final = 100_000
"""After so many pictures, say how far it is."""


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What was published."""

    job: str
    pictures: int
    """of the whole job"""
    slices: int
    """of the whole job"""
    published: int
    """messages, one for each slice"""
    later: int = 0
    """pictures that came after the listing began, and are not part of a new job"""
    dead_letters_removed: int = 0
    """of a job that was published again"""


def submit(fleet: Fleet, show_progress: Callable[[str], None]) -> Submitted:
    """Submit a job with every picture of the input bucket; FleetError."""
    credentials = _identity()
    now = dt.datetime.now(dt.UTC)
    job = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
    with _result_bucket(fleet, credentials) as bucket:
        newest = job_object.beginning(bucket, job)
    pictures = _pictures(fleet, credentials)
    progress = _Progress(show_progress)
    with slices.spooled(pictures, fleet.pictures_per_slice, newest, progress.listed) as spooled:
        if not spooled.pictures:
            raise FleetError(_no_pictures(fleet, spooled.later))
        head = jobs.Head(
            job=job,
            input_bucket=fleet.input_bucket,
            model_sha256=fleet.model_sha256,
            image_digest=fleet.image_digest,
            pictures=spooled.pictures,
            slices=spooled.slices,
            pictures_per_slice=fleet.pictures_per_slice,
            newest=newest,
            submitted=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        )
        with _result_bucket(fleet, credentials) as bucket, slices.whole(head, spooled) as content:
            job_object.write(bucket, head.job, content)
    if spooled.later:
        show_progress(
            f"{counted(spooled.later, 'picture')} arrived after the listing began, too late for"
            " this job. A new job has every picture that is there by then:"
            f" {for_stack(SUBMIT, fleet.stack)}"
        )
    show_progress(
        f"job {head.job} is written, {counted(head.slices, 'message')} to publish; if this is"
        f" interrupted: {for_stack(SUBMIT, fleet.stack)} --missing {head.job}"
    )
    published = _published(fleet, credentials, head, range(head.slices), progress)
    return Submitted(
        job=head.job,
        pictures=head.pictures,
        slices=head.slices,
        published=published,
        later=spooled.later,
    )


def republish(fleet: Fleet, job: str, show_progress: Callable[[str], None]) -> Submitted:
    """Publish again every slice of a job that has no records; FleetError. It lists no pictures."""
    credentials = _identity()
    with _result_bucket(fleet, credentials) as bucket:
        head = job_object.read(bucket, job_object.named(bucket, job)).job.head
        folder = jobs.records_folder(head.job)
        names = bucket.list_blobs(prefix=folder, fields="items(name),nextPageToken")
        done = {blob.name for blob in names}
    missing = [n for n in range(head.slices) if jobs.records_name(head.job, n) not in done]
    if missing:  # a whole job of an older image may have dead letters, too, which are removed here
        _require_same(fleet, head)
    published = _published(fleet, credentials, head, missing, _Progress(show_progress))
    try:
        looked = queue.forget(GoogleApi(credentials), fleet.dead_letters, head.job)
        forgotten = looked.removed
        if looked.more:
            show_progress(queue.more(fleet.dead_letters))
    except ApiError as error:
        forgotten = 0
        show_progress(f"{fleet.dead_letters} could not be read ({error}); its dead letters stay")
    return Submitted(
        job=head.job,
        pictures=head.pictures,
        slices=head.slices,
        published=published,
        dead_letters_removed=forgotten,
    )


def _identity() -> Credentials:
    try:
        return identity()
    except CredentialsError as error:
        raise FleetError(str(error)) from error


def _no_pictures(fleet: Fleet, later: int) -> str:
    if later:
        return (
            f"every picture of gs://{fleet.input_bucket} ({later}) arrived after the listing began,"
            f" so no job was submitted. Submit again: {SUBMIT}"
        )
    return (
        f"gs://{fleet.input_bucket} holds no pictures, so no job was submitted. Put some there:"
        f" gcloud storage cp FOLDER/* gs://{fleet.input_bucket}"
    )


def _pictures(fleet: Fleet, credentials: Credentials) -> Iterator[Picture]:
    """The input bucket as a worker lists it, by the same code, or no fingerprint would match."""
    try:
        yield from buckets_as(credentials)(fleet.input_bucket).pictures()
    except BucketError as error:
        raise FleetError(
            f"gs://{fleet.input_bucket} could not be listed, so no job was submitted:"
            f" {shown(str(error.__cause__ or error))}. {_NAMED.format(fleet.stack)}"
        ) from error


@contextmanager
def _result_bucket(fleet: Fleet, credentials: Credentials) -> Iterator[storage.Bucket]:
    """The result bucket; whatever Google refuses is a FleetError that names it."""
    try:
        yield storage.Client(project="-", credentials=credentials).bucket(fleet.result_bucket)
    except results.REFUSED as error:
        raise FleetError(
            f"gs://{fleet.result_bucket} refuses, and no message was published:"
            f" {shown(str(error))}. {_NAMED.format(fleet.stack)}"
        ) from error


def _published(
    fleet: Fleet,
    credentials: Credentials,
    head: jobs.Head,
    numbers: range | list[int],
    progress: _Progress,
) -> int:
    try:
        return queue.publish(
            GoogleApi(credentials), fleet.topic, head.job, numbers, progress.published
        )
    except ApiError as error:
        raise FleetError(
            f"{fleet.topic} refuses ({error}). {_NAMED.format(fleet.stack)} {progress.messages} of"
            f" {len(numbers)} messages were published, and the job {head.job} is there. Publish"
            f" those that are missing: {SUBMIT} --missing {head.job}"
        ) from error


def _require_same(fleet: Fleet, head: jobs.Head) -> None:
    """FleetError if the fleet would refuse every slice of the job."""
    pairs = {
        "the bucket": (head.input_bucket, fleet.input_bucket),
        "the model": (head.model_sha256, fleet.model_sha256),
        "the image": (head.image_digest, fleet.image_digest),
    }
    other = [
        f"{what} {shown(own)} (the fleet has {now})"
        for what, (own, now) in pairs.items()
        if own != now
    ]
    if other:
        raise FleetError(
            f"the job {head.job} is for {', '.join(other)}, so the machines would refuse its"
            f" slices, and nothing was published. Submit a new job: {SUBMIT}"
        )


class _Progress:
    """Says how far a submission is, not too often."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._next = EACH
        self.messages = 0

    def listed(self, pictures: int) -> None:
        if pictures >= self._next:
            self._next = pictures - pictures % EACH + EACH
            self._show(f"listed {counted(pictures, 'picture')}")

    def published(self, messages: int) -> None:
        self.messages = messages
