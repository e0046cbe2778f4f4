"""Adapts Google's storage client to `job`: one bucket, used with one identity.

Downloads objects as stored, up to a size limit. Decompresses pictures that are stored compressed
(`contentEncoding: gzip`), as Google's libraries do by default, but with the same limit. The client
library retries transient failures and resumes broken downloads. That is safe: only this run writes
its results, or they are created and never overwritten. Every failure becomes a BucketError; `job`
decides what follows.
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
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
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
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from google.auth.credentials import Credentials

CONNECTION_ERRORS = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.HTTPError,
    ConnectionError,
    TransportError,
)
"""A failed or broken connection: to Cloud Storage, or for a token."""

HOST = "https://storage.googleapis.com"
CONNECTIONS = 32
"""Size of the pool: one for each concurrent download, or connections would be thrown away."""

SINGLE_READ_BYTES = 1024**2
"""Objects up to this listed size are read at once: the library's steps of 8 KB would each wait for
Python's lock. Broken downloads of larger objects are resumed."""
UPLOAD_BYTES = 2 * 1024**2
"""Larger uploads are sent in chunks, or memory would grow with the number of records."""

GZIP = "gzip"
"""The only encoding that Google decompresses. https://cloud.google.com/storage/docs/transcoding"""

_FAILURES = (
    *CONNECTION_ERRORS,
    GoogleAPIError,
    GoogleAuthError,
    InvalidResponse,
    DataCorruption,
    requests.RequestException,
)


def buckets_as(credentials: Credentials, grant_seconds: float = 0) -> Callable[[str], Bucket]:
    """Gives buckets by name; retries `grant_seconds` until the identity's grants are in force."""
    # project=None: otherwise the library would request a project from the metadata server.
    client = storage.Client(project=None, credentials=credentials)
    _prepare(client._http)  # noqa: SLF001  Google's documentation does the same
    return lambda name: Bucket(client.bucket(name), grant_seconds)


def _prepare(session: requests.Session) -> None:
    """One connection for each download; reads the environment once, not for each request."""
    session.mount(HOST, HTTPAdapter(pool_maxsize=CONNECTIONS))
    environment = session.merge_environment_settings(HOST, {}, None, None, None)
    session.proxies, session.verify = environment["proxies"], environment["verify"]
    session.trust_env = False


