"""What `image_headers` reads from the headers of pictures."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.fixtures.pictures.photos import chunk, file
from workload.decoding import image_headers, image_limits
from workload.errors import PictureError, PictureFailure

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 40 * 30


def picture(kind: str, width: int = 40, height: int = 30, **options: object) -> bytes:
    """A picture as Pillow writes it."""
    return file(kind, Image.new("RGB", (width, height), (200, 10, 10)), **options)


def frames(number: int, kind: str = "GIF") -> bytes:
    """An animation; no two frames are alike, or Pillow would make one of them."""
    pictures = [Image.new("RGB", (40, 30), (shade * 90, 0, 0)) for shade in range(number)]
    return file(kind, pictures[0], save_all=True, append_images=pictures[1:])


def png(width: int, height: int) -> bytes:
    """A PNG that says it is of any size."""
    header = struct.pack(">II", width, height) + picture("PNG")[24:29]
    return picture("PNG")[:8] + chunk(b"IHDR", header) + picture("PNG")[33:]


def png_of(*order: bytes, colours: int = 2) -> bytes:
    """A PNG of these kinds of chunks, each made up; its check sums are right."""
    header = struct.pack(">IIBBBBB", 40, 30, 8, colours, 0, 0, 0)
    made = (chunk(kind, header if kind == b"IHDR" else b"abc") for kind in order)
    return picture("PNG")[:8] + b"".join(made)


def spoilt(data: bytes, kind: bytes) -> bytes:
    """A PNG with a wrong check sum in its first chunk of this kind."""
    at = data.index(kind)
    end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
    return data[:end] + bytes([data[end] ^ 1]) + data[end + 1 :]


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


def segment(marker: int, content: bytes) -> bytes:
    """A JPEG's segment with a length."""
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


SCAN = segment(0xDA, b"") + b"\x12\xff\x00\x34"
COMMENT = segment(0xFE, b"xy")
END = b"\xff\xd9"
FRAME = frame_header(40, 30)
SCANS = SCAN * image_limits.MAX_SCANS
TOO_MANY = b"\xff\xda" * (image_limits.MAX_SCANS + 1)
"""Bytes that look like many scans."""

