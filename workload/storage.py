"""Cloud Storage as the job needs it: one bucket, seen with one identity.

Objects are asked for as stored, never beyond a given size. A picture that is stored compressed
(`contentEncoding: gzip`) is decompressed here, as Google or its libraries do it for everybody else,
but never a byte too many. The client library asks again for what can pass, and resumes a broken
download; all that is asked for here can be asked for twice, because this run alone writes its
results. What a failure means is the job's to say: here it is a BucketError.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import requests
import urllib3
from google.api_core.exceptions import (
    GoogleAPICallError,
    GoogleAPIError,
    NotFound,
    PreconditionFailed,
    RetryError,
)
from google.auth.exceptions import GoogleAuthError, TransportError
from google.cloud import storage
from google.cloud.storage.exceptions import (
    DataCorruption,
    InvalidResponse,
)
from requests.adapters import HTTPAdapter

from workload import retries
from workload.decoding import image_limits
from workload.errors import (
    BucketError,
    BusyError,
    ChangedError,
    EncodingError,
    TooLargeError,
    VanishedError,
)
from workload.records import Picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from google.auth.credentials import Credentials

_CONNECTION_ERRORS = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TransportError,
)
"""A connection that could not be made or did not last: to Cloud Storage, or for a token."""

HOST = "https://storage.googleapis.com"
CONNECTIONS = 32
"""Kept open; a download beyond them would make, and throw away, one of its own."""

SINGLE_READ_BYTES = 1024**2
"""Bytes, as listed, that are read in one go: the library's steps are of 8 KB, and at each of them a
thread waits for Python's lock. A larger object's download goes on where it broke."""
UPLOAD_BYTES = 2 * 1024**2
"""Bytes that are written in one go: else memory would grow with the number of records."""

GZIP = "gzip"
"""The one encoding that Google decompresses. https://cloud.google.com/storage/docs/transcoding"""

_FAILURES = (
    *_CONNECTION_ERRORS,
    GoogleAPIError,
    GoogleAuthError,
    InvalidResponse,
    DataCorruption,
    requests.RequestException,
)


def buckets_as(credentials: Credentials, grant_seconds: float = 0) -> Callable[[str], Bucket]:
    """Buckets by name, seen with one identity, whose grants may take so long to be in force."""
    # project=None: with a name or without, the library would ask the metadata server for one.
    client = storage.Client(project=None, credentials=credentials)
    _prepare(client._http)  # noqa: SLF001  as Google's documentation gets at its session
    return lambda name: Bucket(client.bucket(name), grant_seconds)


def _prepare(session: requests.Session) -> None:
    """A connection for each download, and the environment read once instead of for each request."""
    session.mount(HOST, HTTPAdapter(pool_maxsize=CONNECTIONS))
    environment = session.merge_environment_settings(HOST, {}, None, None, None)
    session.proxies, session.verify = environment["proxies"], environment["verify"]
    session.trust_env = False


