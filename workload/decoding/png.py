"""A PNG's chunks: how large the picture is, and what of the file a decoder has to see.

Texts, profiles and an animation's further frames are skipped: they are not judged, and nobody
unpacks them. What is left is held to what libpng holds it to: the order of the chunks, their check
sums, and that there is an end (PNG specification, 5.3 to 5.6).
"""

from __future__ import annotations

import re
import struct
import zlib

from workload.errors import PictureError, PictureFailure


def read(data: bytes) -> tuple[int, bytes, bytes]:
    """Pixels, what a decoder is to see, and the EXIF note or nothing.

    PictureError, struct.error or IndexError where there is no picture.
    """
    at, kind, exif = 8, b"", b""
    order = bytearray()
    chunks = [data[:8]]
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind[0] & _ANCILLARY:
            order += b"a"
            if kind == b"eXIf":
                exif = b"Exif\0\0" + data[at + 8 : end - 4]
        else:
            order += _CRITICAL.get(kind, b"?")
            chunks.append(data[at:end])
            crc = zlib.crc32(memoryview(data)[at + 4 : end - 4])
            if struct.unpack_from(">I", data, end - 4) != (crc,):
                raise PictureError(PictureFailure.DAMAGED)
        at = end
    if not _ORDER.fullmatch(order):
        raise PictureError(PictureFailure.DAMAGED)
    # There is one way of packing and one of filtering, and there are two of interlacing.
    width, height, _, colours, *methods = struct.unpack_from(">IIBBBBB", data, 16)
    if methods > [0, 0, 1] or (colours == _PALETTE and b"P" not in order):
        raise PictureError(PictureFailure.DAMAGED)
    return width * height, b"".join(chunks), exif


_ANCILLARY = 0x20
"""The bit that makes a letter small: whoever does not know such a chunk may skip it."""
_CRITICAL = {b"IHDR": b"H", b"PLTE": b"P", b"IDAT": b"D", b"IEND": b"E"}
_ORDER = re.compile(rb"H(a*P)?a*D+a*E")
_PALETTE = 3
