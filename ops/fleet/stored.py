"""Reads objects of the result bucket, whoever wrote them, as they are stored.

Google's library decompresses an object with `contentEncoding: gzip` without a limit: 0.7 MB can
give 734 MB. No worker and no `submit` writes such an object, so none is decompressed.
https://docs.cloud.google.com/storage/docs/transcoding
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

from google.api_core.exceptions import RequestRangeNotSatisfiable

from infra.untrusted_text import shown

if TYPE_CHECKING:
    from google.cloud import storage

AT_ONCE: Final = 8
"""Objects that are asked for at once; the HTTP library keeps ten connections."""
LONGEST: Final = 100
"""Characters of an encoding that are shown."""


def first_bytes(blob: storage.Blob, number: int) -> bytes:
    """The beginning of an object; empty for an empty one."""
    try:
        content = blob.download_as_bytes(start=0, end=number - 1, raw_download=True)
    except RequestRangeNotSatisfiable:
        return b""
    return bytes(content)


def download(blob: storage.Blob, to: IO[bytes]) -> None:
    """Write all bytes of an object, whose size and encoding `wrong` allows, to a file."""
    blob.download_to_file(to, raw_download=True)


def wrong(blob: storage.Blob, limit: int) -> str | None:
    """What of a listed object's size or encoding nobody here writes; None if it may be read."""
    if blob.content_encoding:
        return f"it has the contentEncoding {shown(blob.content_encoding, LONGEST)}, expected none"
    if (blob.size or 0) > limit:
        return f"it has {blob.size:,} bytes, expected {limit:,} at most"
    return None
