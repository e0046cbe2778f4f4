"""How much memory a picture would take, read from its header before any decoder sees it.

A valid PNG of 1.2 MB may hold 20,000 x 20,000 pixels, one of 0.8 MB 100 texts of 8 MB each, and an
animated GIF of 0.8 MB may hold 200 large frames, all of which TensorFlow decodes even if asked for
the first only. Formats are told by the same first bytes as in tf.io.decode_image. Where a header
is unusual, this module is stricter than the decoders. It decodes nothing and does not judge the
rest of the file.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from workload.errors import PictureError, PictureFailure

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PIXELS = 50_000_000
"""Of all frames together; 150 MB once decoded, 450 MB while a progressive JPEG is."""


def check(data: bytes) -> None:
    """Raises PictureError unless this is JPEG, PNG, GIF or BMP of 1 to MAX_PIXELS pixels."""
    measure = next((known for magic, known in _FORMATS if data.startswith(magic)), None)
    if measure is None:
        raise PictureError(PictureFailure.FORMAT_UNKNOWN)
    try:
        pixels = measure(data)
    except (struct.error, IndexError) as error:  # the file ends within its header
        raise PictureError(PictureFailure.DAMAGED) from error
    if pixels <= 0:
        raise PictureError(PictureFailure.DAMAGED)
    if pixels > MAX_PIXELS:
        raise PictureError(PictureFailure.TOO_MANY_PIXELS)


def _jpeg(data: bytes) -> int:
    """Pixels as the first frame header says (ITU-T T.81, B.2.2); a second one is an error there."""
    at = 2
    while True:
        if data[at] != _MARKER:
            raise PictureError(PictureFailure.DAMAGED)
        while data[at] == _MARKER:  # any number of fill bytes
            at += 1
        marker = data[at]
        if marker in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", data, at + 4)
            return int(height * width)
        if marker in _BEFORE_ANY_FRAME:
            raise PictureError(PictureFailure.DAMAGED)
        (length,) = struct.unpack_from(">H", data, at + 1)
        at += 1 + length


_MARKER = 0xFF
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BEFORE_ANY_FRAME = frozenset({0x00, 0x01, *range(0xD0, 0xDB)})
"""Restart, start and end of image, start of scan: nothing of this may precede a frame."""


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


_FORMATS: tuple[tuple[bytes, Callable[[bytes], int]], ...] = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"GIF8", _gif),
    (b"BM", _bmp),
)
