"""Waits for a run's results while its machine works, and reads them from the result bucket.

It uses the user's own credentials. The workload writes `results.jsonl` first, then `summary.json`,
and `result` last. So if `result` is newer than the machine, all three belong to this run.
"""

from __future__ import annotations

import datetime as dt
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption
from requests import RequestException

from infra.untrusted_text import shown
from ops import former_runs
from ops.commands import AGAIN, EXPLAIN, EXPORT, OPS, RESULTS, SECUNDUS
from ops.google_api import CredentialsError, identity
from ops.machine import MISSING, OFF, Machine
from ops.progress import Parts
from ops.pulumi_command import StackError
from ops.records import ResultsError, Run, parse
from ops.stack_outputs import outputs
from workload.fleet import jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ops.former_runs import FormerRun

POLL_SECONDS = 0.5
MACHINE_POLL_SECONDS = 5.0
MOST = 50_000
"""Objects of the input bucket that are compared with the records."""


REFUSED: Final = (GoogleAPIError, GoogleAuthError, RequestException, DataCorruption)
"""What Google's storage library raises where a request failed, or its answer is not whole."""


class EndedError(ResultsError):
    """The machine is off and left no result of this run, so waiting longer does not help."""


@dataclass(frozen=True)
class Where:
    """Where a run's results are."""

    bucket: str
    newer_than: dt.datetime | None = None
    """an older `result` belongs to an earlier run"""
    machine: Machine | None = None
    pictures: str | None = None
    """the name of the input bucket"""
    image: str | None = None
    """the image that the stack launches, by digest"""
    dead_letters: str | None = None
    """the subscription with the dead letters of a fleet; None if the stack has one machine"""
    model_sha256: str | None = None
    """of the model that a fleet takes jobs for; None if the stack has one machine"""
    stream: bool | None = None
    """whether the fleet classifies pictures as they arrive; None if that is not known"""


def from_stack(stack: str, environment: Mapping[str, str]) -> Where:
    """Where the results are, by the outputs of a stack of the current folder."""
    try:
        exported = outputs(stack, "resultUri", environment)
    except StackError as error:
        raise ResultsError(f"{error}; or name the bucket: --uri gs://BUCKET") from error
    started = exported.get("startedAt")
    fleet = exported.get("fleet") or {}
    project, zone, name = (exported.get(output) for output in ("project", "zone", "instance"))
    return Where(
        bucket_of(exported["resultUri"]),
        dt.datetime.fromisoformat(started) if started else None,
        Machine(project=project, zone=zone, name=name) if project and zone and name else None,
        bucket_of(exported["inputUri"]) if exported.get("inputUri") else None,
        exported.get("image"),
        fleet.get("deadLetters"),
        fleet.get("modelSha256"),
        fleet.get("stream") if fleet else False,
    )


def bucket_of(uri: str) -> str:
    """The bucket of gs://BUCKET; ResultsError for anything else."""
    bucket = uri.removeprefix("gs://").strip("/")
    if not uri.startswith("gs://") or not bucket or "/" in bucket:
        raise ResultsError(f"got {uri!r}, expected gs://BUCKET, as in the outputs of the stack")
    return bucket


def runs(where: Where) -> list[FormerRun]:
    """The runs whose results the bucket still has, the newest first; ResultsError."""
    with reading(where) as client:
        return former_runs.listed(client.bucket(where.bucket))


def former(where: Where, number: int) -> Run:
    """A run of `runs` by its number; ResultsError if there is none."""
    with reading(where) as client:
        return former_runs.read(client.bucket(where.bucket), number)


@contextmanager
def reading(where: Where) -> Iterator[storage.Client]:
    """A client; whatever Google refuses is a ResultsError that names the bucket."""
    with errors_of_google(where):
        yield storage.Client(project="-", credentials=identity())


@contextmanager
def errors_of_google(where: Where) -> Iterator[None]:
    """Whatever Google refuses is a ResultsError that names the bucket."""
    try:
        yield
    except CredentialsError as error:
        raise ResultsError(str(error)) from error
    except NotFound as error:
        raise ResultsError(f"gs://{where.bucket} does not exist or is not yours to see") from error
    except REFUSED as error:
        raise ResultsError(f"reading gs://{where.bucket} failed: {shown(str(error))}") from error


def fetch(where: Where, wait_seconds: float, show_progress: Callable[[str], None]) -> Run:
    """Wait for the newest run's results and read them; ResultsError if there are none in time."""
    with reading(where) as client:
        bucket = client.bucket(where.bucket)
        parts = Parts(bucket, where.pictures, where.newer_than)
        text = _awaited(bucket, where, wait_seconds, show_progress, parts)
        run = parse(_content(bucket, "results.jsonl"), text, _content(bucket, "summary.json"))
        return replace(run, notes=_notes(run, where, client))


