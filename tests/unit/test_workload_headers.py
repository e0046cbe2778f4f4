"""Pictures that say how large they are, and what `workload.headers` reads from that."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from workload import headers
from workload.errors import PictureError, PictureFailure

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 40 * 30


def picture(kind: str, width: int = 40, height: int = 30, **options: object) -> bytes:
    """A picture as Pillow writes it."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 10, 10)).save(file, kind, **options)
    return file.getvalue()


def frames(number: int, kind: str = "GIF") -> bytes:
    """An animation; no two frames are alike, or Pillow would make one of them."""
    pictures = [Image.new("RGB", (40, 30), (shade * 90, 0, 0)) for shade in range(number)]
    file = io.BytesIO()
    pictures[0].save(file, kind, save_all=True, append_images=pictures[1:])
    return file.getvalue()


def png(width: int, height: int) -> bytes:
    """The beginning of a PNG of any size."""
    return picture("PNG")[:16] + struct.pack(">II", width, height) + picture("PNG")[24:]


def png_with_texts(number: int, kind: bytes = b"zTXt") -> bytes:
    """A PNG that carries compressed texts, which its decoder unpacks whole."""
    content = kind + b"k\0\0" + zlib.compress(b"a" * 1000)
    text = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    whole = picture("PNG")
    return whole[:33] + text * number + whole[33:]


def jpeg(*segments: bytes) -> bytes:
    """A JPEG of these segments."""
    return b"\xff\xd8" + b"".join(segments)


def frame_header(width: int, height: int, marker: int = 0xC0) -> bytes:
    """A JPEG's frame header."""
    return struct.pack(">BBHBHH", 0xFF, marker, 17, 8, height, width) + bytes(10)


def bmp(width: int, height: int, size: int = 40) -> bytes:
    """The beginning of a BMP."""
    return b"BM" + bytes(12) + struct.pack("<Iii", size, width, height) + bytes(30)


