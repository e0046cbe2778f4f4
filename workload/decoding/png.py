"""Reads a PNG's chunks: the picture's size, and the part of the file that the decoder needs.

Texts, profiles and the further frames of an animation are skipped and never decompressed. The other
chunks must meet libpng's rules: their order, their checksums, and a final chunk (PNG specification,
5.3 to 5.6).
"""

from __future__ import annotations

import re
import struct
import zlib

from workload.errors import PictureError, PictureFailure


def read(data: bytes) -> tuple[int, bytes, bytes]:
    """Pixels, the part that the decoder needs, and EXIF or empty.

    PictureError, struct.error or IndexError if the file holds no valid picture.
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
    # One method of compression, one of filtering, two of interlacing.
    width, height, _, colours, *methods = struct.unpack_from(">IIBBBBB", data, 16)
    if methods > [0, 0, 1] or (colours == _PALETTE and b"P" not in order):
        raise PictureError(PictureFailure.DAMAGED)
    return width * height, b"".join(chunks), exif


_ANCILLARY = 0x20
"""Lower-case bit: decoders may skip such a chunk."""
_CRITICAL = {b"IHDR": b"H", b"PLTE": b"P", b"IDAT": b"D", b"IEND": b"E"}
_ORDER = re.compile(rb"H(a*P)?a*D+a*E")
_PALETTE = 3