FITS: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: picture("JPEG"),
    "progressive JPEG": lambda: picture("JPEG", progressive=True),
    "GIF of many frames": lambda: frames(3),
    "WebP of many frames": lambda: frames(3, "WEBP"),
    "JPEG with EXIF": lambda: picture("JPEG", exif=b"Exif\0\0" + bytes(1000)),
    "JPEG with fill bytes": lambda: jpeg(b"\xff\xff\xff", COMMENT, FRAME, SCAN, b"\xff" * 9, END),
    "JPEG of many scans": lambda: jpeg(COMMENT * 3, FRAME, SCANS, END),
    "JPEG of many scans, each after stray bytes": lambda: jpeg(FRAME, (SCAN + b"x") * 40, END),
    "JPEG, scans after its end": lambda: jpeg(FRAME, SCANS, END, SCAN, END),
    "JPEG, what looks like scans after its end": lambda: picture("JPEG") + TOO_MANY,
    "JPEG, what looks like scans in a profile": lambda: jpeg(
        segment(0xE2, b"ICC_PROFILE\0\1\1" + TOO_MANY), FRAME, SCAN, END
    ),
    "JPEG, what looks like scans between scans": lambda: jpeg(
        FRAME, SCAN, segment(0xE1, TOO_MANY), SCAN, END
    ),
    "JPEG of restarts": lambda: jpeg(FRAME, SCAN, b"\xff\xd0\xff\xd7" * 99, END),
    "JPEG, noise first": lambda: jpeg(COMMENT, b"noise", FRAME, SCAN, END),
    "JPEG of an empty segment": lambda: jpeg(b"\xff\xfe\x00\x00", FRAME, SCAN, END),
    "JPEG, end of a stray segment": lambda: jpeg(b"\xff\xd3\xff\x01", FRAME, SCAN, END),
    "JPEG with a marker that has no length": lambda: jpeg(
        FRAME, SCAN, b"\xff\x05\xff\xff", SCAN, END
    ),
    "PNG": lambda: picture("PNG"),
    "PNG with texts": lambda: png_of(b"IHDR", *[b"zTXt", b"iTXt"] * 99, b"IDAT", b"IEND"),
    "PNG with a broken text": lambda: spoilt(png_of(b"IHDR", b"tEXt", b"IDAT", b"IEND"), b"tEXt"),
    "PNG with a text at its end": lambda: png_of(b"IHDR", b"IDAT", b"IDAT", b"zTXt", b"IEND"),
    "PNG with a palette": lambda: png_of(
        b"IHDR", b"tEXt", b"PLTE", b"tRNS", b"IDAT", b"IEND", colours=3
    ),
    "animated PNG": lambda: png_of(b"IHDR", b"acTL", b"fcTL", b"IDAT", b"fcTL", b"fdAT", b"IEND"),
    "PNG, noise after it": lambda: picture("PNG") + b"noise",
    "GIF": lambda: picture("GIF"),
    "BMP": lambda: picture("BMP"),
    "top-down BMP": lambda: bmp(40, -30),
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
    "WebP of an unknown kind": (
        lambda: picture("WEBP").replace(b"VP8 ", b"VP9 "),
        PictureFailure.DAMAGED,
    ),
    "JPEG of too many scans": (
        lambda: jpeg(FRAME, SCANS, SCAN, END),
        PictureFailure.TOO_MANY_SCANS,
    ),
    "JPEG of a scan behind a marker that has no length": (
        lambda: jpeg(FRAME, SCANS, b"\xff\x05\xff\xff", SCAN, END),
        PictureFailure.TOO_MANY_SCANS,
    ),
    "TIFF": (lambda: picture("TIFF"), PictureFailure.FORMAT_UNKNOWN),
    "BMP of OS/2": (lambda: bmp(40, 30, size=12), PictureFailure.FORMAT_UNKNOWN),
    "JPEG, a row more": (lambda: picture("JPEG", 40, 31), PictureFailure.TOO_MANY_PIXELS),
    "lossless JPEG": (
        lambda: jpeg(frame_header(41, 30, 0xC3), SCAN, END),
        PictureFailure.TOO_MANY_PIXELS,
    ),
    "PNG, a column more": (lambda: picture("PNG", 41, 30), PictureFailure.TOO_MANY_PIXELS),
    "PNG of 60000 squared": (lambda: png(60_000, 60_000), PictureFailure.TOO_MANY_PIXELS),
    "GIF, a row more": (lambda: picture("GIF", 40, 31), PictureFailure.TOO_MANY_PIXELS),
    "GIF of a large frame": (gif_with_a_large_frame, PictureFailure.TOO_MANY_PIXELS),
    "BMP, a row more": (lambda: picture("BMP", 40, 31), PictureFailure.TOO_MANY_PIXELS),
    "top-down BMP, a row more": (lambda: bmp(40, -31), PictureFailure.TOO_MANY_PIXELS),
    "PNG of no width": (lambda: png(0, 30), PictureFailure.DAMAGED),
    "PNG without header": (
        lambda: picture("PNG").replace(b"IHDR", b"IDAT"),
        PictureFailure.DAMAGED,
    ),
    "BMP of negative width": (lambda: bmp(-40, 30), PictureFailure.DAMAGED),
    "JPEG, size at the end": (
        lambda: jpeg(frame_header(40, 0), SCAN, END),
        PictureFailure.DAMAGED,
    ),
    "JPEG without frame": (lambda: jpeg(COMMENT, SCAN, END), PictureFailure.DAMAGED),
    "JPEG without scan": (lambda: jpeg(FRAME, END), PictureFailure.DAMAGED),
    "JPEG without end": (lambda: jpeg(FRAME, SCAN), PictureFailure.DAMAGED),
    "JPEG, end in a segment": (
        lambda: jpeg(FRAME, SCAN, segment(0xE1, b"\xff\xd9")),
        PictureFailure.DAMAGED,
    ),
    "JPEG, half an end": (lambda: jpeg(FRAME, SCAN, b"\xff"), PictureFailure.DAMAGED),
    "JPEG, scan first": (lambda: jpeg(SCAN, FRAME, END), PictureFailure.DAMAGED),
    "JPEG, segment past the end": (
        lambda: jpeg(FRAME, SCAN, b"\xff\xe1\xff\xff", END),
        PictureFailure.DAMAGED,
    ),
    "JPEG of what has no meaning": (
        lambda: jpeg(b"\xff\x05", FRAME, SCAN, END),
        PictureFailure.DAMAGED,
    ),
    "JPEG of fill bytes": (lambda: jpeg(b"\xff" * 100), PictureFailure.DAMAGED),
    "PNG without end": (lambda: png_of(b"IHDR", b"IDAT"), PictureFailure.DAMAGED),
    "PNG without data": (lambda: png_of(b"IHDR", b"IEND"), PictureFailure.DAMAGED),
    "PNG of two headers": (
        lambda: png_of(b"IHDR", b"IHDR", b"IDAT", b"IEND"),
        PictureFailure.DAMAGED,
    ),
    "PNG, header late": (
        lambda: png_of(b"tEXt", b"IHDR", b"IDAT", b"IEND"),
        PictureFailure.DAMAGED,
    ),
    "PNG, data in two places": (
        lambda: png_of(b"IHDR", b"IDAT", b"tEXt", b"IDAT", b"IEND"),
        PictureFailure.DAMAGED,
    ),
    "PNG without its palette": (
        lambda: png_of(b"IHDR", b"IDAT", b"IEND", colours=3),
        PictureFailure.DAMAGED,
    ),
    "PNG, palette late": (
        lambda: png_of(b"IHDR", b"IDAT", b"PLTE", b"IEND", colours=3),
        PictureFailure.DAMAGED,
    ),
    "PNG of two palettes": (
        lambda: png_of(b"IHDR", b"PLTE", b"PLTE", b"IDAT", b"IEND"),
        PictureFailure.DAMAGED,
    ),
    "PNG of what nobody may skip": (
        lambda: png_of(b"IHDR", b"CgBI", b"IDAT", b"IEND"),
        PictureFailure.DAMAGED,
    ),
    "PNG, check of the header": (lambda: spoilt(picture("PNG"), b"IHDR"), PictureFailure.DAMAGED),
    "PNG, check of the data": (lambda: spoilt(picture("PNG"), b"IDAT"), PictureFailure.DAMAGED),
    "PNG, check of the end": (lambda: spoilt(picture("PNG"), b"IEND"), PictureFailure.DAMAGED),
    "GIF without frame": (lambda: gif_with_a_large_frame()[:13] + b";", PictureFailure.DAMAGED),
    "GIF of noise": (lambda: gif_with_a_large_frame()[:13] + b"x;", PictureFailure.DAMAGED),
    "GIF without end of blocks": (lambda: frames(1)[:-2], PictureFailure.DAMAGED),
}


