"""What a run left in the result bucket: waited for, read, and shown.

It reads with the caller's own credentials. The workload writes `results.jsonl` first, then
`summary.json`, and `result` last, so a `result` newer than the machine says that all belong to this
run.
"""

from __future__ import annotations

import datetime as dt
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.oauth2.credentials import Credentials

from ops.records import ResultsError, Run, parse
from ops.stacks import StackError, outputs

if TYPE_CHECKING:
    from collections.abc import Mapping

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Where:
    """The bucket of a run's results, and the moment before which they are another run's."""

    bucket: str
    newer_than: dt.datetime | None


def client() -> storage.Client:
    """A storage client with the identity that pulumi-gcp would use too."""
    token = os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN")
    try:
        if token:
            credentials = Credentials(token=token)  # type: ignore[no-untyped-call]  # untyped library
            return storage.Client(project="-", credentials=credentials)
        return storage.Client()
    except GoogleAuthError as error:
        raise ResultsError(
            "no credentials found; run `gcloud auth application-default login`, or set "
            "GOOGLE_OAUTH_ACCESS_TOKEN as for `pulumi up`"
        ) from error


def from_stack(environment: Mapping[str, str]) -> Where:
    """Where the secundus stack of the current folder says that its results are."""
    try:
        known = outputs("secundus", "resultUri", environment)
    except StackError as error:
        raise ResultsError(f"{error}; or name the bucket: --uri gs://BUCKET") from error
    started = known.get("startedAt")
    return Where(
        bucket_of(known["resultUri"]), dt.datetime.fromisoformat(started) if started else None
    )


def bucket_of(uri: str) -> str:
    """The bucket of gs://BUCKET; ResultsError for anything else."""
    bucket = uri.removeprefix("gs://").strip("/")
    if not uri.startswith("gs://") or not bucket or "/" in bucket:
        raise ResultsError(
            f"got {uri!r}, expected gs://BUCKET, as in the stack's output `resultUri`"
        )
    return bucket


def fetch(where: Where, wait_seconds: float) -> Run:
    """The newest run's results, waiting for them at most so long; ResultsError if none come."""
    bucket = client().bucket(where.bucket)
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            blob = bucket.get_blob("result")
            if blob is not None and (where.newer_than is None or blob.updated >= where.newer_than):
                summary = bucket.get_blob("summary.json")
                return parse(
                    bucket.blob("results.jsonl").download_as_text(),
                    blob.download_as_text(),
                    summary.download_as_text() if summary else None,
                )
            if time.monotonic() >= deadline:
                state = "only an earlier run's `result`" if blob else "no object `result`"
                raise ResultsError(
                    f"gs://{where.bucket} holds {state} after {wait_seconds:.0f} s. A machine that "
                    "cannot start its workload writes nothing: look at its serial console "
                    "(`gcloud compute instances get-serial-port-output workload-vm`)"
                )
            time.sleep(POLL_SECONDS)
    except NotFound as error:
        raise ResultsError(f"gs://{where.bucket} does not exist or is not yours to see") from error
    except (GoogleAPICallError, GoogleAuthError) as error:
        raise ResultsError(f"reading gs://{where.bucket} failed: {error}") from error
