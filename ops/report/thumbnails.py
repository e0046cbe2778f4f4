"""Small versions of a run's pictures, read with the operator's own rights.

A picture is read by its name and its generation, so a thumbnail always shows what the run saw.
"""

from __future__ import annotations

import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from PIL import Image, ImageOps
from requests import RequestException

from infra.wording import counted
from workload.decoding.image_limits import MAX_FILE_BYTES, MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from google.cloud import storage

SIDE: Final = 128
"""Pixels of the longer side."""
QUALITY: Final = 60
FORMATS: Final = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
"""What the workload decodes: docs/pictures.md. Pillow's rarer decoders get no chance."""

CHANGED: Final = "changed or removed since the run"
REFUSED: Final = "not yours to read"
UNREAD: Final = "could not be read"
UNDECODED: Final = "no preview of this file"

Image.MAX_IMAGE_PIXELS = None  # `thumbnail` has the limit of the workload, and gives no warning
_AT_ONCE: Final = 8
"""Pictures that are read at once; the HTTP library keeps ten connections."""
_DECODING: Final = threading.Lock()
"""One picture may take a gigabyte: only the reading is done side by side."""
_GENERATION: Final = re.compile(r"[0-9]{1,20}")
_EACH: Final = 100
"""After so many pictures, say how far it is."""


@dataclass(frozen=True, kw_only=True)
class Thumbnail:
    """A picture of at most SIDE pixels as WebP, or why there is none."""

    webp: bytes = b""
    width: int = 0
    height: int = 0
    missing: str = ""


def read(
    bucket: storage.Bucket,
    records: Sequence[Mapping[str, Any]],
    show_progress: Callable[[str], None],
) -> list[Thumbnail]:
    """The thumbnail of each record, in their order."""
    found = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for small in pool.map(lambda record: _read(bucket, record), records):
            found.append(small)
            if len(found) % _EACH == 0:
                show_progress(f"read {len(found):,} of {counted(len(records), 'picture')}")
    return found


def _read(bucket: storage.Bucket, record: Mapping[str, Any]) -> Thumbnail:
    generation = str(record.get("generation", ""))
    if not _GENERATION.fullmatch(generation):
        # A blob without one is whatever was uploaded later under the same name.
        return Thumbnail(missing=UNREAD)
    try:
        blob = bucket.blob(record["name"], generation=int(generation))
        blob.reload()
        if (blob.size or 0) > MAX_FILE_BYTES:
            return Thumbnail(missing=UNDECODED)
        data = blob.download_as_bytes()
        with _DECODING:
            return thumbnail(data)
    except NotFound:
        return Thumbnail(missing=CHANGED)
    except Forbidden:
        return Thumbnail(missing=REFUSED)
    except (
        *(GoogleAPIError, GoogleAuthError, DataCorruption, InvalidResponse),
        RequestException,  # a broken connection, which Google's library has retried
        ValueError,  # a name that no object can have: somebody edited the record
    ):
        return Thumbnail(missing=UNREAD)


def thumbnail(data: bytes) -> Thumbnail:
    """A picture file in small, upright."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                return Thumbnail(missing=UNDECODED)
            opened.draft("RGB", (2 * SIDE, 2 * SIDE))  # of a JPEG, decodes no more than needed
            scaled = _eight_bits(opened)
            scaled.thumbnail((SIDE, SIDE))  # first, because what follows copies the picture
            small = ImageOps.exif_transpose(scaled)
            out = io.BytesIO()
            small.convert("RGB").save(out, "WEBP", quality=QUALITY)
    except Exception:  # noqa: BLE001  a damaged file makes Pillow raise errors of many types
        return Thumbnail(missing=UNDECODED)
    return Thumbnail(webp=out.getvalue(), width=small.width, height=small.height)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Sixteen bits of grey become eight: Pillow's own conversion would cut off what is over 255."""
    if not picture.mode.startswith("I"):
        return picture
    return picture.convert("I").point(lambda value: value / 256).convert("L")
