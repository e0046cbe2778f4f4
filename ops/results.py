"""Waits for a run's results while its machine works, and reads them from the result bucket.

It reads with the caller's own credentials. The workload writes `results.jsonl` first, then
`summary.json`, and `result` last, so a `result` newer than the machine says that all belong to this
run.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import google.auth
from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.oauth2.credentials import Credentials as Token

from infra.untrusted_text import shown
from ops.commands import AGAIN, EXPLAIN, EXPORT, RESULTS, SECUNDUS
from ops.machine import GONE, OFF, Machine
from ops.records import ResultsError, Run, parse
from ops.stack_outputs import StackError, outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
POLL_SECONDS = 0.5
ASK_SECONDS = 5.0
"""How often the machine is asked after."""
MOST = 50_000
"""Objects of the input bucket that are looked at, to tell whether the results are still of them."""


class EndedError(ResultsError):
    """The machine is off, and left nothing of this run: waiting longer would not help."""


@dataclass(frozen=True)
class Where:
    """The bucket of a run's results, and the moment before which they are another run's."""

    bucket: str
    newer_than: dt.datetime | None = None
    machine: Machine | None = None
    pictures: str | None = None
    """the input bucket"""


def identity() -> Credentials:
    """The identity that pulumi-gcp would use too; ResultsError if there is none."""
    token = os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN")
    if token:
        return Token(token=token)  # type: ignore[no-untyped-call]  # untyped library
    try:
        found, _ = google.auth.default(scopes=[SCOPE])
    except GoogleAuthError as error:
        raise ResultsError(
            "no credentials found; run `gcloud auth application-default login`, or set "
            "GOOGLE_OAUTH_ACCESS_TOKEN as for `pulumi up`"
        ) from error
    return found


def from_stack(environment: Mapping[str, str]) -> Where:
    """Where the secundus stack of the current folder says that its results are."""
    try:
        known = outputs("secundus", "resultUri", environment)
    except StackError as error:
        raise ResultsError(f"{error}; or name the bucket: --uri gs://BUCKET") from error
    started = known.get("startedAt")
    project, zone, name = (known.get(output) for output in ("project", "zone", "instance"))
    return Where(
        bucket_of(known["resultUri"]),
        dt.datetime.fromisoformat(started) if started else None,
        Machine(project=project, zone=zone, name=name) if project and zone and name else None,
        bucket_of(known["inputUri"]) if known.get("inputUri") else None,
    )


def bucket_of(uri: str) -> str:
    """The bucket of gs://BUCKET; ResultsError for anything else."""
    bucket = uri.removeprefix("gs://").strip("/")
    if not uri.startswith("gs://") or not bucket or "/" in bucket:
        raise ResultsError(
            f"got {uri!r}, expected gs://BUCKET, as in the stack's output `resultUri`"
        )
    return bucket


def fetch(where: Where, wait_seconds: float, tell: Callable[[str], None]) -> Run:
    """The newest run's results, waiting for them at most so long; ResultsError if none come.

    `tell` hears what is waited for.
    """
    credentials = identity()
    asked = storage.Client(project="-", credentials=credentials)
    bucket = asked.bucket(where.bucket)
    try:
        text = _awaited(bucket, where, wait_seconds, tell, credentials)
        run = parse(_content(bucket, "results.jsonl"), text, _content(bucket, "summary.json"))
    except NotFound as error:
        raise ResultsError(f"gs://{where.bucket} does not exist or is not yours to see") from error
    except (GoogleAPICallError, GoogleAuthError) as error:
        raise ResultsError(f"reading gs://{where.bucket} failed: {shown(str(error))}") from error
    return replace(run, notes=_notes(run, where, asked))


def _awaited(
    bucket: storage.Bucket,
    where: Where,
    wait_seconds: float,
    tell: Callable[[str], None],
    credentials: Credentials,
) -> str:
    """The content of this run's `result`."""
    deadline = time.monotonic() + wait_seconds
    ask_at, status, off, told = 0.0, "", False, False
    while True:
        blob = bucket.get_blob("result")
        if blob is not None and (where.newer_than is None or blob.updated >= where.newer_than):
            return str(blob.download_as_bytes().decode(errors="replace"))
        if off:
            raise EndedError(_ended(where, status, found=blob is not None))
        if not told:
            # A bucket that is not there has no such object either; only a listing tells.
            list(bucket.list_blobs(max_results=1))
            told = True
            tell(f"waiting at most {wait_seconds:.0f} s for gs://{where.bucket}/result")
        if where.machine is not None and time.monotonic() >= ask_at:
            ask_at = time.monotonic() + ASK_SECONDS
            before, status = status, where.machine.state(credentials)
            off = status in OFF or status == GONE
            if status != before:
                tell(f"machine {where.machine.name}: {status}")
        if off:
            continue  # it may have written its last between the two questions
        if time.monotonic() >= deadline:
            raise ResultsError(_nothing_yet(where, wait_seconds, status, found=blob is not None))
        time.sleep(POLL_SECONDS)


def _content(bucket: storage.Bucket, name: str) -> str | None:
    blob = bucket.get_blob(name)
    return None if blob is None else blob.download_as_bytes().decode(errors="replace")


def _left(where: Where, *, found: bool) -> str:
    return f"gs://{where.bucket} holds " + (
        "an earlier run's `result`, and none of this run"
        if found
        else "no object `result` of this run"
    )


def _ended(where: Where, status: str, *, found: bool) -> str:
    machine = where.machine
    name, log = (machine.name, machine.log) if machine else ("", EXPORT)
    if status == GONE:
        return f"{_left(where, found=found)}, and there is no machine {name}. Deploy it: {SECUNDUS}"
    return (
        f"{_left(where, found=found)}, and the machine {name} is off ({status}): its"
        " launcher did not start the workload, or the workload could not write. What the launcher"
        f" said, and what it means: {log} && {EXPLAIN}"
    )


def _nothing_yet(where: Where, wait_seconds: float, status: str, *, found: bool) -> str:
    machine = where.machine
    state = f", and the machine {machine.name} is {status}" if machine and status else ""
    return (
        f"{_left(where, found=found)} after {wait_seconds:.0f} s{state}. Wait longer:"
        f" {RESULTS} --wait SECONDS. What the launcher has said so far, and what it means:"
        f" {machine.log if machine else EXPORT} && {EXPLAIN}"
    )


def _notes(run: Run, where: Where, asked: storage.Client) -> tuple[str, ...]:
    if run.text is not None:
        return (ALONE,)
    known = {(record["name"], str(record.get("generation"))) for record in run.records}
    if where.pictures is None or not run.records:
        return ()
    try:
        listed = asked.list_blobs(
            where.pictures, fields="items(name,generation),nextPageToken", max_results=MOST
        )
        there = {(b.name, str(b.generation)) for b in listed if not b.name.endswith("/")}
    except (GoogleAPICallError, GoogleAuthError) as error:
        reason = shown(str(error), LONGEST)
        return (
            f"Could not check whether gs://{where.pictures} holds other pictures by now: {reason}",
        )
    if len(there) >= MOST or there == known:
        return ()
    new, gone = len(there - known), len(known - there)
    told = f"{new} objects there have no record, {gone} records are of objects changed or removed"
    old = f"gs://{where.pictures} holds other pictures than these results are of: {told}."
    return (f"{old} Run again: {AGAIN}",)


LONGEST = 200
ALONE = (
    "There is no results.jsonl: another workload than this program's left only `result`, which is"
    " shown unchanged."
)
