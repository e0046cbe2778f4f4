"""Reads a picture's size from its header, before any decoder reads the file; decodes nothing.

A valid PNG of 1.2 MB may hold 20,000 x 20,000 pixels, and a progressive JPEG any number of scans,
each of which visits every pixel. Only the first frame of an animation is decoded, so only that one
counts. The format is recognised by the same first bytes as in tf.io.decode_image, never by the
name.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from workload.decoding import image_limits, jpeg, png
from workload.errors import PictureError, PictureFailure

if TYPE_CHECKING:
    from collections.abc import Callable


Kind: TypeAlias = Literal["JPEG", "PNG", "GIF", "BMP", "WEBP"]


class Header(NamedTuple):
    """What a picture's header says."""

    kind: Kind
    data: bytes
    """The part of the file that the decoder needs."""
    exif: bytes
    """EXIF of a JPEG or PNG, which holds the orientation; or empty."""


def check(data: bytes) -> Header:
    """The header of a picture of 1 to MAX_PIXELS pixels; raises PictureError for anything else."""
    if not data:
        raise PictureError(PictureFailure.EMPTY)
    kind = next((kind for magic, kind in _MAGIC if magic == data[: len(magic)]), None)
    if kind == "WEBP" and data[8:12] != b"WEBP":
        kind = None  # another RIFF format
    if kind is None:
        raise PictureError(PictureFailure.FORMAT_UNKNOWN)
    measure = _MEASURES[kind]
    try:
        pixels, needed, exif = measure(data)
    except (struct.error, IndexError) as error:  # the file is cut within its header
        raise PictureError(PictureFailure.DAMAGED) from error
    if pixels <= 0:
        raise PictureError(PictureFailure.DAMAGED)
    if pixels > image_limits.MAX_PIXELS:
        raise PictureError(PictureFailure.TOO_MANY_PIXELS)
    return Header(kind, needed, exif)


def _bmp(data: bytes) -> int:
    """Pixels, from a BITMAPINFOHEADER or later header; a negative height means top-down."""
    size, width, height = struct.unpack_from("<Iii", data, 14)
    if size < _BITMAPINFOHEADER:
        raise PictureError(PictureFailure.FORMAT_UNKNOWN)
    return int(width * abs(height))


_BITMAPINFOHEADER = 40


def _gif(data: bytes) -> tuple[int, bytes, bytes]:
    """Pixels of the canvas for the first frame, and the file up to its end (GIF89a, 18 to 25)."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _colours(flags)
    while data[at] == _EXTENSION:
        at = _after_blocks(data, at + 2)
    if data[at] != _IMAGE:
        raise PictureError(PictureFailure.DAMAGED)
    left, top, w, h, flags = struct.unpack_from("<HHHHB", data, at + 1)
    end = _after_blocks(data, at + 11 + _colours(flags))
    return max(width, left + w) * max(height, top + h), data[:end] + _TRAILER, b""


_TRAILER, _IMAGE, _EXTENSION = b"\x3b", 0x2C, 0x21


def _colours(flags: int) -> int:
    """Size of a colour table in bytes."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _webp(data: bytes) -> int:
    """Pixels; of an animation, of its canvas (https://developers.google.com/speed/webp/docs/riff_container)."""
    first = data[12:16]
    if first == b"VP8X":
        width, wider, height, higher = struct.unpack_from("<HBHB", data, 24)
        return int((1 + width + (wider << 16)) * (1 + height + (higher << 16)))
    if first == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return int((1 + (bits & 0x3FFF)) * (1 + (bits >> 14 & 0x3FFF)))
    if first != b"VP8 ":
        raise PictureError(PictureFailure.DAMAGED)
    width, height = struct.unpack_from("<HH", data, 26)
    return int((width & 0x3FFF) * (height & 0x3FFF))


_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"RIFF", "WEBP"),
)
_MEASURES: dict[Kind, Callable[[bytes], tuple[int, bytes, bytes]]] = {
    "JPEG": jpeg.read,
    "PNG": png.read,
    "GIF": _gif,
    "BMP": lambda data: (_bmp(data), data, b""),
    "WEBP": lambda data: (_webp(data), data, b""),
}