class Bucket:
    """One bucket; every method raises BucketError if a request fails."""

    def __init__(self, bucket: storage.Bucket, grant_seconds: float = 0) -> None:
        self._bucket = bucket
        self._retry_budget = retries.RetryBudget()
        # Only until the first success: after that, a 403 is final.
        self._retry = retries.retry_until_granted(self._is_transient, _forbidden, grant_seconds)
        self._retry_while_busy = retries.retry_while_busy(self._is_transient)

    def pictures(self, first: str = "") -> Iterator[Picture]:
        """All objects from this name on, in order, by pages, without folder place-holders."""
        fields = "items(name,generation,size,contentEncoding),nextPageToken"
        with self._bucket_errors():
            for blob in self._bucket.list_blobs(
                start_offset=first or None, fields=fields, retry=self._retry
            ):
                self._retry = self._retry_while_busy
                if not blob.name.endswith("/"):
                    # The decompressed size is unknown before the download.
                    size = (
                        image_limits.MAX_FILE_BYTES
                        if blob.content_encoding == GZIP
                        else int(blob.size or 0)
                    )
                    yield Picture(name=blob.name, generation=str(blob.generation), size=size)

    def read(self, picture: Picture, limit: int) -> bytes:
        """The bytes of exactly the listed generation; TooLargeError beyond `limit` bytes.

        If that generation no longer exists: ChangedError if there is another one, VanishedError
        if there is none. EncodingError if the object is marked as gzip and is not valid gzip.
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
                self._retry = self._retry_while_busy
            except (NotFound, PreconditionFailed) as error:
                exists = self._bucket.blob(picture.name).exists(retry=self._retry)
                raise (ChangedError if exists else VanishedError) from error
        data = content.getvalue()
        # The encoding in the response to the download: it may have changed since the listing.
        return _decompressed(data, limit) if blob.content_encoding == GZIP else data

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """Downloads an object into a new file; returns its SHA-256 in hex; TooLargeError."""
        with to.open("xb") as file, self._bucket_errors():
            writer = _HashingWriter(file, limit)
            blob = self._bucket.blob(name)
            blob.download_to_file(writer, raw_download=True, retry=self._retry)
        return writer.sha256.hexdigest()

    def names(self, prefix: str) -> Iterator[str]:
        """The names of the objects with this prefix, in order."""
        fields = "items(name),nextPageToken"
        with self._bucket_errors():
            for blob in self._bucket.list_blobs(prefix=prefix, fields=fields, retry=self._retry):
                yield blob.name

    def write(self, name: str, content: Path, content_type: str) -> str:
        """Creates or overwrites an object with a file's content; returns its new generation."""
        return self._upload(name, content, content_type)

    def _upload(
        self,
        name: str,
        content: Path,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
        if_generation_match: int | None = None,
    ) -> str:
        size = content.stat().st_size
        blob = self._bucket.blob(name, chunk_size=UPLOAD_BYTES)
        if metadata:
            blob.metadata = metadata
        conditional = () if if_generation_match is None else (PreconditionFailed,)
        with content.open("rb") as file, self._bucket_errors(*conditional):
            # With a size the library holds the whole content; without, one chunk at a time.
            blob.upload_from_file(
                file,
                size=size if size <= UPLOAD_BYTES else None,
                content_type=content_type,
                if_generation_match=if_generation_match,
                retry=self._retry,
            )
            self._retry = self._retry_while_busy
        return str(blob.generation)

    def create(
        self, name: str, content: Path, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> bool:
        """Creates an object; false if there is one of this name, which stays as it is."""
        try:
            # If an answer is lost, the retry finds the object that its own request created.
            self._upload(name, content, content_type, metadata, if_generation_match=0)
        except PreconditionFailed as error:
            # Google answers 412 also where a policy refuses the object, and nothing was stored:
            # https://docs.cloud.google.com/storage/docs/json_api/v1/status-codes
            if self.generation(name) is None:
                raise BucketError from error
            return False
        return True

    def generation(self, name: str) -> str | None:
        """The current generation of an object; None if there is no such object."""
        with self._bucket_errors():
            blob = self._bucket.get_blob(name, retry=self._retry)
        return None if blob is None else str(blob.generation)

    def remove(self, name: str, generation: str | None = None) -> None:
        """Deletes an object if it exists; with `generation`, only if that is the current one."""
        expected = None if generation is None else int(generation)
        with self._bucket_errors():
            try:
                self._bucket.blob(name).delete(if_generation_match=expected, retry=self._retry)
            except (NotFound, PreconditionFailed):
                return

    @contextmanager
    def _bucket_errors(self, *others: type[Exception]) -> Iterator[None]:
        """Translates the errors of all layers of the client library to BucketError.

        Except `others`, and OSError for a lack of file descriptors, which is not a failure of the
        bucket.
        """
        try:
            yield
        except others:
            raise
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
    """A file for the client library that raises TooLargeError at the limit."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self._file = file
        self._remaining = limit

    def write(self, chunk: bytes) -> int:
        """Writes the next bytes; TooLargeError if they exceed the limit."""
        self._remaining -= len(chunk)
        if self._remaining < 0:
            raise TooLargeError
        return self._file.write(chunk)


class _HashingWriter(_LimitedWriter):
    """Also computes the SHA-256."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        super().__init__(file, limit)
        self.sha256 = hashlib.sha256()

    def write(self, chunk: bytes) -> int:
        """Writes the next bytes; TooLargeError if they exceed the limit."""
        self.sha256.update(chunk)
        return super().write(chunk)


def _busy(error: Exception) -> bool:
    if isinstance(error, RetryError):  # raised by the library when its retries time out
        error = error.cause
    if _descriptor_shortage(error):
        return False
    return is_connection_error(error) or _status(error) in retries.BUSY


def is_connection_error(error: Exception) -> bool:
    """Whether a connection failed or broke: to Google's service, or for a token."""
    if isinstance(error, RefreshError):  # the metadata server is away while a token is renewed
        return isinstance(error.__cause__, TransportError)
    return isinstance(error, CONNECTION_ERRORS)


def _descriptor_shortage(error: BaseException | None) -> OSError | None:
    """The OSError for a lack of file descriptors among the causes of an error, or None."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return error
        error = error.__cause__ or error.__context__
    return None


def _forbidden(error: Exception) -> bool:
    return _status(error) == retries.FORBIDDEN


def _status(error: Exception) -> int | None:
    """The HTTP status in an error; downloads and uploads raise InvalidResponse."""
    match error:
        case GoogleAPICallError(code=int(status)):
            return status
        case InvalidResponse(response=answer):
            return int(answer.status_code)
        case _:
            return None