def _awaited(
    bucket: storage.Bucket,
    where: Where,
    wait_seconds: float,
    show_progress: Callable[[str], None],
    parts: Parts,
) -> str:
    """Wait for this run's `result`; returns its content."""
    deadline = time.monotonic() + wait_seconds
    next_poll, status, off, started = 0.0, "", False, False
    while True:
        blob = bucket.get_blob("result")
        if blob is not None and (where.newer_than is None or blob.updated >= where.newer_than):
            return str(blob.download_as_bytes().decode(errors="replace"))
        if off:
            raise EndedError(_ended(where, status, earlier=blob is not None))
        if not started:
            _require_one_machine(bucket, where, has_result=blob is not None)
            started = True
            show_progress(f"waiting at most {wait_seconds:.0f} s for gs://{where.bucket}/result")
        if where.machine is not None and time.monotonic() >= next_poll:
            next_poll = time.monotonic() + MACHINE_POLL_SECONDS
            before, status = status, where.machine.state(identity())
            off = status in OFF or status == MISSING
            if status != before:
                show_progress(f"machine {where.machine.name}: {status}")
            if progress := parts.progress():
                show_progress(progress)
        if off:
            continue  # it may have written its result just before it went off
        if time.monotonic() >= deadline:
            raise ResultsError(_timed_out(where, wait_seconds, status, earlier=blob is not None))
        time.sleep(POLL_SECONDS)


def _content(bucket: storage.Bucket, name: str) -> str | None:
    blob = bucket.get_blob(name)
    return None if blob is None else blob.download_as_bytes().decode(errors="replace")


def _left(where: Where, *, earlier: bool) -> str:
    return f"gs://{where.bucket} holds " + (
        "an earlier run's `result`, and none of this run"
        if earlier
        else "no object `result` of this run"
    )


def _require_one_machine(bucket: storage.Bucket, where: Where, *, has_result: bool) -> None:
    """ResultsError if a fleet writes to the bucket; NotFound if it is missing.

    A stack with one machine, which is known, can have had a fleet before.
    """
    if not has_result and where.machine is None and _has_jobs(bucket):
        raise ResultsError(
            f"gs://{where.bucket} holds jobs of a fleet, and no object `result` of one machine."
            f" {_newest_job(where)}"
        )


def _has_jobs(bucket: storage.Bucket) -> bool:
    """Whether a fleet's jobs are there."""
    return bool(list(bucket.list_blobs(prefix=jobs.FOLDER, max_results=1)))


def _newest_job(where: Where) -> str:
    return f"Show the newest job: {OPS} results --uri gs://{where.bucket} --job last"


def hint_at_jobs(where: Where) -> str:
    """How to see a fleet's jobs in a bucket whose runs are listed; empty if there are none."""
    with reading(where) as client:
        has_jobs = _has_jobs(client.bucket(where.bucket))
    return f"The bucket holds jobs of a fleet. {_newest_job(where)}" if has_jobs else ""


def _ended(where: Where, status: str, *, earlier: bool) -> str:
    machine = where.machine
    name, log = (machine.name, machine.log_command) if machine else ("", EXPORT)
    if status == MISSING:
        left = _left(where, earlier=earlier)
        return f"{left}, and there is no machine {name}. Deploy it: {SECUNDUS}"
    return (
        f"{_left(where, earlier=earlier)}, and the machine {name} is off ({status}): its"
        " launcher did not start the workload, or the workload could not write. Get the launcher's"
        f" log and its explanation: {log} && {EXPLAIN}"
    )


def _timed_out(where: Where, wait_seconds: float, status: str, *, earlier: bool) -> str:
    machine = where.machine
    state = f", and the machine {machine.name} is {status}" if machine and status else ""
    return (
        f"{_left(where, earlier=earlier)} after {wait_seconds:.0f} s{state}. Wait longer:"
        f" {RESULTS} --wait SECONDS. Get the launcher's log so far and its explanation:"
        f" {machine.log_command if machine else EXPORT} && {EXPLAIN}"
    )


def _notes(run: Run, where: Where, client: storage.Client) -> tuple[str, ...]:
    if run.text is not None:
        return (RESULT_ONLY,)
    return (*_other_image(run, where), *_other_pictures(run, where, client))


def _other_image(run: Run, where: Where) -> Iterator[str]:
    """A note where another image than the deployed one left the results."""
    ran = str((run.summary or {}).get("imageDigest") or "")
    deployed = (where.image or "").rpartition("@")[2]
    if ran and deployed and ran != deployed:
        yield (
            f"These results are of the image {shown(ran, LONGEST)}, and the stack launches"
            f" {deployed}: another machine writes to this bucket, or the last update did not end."
            f" Run again: {AGAIN}"
        )


def _other_pictures(run: Run, where: Where, client: storage.Client) -> tuple[str, ...]:
    """A note where the input bucket holds other pictures than these results."""
    classified = {(record["name"], str(record.get("generation"))) for record in run.records}
    if where.pictures is None or not run.records:
        return ()
    try:
        listed = client.list_blobs(
            where.pictures, fields="items(name,generation),nextPageToken", max_results=MOST
        )
        present = {(b.name, str(b.generation)) for b in listed if not b.name.endswith("/")}
    except REFUSED as error:
        reason = shown(str(error), LONGEST)
        return (
            f"Could not check whether gs://{where.pictures} holds other pictures now: {reason}",
        )
    if len(present) >= MOST or present == classified:
        return ()
    new, gone = len(present - classified), len(classified - present)
    note = (
        f"gs://{where.pictures} holds other pictures than these results: {new} objects have no"
        f" record, {gone} records are of objects that were changed or removed. Run again: {AGAIN}"
    )
    return (note,)


LONGEST = 200
RESULT_ONLY = (
    "There is no results.jsonl: another workload left only `result`, which is shown unchanged."
)
