"""How much memory a picture would take, read from its header before any decoder sees it.

A valid PNG of 1.2 MB may hold 20,000 x 20,000 pixels, one of 0.8 MB 100 texts of 8 MB each, an
animated GIF of 0.8 MB 200 large frames, and a progressive JPEG as many scans as it likes, each of
which visits every pixel. Formats are told by the same first bytes as in tf.io.decode_image, never
by a name. Where a header is unusual, this module is stricter than the decoders. It decodes nothing
and does not judge the rest of the file.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from workload.errors import PictureError, PictureFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_PIXELS = 50_000_000
"""Of all frames together; 150 MB once decoded, 450 MB while a progressive JPEG is."""


Kind: TypeAlias = Literal["JPEG", "PNG", "GIF", "BMP", "WEBP"]


def check(data: bytes) -> Kind:
    """The format of a picture of 1 to MAX_PIXELS pixels; raises PictureError for anything else."""
    if not data:
        raise PictureError(PictureFailure.EMPTY)
    kind = next((known for magic, known in _MAGIC if magic == data[: len(magic)]), None)
    if kind == "WEBP" and data[8:12] != b"WEBP":
        kind = None  # one of the many other things that RIFF holds
    if kind is None:
        raise PictureError(PictureFailure.FORMAT_UNKNOWN)
    measure = _MEASURES[kind]
    try:
        pixels = measure(data)
    except (struct.error, IndexError) as error:  # the file ends within its header
        raise PictureError(PictureFailure.DAMAGED) from error
    if pixels <= 0:
        raise PictureError(PictureFailure.DAMAGED)
    if pixels > MAX_PIXELS:
        raise PictureError(PictureFailure.TOO_MANY_PIXELS)
    return kind


def _jpeg(data: bytes) -> int:
    """Pixels as the first frame header says (ITU-T T.81, B.2.2); a second one is an error there."""
    # No such two bytes stand in a scan's own data. (With numpy, because it takes a quarter of the
    # time of `bytes.count`, and each picture is searched to its end.)
    octets = np.frombuffer(data, np.uint8)
    scans = (octets[:-1] == _MARKER) & (octets[1:] == _START_OF_SCAN)
    if np.count_nonzero(scans) > MAX_SCANS:
        raise PictureError(PictureFailure.TOO_LARGE)
    for marker, at, _ in segments(data):
        if marker in START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 1)
            return int(height * width)
    raise PictureError(PictureFailure.DAMAGED)


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the content of each of a JPEG's segments up to its first scan.

    PictureError, struct.error and IndexError where there is none (ITU-T T.81, B.1.1).
    """
    at = 2
    while True:
        if data[at] != _MARKER:
            raise PictureError(PictureFailure.DAMAGED)
        while data[at] == _MARKER:  # any number of fill bytes
            at += 1
        marker = data[at]
        if marker == _START_OF_SCAN:
            return
        if marker in _WITHOUT_CONTENT:
            raise PictureError(PictureFailure.DAMAGED)
        (length,) = struct.unpack_from(">H", data, at + 1)
        yield marker, at + 3, at + 1 + length
        at += 1 + length


MAX_SCANS = 50
"""Encoders write about 10; 900 for 50 million pixels, in 0.4 MB, took libjpeg a minute."""
_START_OF_SCAN = 0xDA
_MARKER = 0xFF
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_CONTENT = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
"""Restart, start and end of image: nothing of this may precede a scan."""


def _png(data: bytes) -> int:
    """Pixels as IHDR says, which is the first chunk (PNG specification, 5.6)."""
    if data[12:16] != b"IHDR":
        raise PictureError(PictureFailure.DAMAGED)
    width, height = struct.unpack_from(">II", data, 16)
    _few_unpacked_chunks(data)
    return int(width * height)


def _few_unpacked_chunks(data: bytes) -> None:
    """Raises TOO_LARGE where libpng would unpack many texts, each of which may take 8 MB."""
    at, unpacked, kind = 8, 0, b""
    while at < len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        unpacked += kind in _UNPACKED
        at += 12 + length
    if unpacked > MAX_UNPACKED:
        raise PictureError(PictureFailure.TOO_LARGE)


_UNPACKED = (b"iCCP", b"iTXt", b"zTXt")
MAX_UNPACKED = 8
"""Compressed chunks beside the pixels; 100 of them, in 0.8 MB, took libpng 770 MB and 9 s."""


def _bmp(data: bytes) -> int:
    """Pixels as BITMAPINFOHEADER or a later header says; a negative height is top-down."""
    size, width, height = struct.unpack_from("<Iii", data, 14)
    if size < _BITMAPINFOHEADER:
        raise PictureError(PictureFailure.FORMAT_UNKNOWN)
    return int(width * abs(height))


_BITMAPINFOHEADER = 40


def _gif(data: bytes) -> int:
    """Frames times the largest canvas that any of them needs (GIF89a, sections 18 to 25)."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _colours(flags)
    frames = 0
    while at < len(data) and data[at] != _TRAILER:
        if data[at] == _IMAGE:
            left, top, w, h, flags = struct.unpack_from("<HHHHB", data, at + 1)
            width, height = max(width, left + w), max(height, top + h)
            frames += 1
            at = _after_blocks(data, at + 11 + _colours(flags))
        elif data[at] == _EXTENSION:
            at = _after_blocks(data, at + 2)
        else:
            raise PictureError(PictureFailure.DAMAGED)
    return int(frames * width * height)


_TRAILER, _IMAGE, _EXTENSION = 0x3B, 0x2C, 0x21


def _colours(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += 1 + data[at]
    return at + 1


def _webp(data: bytes) -> int:
    """Frames times the canvas (https://developers.google.com/speed/webp/docs/riff_container)."""
    first = data[12:16]
    if first == b"VP8X":
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return max(1, _animation_frames(data)) * width * height
    if first == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return int((1 + (bits & 0x3FFF)) * (1 + (bits >> 14 & 0x3FFF)))
    if first != b"VP8 ":
        raise PictureError(PictureFailure.DAMAGED)
    width, height = struct.unpack_from("<HH", data, 26)
    return int((width & 0x3FFF) * (height & 0x3FFF))


def _animation_frames(data: bytes) -> int:
    at, frames = 12, 0
    while at < len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        frames += kind == b"ANMF"
        at += 8 + length + length % 2
    return frames


_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"RIFF", "WEBP"),
)
_MEASURES: dict[Kind, Callable[[bytes], int]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "GIF": _gif,
    "BMP": _bmp,
    "WEBP": _webp,
}
