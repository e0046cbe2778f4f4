"""Cloud Storage as the job needs it: one bucket, seen with one identity.

Objects are taken as stored (no transcoding), never beyond a given size, and with the client
library's own retries. What a failure means is the job's to say: here it is a BucketError.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import requests
import urllib3
from google.api_core.exceptions import GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.exceptions import (
    DataCorruption,
    InvalidResponse,
)

from workload.errors import BucketError, TooLargeError
from workload.results import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from google.auth.credentials import Credentials

_FAILURES = (
    GoogleAPIError,
    GoogleAuthError,
    InvalidResponse,
    DataCorruption,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    ConnectionError,
)


def seen_by(credentials: Credentials) -> Callable[[str], Bucket]:
    """Buckets by name, seen with one identity."""
    # project=None: with a name or without, the library would ask the metadata server for one.
    client = storage.Client(project=None, credentials=credentials)
    return lambda name: Bucket(client.bucket(name))


class Bucket:
    """One bucket; every method raises BucketError if Google does not do what is asked."""

    def __init__(self, bucket: storage.Bucket) -> None:
        self._bucket = bucket

    def pictures(self) -> Iterator[Picture]:
        """Every object in the order of names, page by page, but for folder place-holders."""
        with _google_failing():
            for blob in self._bucket.list_blobs(fields="items(name,generation),nextPageToken"):
                if not blob.name.endswith("/"):
                    yield Picture(name=blob.name, generation=str(blob.generation))

    def read(self, picture: Picture, limit: int) -> bytes:
        """The bytes of exactly the listed generation; TooLargeError beyond `limit` bytes."""
        content = io.BytesIO()
        blob = self._bucket.blob(picture.name, generation=int(picture.generation))
        with _google_failing():
            blob.download_to_file(_Sink(content, limit), raw_download=True)
        return content.getvalue()

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """Downloads an object into a new file; SHA-256 in hex, TooLargeError beyond `limit`."""
        with to.open("xb") as file, _google_failing():
            sink = _Sink(file, limit)
            self._bucket.blob(name).download_to_file(sink, raw_download=True)
        return sink.sha256.hexdigest()

    def write(self, name: str, content: Path, content_type: str) -> None:
        """Creates or overwrites an object with a file's content."""
        with _google_failing():
            self._bucket.blob(name).upload_from_filename(content, content_type=content_type)

    def remove(self, name: str) -> None:
        """Deletes an object if it exists."""
        with _google_failing():
            try:
                self._bucket.blob(name).delete()
            except NotFound:
                return


class _Sink:
    """Counts and hashes what the client library writes, and stops it at the limit."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._left = limit
        self.sha256 = hashlib.sha256()

    def write(self, chunk: bytes) -> int:
        """Takes the next bytes; TooLargeError instead of a byte beyond the limit."""
        self._left -= len(chunk)
        if self._left < 0:
            raise TooLargeError
        self.sha256.update(chunk)
        return self._file.write(chunk)


@contextmanager
def _google_failing() -> Iterator[None]:
    """What any layer of the client library raises, as a BucketError."""
    try:
        yield
    except _FAILURES as error:
        raise BucketError from error
