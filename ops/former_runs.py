"""Former runs, in a result bucket that keeps what later runs overwrite (`keepRuns`).

Every run writes `results.jsonl` and `summary.json` before its `result`, and after the `result` of
the run before it. So the versions between two of `result` belong to one run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ops.records import ResultsError, Run, parse

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from google.cloud import storage

RESULT: Final = "result"
_OTHERS: Final = ("results.jsonl", "summary.json")


@dataclass(frozen=True, kw_only=True)
class FormerRun:
    """One run that has ended."""

    number: int
    """1 is the newest"""
    ended: dt.datetime
    generation: int
    """of its `result`"""
    before: int
    """the generation of the `result` before it; 0 for the first one"""
    first_line: str
    """of its `result`"""

    @property
    def failed(self) -> bool:
        """Whether the run as a whole failed."""
        return self.first_line.startswith("Error: ")


def listed(bucket: storage.Bucket) -> list[FormerRun]:
    """Every run whose results the bucket still has, the newest first."""
    versions = sorted(
        (blob for blob in bucket.list_blobs(prefix=RESULT, versions=True) if blob.name == RESULT),
        key=lambda blob: int(blob.generation),
    )
    return [
        FormerRun(
            number=len(versions) - n,
            ended=blob.time_created,
            generation=int(blob.generation),
            before=int(versions[n - 1].generation) if n else 0,
            first_line=_text(bucket, RESULT, blob.generation).partition("\n")[0],
        )
        for n, blob in enumerate(versions)
    ][::-1]


def read(bucket: storage.Bucket, number: int) -> Run:
    """The run with this number; ResultsError if there is none."""
    runs = listed(bucket)
    chosen = next((each for each in runs if each.number == number), None)
    if chosen is None:
        raise ResultsError(
            f"gs://{bucket.name} has {len(runs)} runs, and none with the number {number}. To keep"
            " those that later ones overwrite: pulumi config set --stack secundus keepRuns 90"
        )
    records, summary = (_of(bucket, name, chosen) for name in _OTHERS)
    return parse(records, _text(bucket, RESULT, chosen.generation), summary)


def _of(bucket: storage.Bucket, name: str, run: FormerRun) -> str | None:
    """The content of an object as this run left it; None if it left none."""
    own: Sequence[int] = sorted(
        int(blob.generation)
        for blob in bucket.list_blobs(prefix=name, versions=True)
        if blob.name == name and run.before < int(blob.generation) < run.generation
    )
    return _text(bucket, name, own[-1]) if own else None


def _text(bucket: storage.Bucket, name: str, generation: int) -> str:
    blob = bucket.blob(name, generation=generation)
    return str(blob.download_as_bytes().decode(errors="replace"))