CAMERAS = {
    "50 MP": (8_688, 5_792),
    "50 MP of a phone": (8_160, 6_144),
    "61 MP": (9_504, 6_336),
    "64 MP of a phone": (9_248, 6_936),
    "102 MP": (11_648, 8_736),
    "108 MP of a phone": (12_000, 9_000),
    "another 108 MP of a phone": (12_032, 9_024),
}


@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("upright", [False, True])
def test_the_largest_pictures_of_cameras_are_within_the_limit(
    name: str, upright: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """test_hostile_pictures.py shows that decoders can decode them."""
    monkeypatch.undo()
    size = CAMERAS[name][::-1] if upright else CAMERAS[name]
    assert image_headers.check(jpeg(frame_header(*size), SCAN, END)).kind == "JPEG"


def test_200_million_pixels_are_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such phones' largest pictures would take a gigabyte more."""
    monkeypatch.undo()
    with pytest.raises(PictureError, match=r"^picture_too_many_pixels$"):
        image_headers.check(jpeg(frame_header(16_320, 12_240), SCAN, END))


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_limits, "MAX_PIXELS", LIMIT)


@pytest.mark.parametrize("name", FITS)
def test_a_picture_of_the_largest_size_is_accepted(name: str) -> None:
    """40 x 30 pixels are accepted if the limit is 1,200."""
    image_headers.check(FITS[name]())


@pytest.mark.parametrize("name", REFUSED)
def test_a_picture_is_refused_before_it_is_decoded(name: str) -> None:
    """The header alone is enough to refuse it, with the code of its reason."""
    made, failure = REFUSED[name]
    with pytest.raises(PictureError, match=f"^{failure}$"):
        image_headers.check(made())


@pytest.mark.parametrize("name", FITS)
def test_a_picture_that_ends_in_its_header_is_refused(name: str) -> None:
    """Wherever the file is cut."""
    for length in range(18):
        with pytest.raises(PictureError, match=r"^picture_(damaged|format_unknown|empty)$"):
            image_headers.check(FITS[name]()[:length])