class Bucket:
    """One bucket; every method raises BucketError if Google does not do what is asked."""

    def __init__(self, bucket: storage.Bucket, grant_seconds: float = 0) -> None:
        self._bucket = bucket
        self._retry_budget = retries.RetryBudget()
        # Until something is granted: from then on a refusal is one.
        self._retry = retries.retry_until_granted(self._is_transient, _forbidden, grant_seconds)
        self._retry_while_busy = retries.retry_while_busy(self._is_transient)

    def pictures(self) -> Iterator[Picture]:
        """Every object in the order of names, page by page, but for folder place-holders."""
        fields = "items(name,generation,size,contentEncoding),nextPageToken"
        with self._bucket_errors():
            for blob in self._bucket.list_blobs(fields=fields, retry=self._retry):
                self._retry = self._retry_while_busy
                if not blob.name.endswith("/"):
                    # How large a compressed one is, nobody says before it is read.
                    size = (
                        image_limits.MAX_FILE_BYTES
                        if blob.content_encoding == GZIP
                        else int(blob.size or 0)
                    )
                    yield Picture(name=blob.name, generation=str(blob.generation), size=size)

    def read(self, picture: Picture, limit: int) -> bytes:
        """The bytes of exactly the listed generation; TooLargeError beyond `limit` bytes.

        VanishedError or ChangedError if that generation is gone: which, tells what is there now.
        EncodingError if it is not compressed in the way that it is said to be.
        """
        content = io.BytesIO()
        blob = self._bucket.blob(picture.name, generation=int(picture.generation))
        with self._bucket_errors():
            try:
                blob.download_to_file(
                    _LimitedWriter(content, limit),
                    raw_download=True,
                    single_shot_download=picture.size <= SINGLE_READ_BYTES,
                    retry=self._retry,
                )
            except (NotFound, PreconditionFailed) as error:
                there = self._bucket.blob(picture.name).exists(retry=self._retry)
                raise (ChangedError if there else VanishedError) from error
        data = content.getvalue()
        # As it came with these very bytes: that may have been changed after the listing.
        return _decompressed(data, limit) if blob.content_encoding == GZIP else data

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """Downloads an object into a new file; SHA-256 in hex, TooLargeError beyond `limit`."""
        with to.open("xb") as file, self._bucket_errors():
            writer = _HashingWriter(file, limit)
            blob = self._bucket.blob(name)
            blob.download_to_file(writer, raw_download=True, retry=self._retry)
        return writer.sha256.hexdigest()

    def names(self, prefix: str) -> Iterator[str]:
        """The objects whose names begin so, in their order."""
        fields = "items(name),nextPageToken"
        with self._bucket_errors():
            for blob in self._bucket.list_blobs(prefix=prefix, fields=fields, retry=self._retry):
                yield blob.name

    def write(self, name: str, content: Path, content_type: str) -> str:
        """Creates or overwrites an object with a file's content; its new generation."""
        size = content.stat().st_size
        blob = self._bucket.blob(name, chunk_size=UPLOAD_BYTES)
        with content.open("rb") as file, self._bucket_errors():
            # Of a size that it is not told, the library holds a piece at a time; else all of it.
            blob.upload_from_file(
                file,
                size=size if size <= UPLOAD_BYTES else None,
                content_type=content_type,
                retry=self._retry,
            )
            self._retry = self._retry_while_busy
        return str(blob.generation)

    def generation(self, name: str) -> str | None:
        """Which generation of an object is there; None if there is no such object."""
        with self._bucket_errors():
            blob = self._bucket.get_blob(name, retry=self._retry)
        return None if blob is None else str(blob.generation)

    def remove(self, name: str, generation: str | None = None) -> None:
        """Deletes an object if it exists, or only if this generation of it is there."""
        expected = None if generation is None else int(generation)
        with self._bucket_errors():
            try:
                self._bucket.blob(name).delete(if_generation_match=expected, retry=self._retry)
            except (NotFound, PreconditionFailed):
                return

    @contextmanager
    def _bucket_errors(self) -> Iterator[None]:
        """What any layer of the client library raises, as a BucketError.

        OSError where this process has no descriptor left: no bucket is to blame for that.
        """
        try:
            yield
        except _FAILURES as error:
            if shortage := _descriptor_shortage(error):
                raise shortage from error
            if not _busy(error):
                raise BucketError from error
            if self._retry_budget.exhausted:
                raise BusyError from error
            self._retry_budget.spend()
            raise BucketError from error
        self._retry_budget.earn()

    def _is_transient(self, error: Exception) -> bool:
        return _busy(error) and not self._retry_budget.exhausted


def _decompressed(data: bytes, limit: int) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as decompressing:
            content = decompressing.read(limit + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise EncodingError from error
    if len(content) > limit:
        raise TooLargeError
    return content


class _LimitedWriter:
    """Counts what the client library writes, and stops it at the limit."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._remaining = limit

    def write(self, chunk: bytes) -> int:
        """Takes the next bytes; TooLargeError instead of a byte beyond the limit."""
        self._remaining -= len(chunk)
        if self._remaining < 0:
            raise TooLargeError
        return self._file.write(chunk)


class _HashingWriter(_LimitedWriter):
    """Hashes it, too."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        super().__init__(file, limit)
        self.sha256 = hashlib.sha256()

    def write(self, chunk: bytes) -> int:
        """Takes the next bytes; TooLargeError instead of a byte beyond the limit."""
        self.sha256.update(chunk)
        return super().write(chunk)


def _busy(error: Exception) -> bool:
    if isinstance(error, RetryError):  # what the library raises when it has waited long enough
        error = error.cause
    if _descriptor_shortage(error):
        return False
    return isinstance(error, _CONNECTION_ERRORS) or _status(error) in retries.BUSY


def _descriptor_shortage(error: BaseException | None) -> OSError | None:
    """That no file and no socket can be opened, under whatever it was called on its way up."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return error
        error = error.__cause__ or error.__context__
    return None


def _forbidden(error: Exception) -> bool:
    return _status(error) == retries.FORBIDDEN


def _status(error: Exception) -> int | None:
    """The HTTP status of an answer; downloads and uploads raise an error of their own kind."""
    match error:
        case GoogleAPICallError(code=int(status)):
            return status
        case InvalidResponse(response=answer):
            return int(answer.status_code)
        case _:
            return None