def gif_with_a_large_frame() -> bytes:
    """A canvas of one pixel, and a frame that needs a far larger one."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0) + b"\x02\x01\x00\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + frame + b";"


SCAN = b"\xff\xda\x00\x02"
COMMENT = b"\xff\xfe\x00\x04xy"

FITS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: picture("JPEG"),
    "progressive JPEG": lambda: picture("JPEG", progressive=True),
    "JPEG with EXIF": lambda: picture("JPEG", exif=b"Exif\0\0" + bytes(1000)),
    "JPEG with fill bytes": lambda: jpeg(b"\xff\xff\xff", COMMENT, frame_header(40, 30)),
    "PNG": lambda: picture("PNG"),
    "PNG with texts": lambda: png_with_texts(8),
    "GIF": lambda: picture("GIF"),
    "BMP": lambda: picture("BMP"),
    "top-down BMP": lambda: bmp(40, -30),
    "JPEG of many scans": lambda: jpeg(COMMENT * 3, frame_header(40, 30), SCAN * headers.MAX_SCANS),
    "WebP": lambda: picture("WEBP"),
    "lossless WebP": lambda: picture("WEBP", lossless=True),
    "WebP with EXIF": lambda: picture("WEBP", exif=b"Exif\0\0" + bytes(9)),
}

REFUSED: dict[str, tuple[Callable[[], bytes], PictureFailure]] = {
    "nothing": (lambda: b"", PictureFailure.EMPTY),
    "text": (lambda: b"a picture", PictureFailure.FORMAT_UNKNOWN),
    "sound": (lambda: b"RIFF\x24\0\0\0WAVEfmt ", PictureFailure.FORMAT_UNKNOWN),
    "WebP, a row more": (lambda: picture("WEBP", 40, 31), PictureFailure.TOO_MANY_PIXELS),
    "lossless WebP, a column more": (
        lambda: picture("WEBP", 41, 30, lossless=True),
        PictureFailure.TOO_MANY_PIXELS,
    ),
    "WebP with EXIF, a row more": (
        lambda: picture("WEBP", 40, 31, exif=b"Exif\0\0" + bytes(9)),
        PictureFailure.TOO_MANY_PIXELS,
    ),
    "WebP of two frames": (lambda: frames(2, "WEBP"), PictureFailure.TOO_MANY_PIXELS),
    "WebP of an unknown kind": (
        lambda: picture("WEBP").replace(b"VP8 ", b"VP9 "),
        PictureFailure.DAMAGED,
    ),
    "JPEG of too many scans": (
        lambda: jpeg(frame_header(40, 30), SCAN * (headers.MAX_SCANS + 1)),
        PictureFailure.TOO_LARGE,
    ),
    "TIFF": (lambda: picture("TIFF"), PictureFailure.FORMAT_UNKNOWN),
    "BMP of OS/2": (lambda: bmp(40, 30, size=12), PictureFailure.FORMAT_UNKNOWN),
    "JPEG, a row more": (lambda: picture("JPEG", 40, 31), PictureFailure.TOO_MANY_PIXELS),
    "lossless JPEG": (lambda: jpeg(frame_header(41, 30, 0xC3)), PictureFailure.TOO_MANY_PIXELS),
    "PNG, a column more": (lambda: picture("PNG", 41, 30), PictureFailure.TOO_MANY_PIXELS),
    "PNG of 60000 squared": (lambda: png(60_000, 60_000), PictureFailure.TOO_MANY_PIXELS),
    "GIF, a row more": (lambda: picture("GIF", 40, 31), PictureFailure.TOO_MANY_PIXELS),
    "GIF of two frames": (lambda: frames(2), PictureFailure.TOO_MANY_PIXELS),
    "GIF of a large frame": (gif_with_a_large_frame, PictureFailure.TOO_MANY_PIXELS),
    "BMP, a row more": (lambda: picture("BMP", 40, 31), PictureFailure.TOO_MANY_PIXELS),
    "top-down BMP, a row more": (lambda: bmp(40, -31), PictureFailure.TOO_MANY_PIXELS),
    "PNG, a text more": (lambda: png_with_texts(9), PictureFailure.TOO_LARGE),
    "PNG of many profiles": (lambda: png_with_texts(9, b"iCCP"), PictureFailure.TOO_LARGE),
    "PNG of many other texts": (lambda: png_with_texts(9, b"iTXt"), PictureFailure.TOO_LARGE),
    "PNG of no width": (lambda: png(0, 30), PictureFailure.DAMAGED),
    "PNG without header": (
        lambda: picture("PNG").replace(b"IHDR", b"IDAT"),
        PictureFailure.DAMAGED,
    ),
    "BMP of negative width": (lambda: bmp(-40, 30), PictureFailure.DAMAGED),
    "JPEG, size at the end": (lambda: jpeg(frame_header(40, 0)), PictureFailure.DAMAGED),
    "JPEG without frame": (lambda: jpeg(COMMENT, b"\xff\xd9"), PictureFailure.DAMAGED),
    "JPEG, scan first": (lambda: jpeg(SCAN, frame_header(40, 30)), PictureFailure.DAMAGED),
    "JPEG, noise first": (lambda: jpeg(COMMENT, frame_header(40, 30)[1:]), PictureFailure.DAMAGED),
    "JPEG of an empty segment": (lambda: jpeg(b"\xff\xfe\x00\x00"), PictureFailure.DAMAGED),
    "JPEG of fill bytes": (lambda: jpeg(b"\xff" * 100), PictureFailure.DAMAGED),
    "GIF without frame": (lambda: gif_with_a_large_frame()[:13] + b";", PictureFailure.DAMAGED),
    "GIF of noise": (lambda: gif_with_a_large_frame()[:13] + b"x;", PictureFailure.DAMAGED),
    "GIF without end of blocks": (lambda: frames(1)[:-2], PictureFailure.DAMAGED),
}


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "MAX_PIXELS", LIMIT)


@pytest.mark.parametrize("name", FITS)
def test_a_picture_of_the_largest_size_is_taken(name: str) -> None:
    """40 x 30 pixels are taken where 1,200 are the limit."""
    headers.check(FITS[name]())


@pytest.mark.parametrize("name", REFUSED)
def test_a_picture_is_refused_before_it_is_decoded(name: str) -> None:
    """The header alone is enough to refuse it, with the code of its reason."""
    made, failure = REFUSED[name]
    with pytest.raises(PictureError, match=f"^{failure}$"):
        headers.check(made())


@pytest.mark.parametrize("name", FITS)
def test_a_picture_that_ends_in_its_header_is_refused(name: str) -> None:
    """However early a file ends, it is refused, and nothing else happens."""
    for length in range(18):
        with pytest.raises(PictureError, match=r"^picture_(damaged|format_unknown|empty)$"):
            headers.check(FITS[name]()[:length])
