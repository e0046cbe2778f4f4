"""Reads a JPEG's segments: the picture's size, and the part of the file that the decoder needs.

Phones and tools put more into a file than its picture: notes, profiles, stray bytes between
segments, second pictures and videos after the end. All of that is skipped, by libjpeg's rules for
finding the next marker (ITU-T T.81, B.1.1), and never reaches a decoder. From the first scan to the
end of the image the bytes stay unchanged: how a decoder handles a flaw depends on all of them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from workload.decoding import image_limits
from workload.errors import PictureError, PictureFailure

if TYPE_CHECKING:
    from collections.abc import Iterator


def read(data: bytes) -> tuple[int, bytes, bytes]:
    """Pixels, the part that the decoder needs, and EXIF or empty.

    PictureError, struct.error or IndexError if the file holds no valid picture.
    """
    pixels = scans = first_scan = end = 0
    exif = b""
    segments = [data[:2]]
    for marker, start, end in _segments(data):
        if marker == _START_OF_SCAN:
            first_scan = first_scan or start
            scans += 1
            if scans > image_limits.MAX_SCANS:
                raise PictureError(PictureFailure.TOO_MANY_SCANS)
        if first_scan:
            continue
        if marker < _FIRST_MARKER:
            raise PictureError(PictureFailure.DAMAGED)
        if marker in _START_OF_FRAME and not pixels:  # libjpeg rejects a second one
            height, width = struct.unpack_from(">HH", data, start + 5)
            pixels = height * width
        if marker == _APP1 and not exif and data.startswith(b"Exif\0\0", start + 4):
            exif = data[start + 4 : end]
        if marker not in _NO_PIXELS:
            segments.append(data[start:end])
    if not first_scan:
        raise PictureError(PictureFailure.DAMAGED)
    return pixels, b"".join((*segments, data[first_scan:end])), exif


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yields marker, start and end of each segment; PictureError if the end is missing."""
    marker, end = 0, 2
    while marker != _END_OF_IMAGE:
        start = _next_marker(data, end)
        marker, end = data[start + 1], start + 2
        if marker >= _FIRST_MARKER and marker != _END_OF_IMAGE:
            # The length includes itself (2); libjpeg treats smaller values as 2.
            end += max(2, *struct.unpack_from(">H", data, end))
        yield marker, start, end


def _next_marker(data: bytes, at: int) -> int:
    """The position of the next marker, behind data of a scan or stray bytes."""
    if data[at] == _PREFIX and _IS_MARKER[data[at + 1]]:
        return at
    octets = np.frombuffer(data, np.uint8)
    # In blocks, because the indices take eight times the memory of the bytes.
    for start in range(at, len(data) - 1, _BLOCK):
        prefixes = np.flatnonzero(
            octets[start : start + _BLOCK][: len(data) - 1 - start] == _PREFIX
        )
        markers = prefixes[_IS_MARKER[octets[prefixes + (start + 1)]]]
        if markers.size:
            return start + int(markers[0])
    raise PictureError(PictureFailure.DAMAGED)


_BLOCK = 128 * 1024
_PREFIX = 0xFF
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_END_OF_IMAGE, _START_OF_SCAN, _APP1 = 0xD9, 0xDA, 0xE1
_NO_PIXELS = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""Application segments and comments, except JFIF (E0) and Adobe (EE), which define the colours."""
_FIRST_MARKER = 0xC0
"""Lower values are reserved. Within a scan libjpeg skips such a marker without a length, and so
does this module: otherwise a scan could hide behind one. Before the scans libjpeg fails."""
_IS_MARKER = np.ones(256, np.bool_)
_IS_MARKER[[0x00, 0x01, *range(0xD0, 0xD8), _PREFIX]] = False
"""Stuffed zeros, TEM, restarts and fill bytes."""
