"""How far a run is, by the parts that it has written: docs/results.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError

from workload.checkpoints import FOLDER, PICTURES_PER_PART

if TYPE_CHECKING:
    import datetime as dt

    from google.cloud import storage

MOST: Final = 1_000_000
"""Pictures that are counted; of more, the end is not estimated."""


class Parts:
    """The parts of one run. Nothing here stops a run from being waited for."""

    def __init__(
        self, bucket: storage.Bucket, pictures: str | None, since: dt.datetime | None
    ) -> None:
        """`pictures` is the input bucket; `since` is when the machine started."""
        self._bucket = bucket
        self._pictures = pictures
        self._since = since
        self._total: int | None = None
        self._shown = 0

    def progress(self) -> str:
        """How many pictures are done, how fast, and how long it will take; empty for no news."""
        try:
            fields = "items(name,updated),nextPageToken"
            written = [*self._bucket.list_blobs(prefix=FOLDER, fields=fields)]
            if len(written) <= self._shown:
                return ""
            total = self._listed()
        except (GoogleAPICallError, GoogleAuthError):
            return ""  # whoever waits for `result` is told what is wrong with the bucket
        self._shown = len(written)
        done = len(written) * PICTURES_PER_PART
        if total is not None:
            done = min(done, total)
        rate = _rate([part.updated for part in written], self._since)
        text = f"{done:,} pictures" if total is None else f"{done:,} of {total:,} pictures"
        if rate:
            text += f", {rate:.1f}/s"
        if rate and total is not None:
            text += f", about {minutes((total - done) / rate)} more"
        return text

    def _listed(self) -> int | None:
        """The pictures of the input bucket, counted once; None if they are not known."""
        if self._total is None and self._pictures is not None:
            listed = self._bucket.client.list_blobs(
                self._pictures, fields="items(name),nextPageToken", max_results=MOST
            )
            self._total = sum(not blob.name.endswith("/") for blob in listed)
        return self._total if self._total and self._total < MOST else None


def _rate(times: list[dt.datetime], since: dt.datetime | None) -> float:
    """Pictures per second between the first part of this start and its last; 0 if not known."""
    own = sorted(time for time in times if since is None or time >= since)
    seconds = (own[-1] - own[0]).total_seconds() if own else 0
    return (len(own) - 1) * PICTURES_PER_PART / seconds if seconds else 0.0


def minutes(seconds: float) -> str:
    """So long in words: seconds up to two minutes."""
    return f"{seconds:.0f} s" if seconds < _LONG else f"{seconds / 60:.0f} min"


_LONG: Final = 120
