"""Pictures that were made to hurt, and what is expected of each: data, no test.

`python -m tests.pictures.corpus FOLDER` writes them as files. All of it follows from a seed.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from workload.errors import PictureFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20261124
LARGEST = (12_220, 9_001)
"""Columns and rows: 110 million pixels, all but a few."""
BIT_FLIPS = 40
CUTS = 9
SOME = None
"""Expected: a prediction or any code for a picture, but the decoder lives."""
GOOD = "decoded"


class Hostile(NamedTuple):
    """One file, and what comes of it."""

    name: str
    data: bytes
    expected: PictureFailure | str | None = SOME


def corpus() -> Iterator[Hostile]:
    """Every file of the corpus."""
    whole = _whole()
    for name, data in whole.items():
        yield Hostile(f"whole/{name}", data, GOOD)
        yield Hostile(f"wrong-extension/{name}.txt", data, GOOD)
        yield from _cut(name, data)
        yield from _flipped(name, data)
    yield from _empty()
    yield from _other_formats()
    yield from _bombs(whole)
    yield from _lies(whole)
    yield from _notes(whole)


def _image(width: int = 64, height: int = 48) -> Image.Image:
    shades = np.random.default_rng(SEED).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(shades).resize((width, height), Image.Resampling.BICUBIC)


def _file(kind: str, image: Image.Image, **options: object) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def _frames(kind: str, image: Image.Image, number: int) -> bytes:
    turned = [image.rotate(degrees) for degrees in range(1, number)]
    return _file(kind, image, save_all=True, append_images=turned)


def _whole() -> dict[str, bytes]:
    image = _image()
    return {
        "a.jpg": _file("JPEG", image),
        "progressive.jpg": _file("JPEG", image, progressive=True),
        "cmyk.jpg": _file("JPEG", image.convert("CMYK")),
        "a.png": _file("PNG", image),
        "palette.png": _file("PNG", image.quantize(40)),
        "alpha.png": _file("PNG", image.convert("RGBA")),
        "a.gif": _file("GIF", image),
        "a.bmp": _file("BMP", image),
        "palette.bmp": _file("BMP", image.quantize(40)),
        "a.webp": _file("WEBP", image),
        "lossless.webp": _file("WEBP", image, lossless=True),
    }


def _cut(name: str, data: bytes) -> Iterator[Hostile]:
    for part in range(1, CUTS + 1):
        yield Hostile(f"cut/{part}-{name}", data[: len(data) * part // (CUTS + 1)])
    yield Hostile(f"cut/last-byte-{name}", data[:-1])


def _flipped(name: str, data: bytes) -> Iterator[Hostile]:
    rng = np.random.default_rng((SEED, len(data)))
    for number in range(BIT_FLIPS):
        flipped = bytearray(data)
        # Half of them where the headers are.
        for at in rng.integers(2, len(data) if number % 2 else min(len(data), 200), 3):
            flipped[at] ^= 1 << int(rng.integers(8))
        yield Hostile(f"flipped/{number:02}-{name}", bytes(flipped))


def _empty() -> Iterator[Hostile]:
    yield Hostile("empty/no-bytes.jpg", b"", PictureFailure.EMPTY)
    yield Hostile("empty/zeros.jpg", bytes(1000), PictureFailure.FORMAT_UNKNOWN)
    for magic in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM\0\0\0\0\0\0\0\0\0\0\0\0("):
        name = magic.hex()
        yield Hostile(f"empty/only-{name[:12]}.jpg", magic, PictureFailure.DAMAGED)
        yield Hostile(
            f"empty/zeros-after-{name[:12]}.jpg", magic + bytes(1000), PictureFailure.DAMAGED
        )


def _other_formats() -> Iterator[Hostile]:
    for name, data in {
        "a.tiff": _file("TIFF", _image()),
        "a.ppm": _file("PPM", _image()),
        "a.ico": _file("ICO", _image()),
        "a.pdf": _file("PDF", _image()),
        "a.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "a.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "a.html": b"<script>alert(1)</script>",
        "a.zip": b"PK\x03\x04" + bytes(99),
        "a.wav": b"RIFF\x24\0\0\0WAVEfmt ",
    }.items():
        yield Hostile(f"other/{name}", data, PictureFailure.FORMAT_UNKNOWN)


def _bombs(whole: dict[str, bytes]) -> Iterator[Hostile]:
    yield Hostile(
        "bombs/20000-squared.png", black_png(20_000, 20_000), PictureFailure.TOO_MANY_PIXELS
    )
    # Of the formats, those that need the most memory.
    yield Hostile("bombs/as-large-as-may-be.png", black_png(*LARGEST), GOOD)
    yield Hostile("bombs/as-large-as-may-be.jpg", black_jpeg(*LARGEST), GOOD)
    yield Hostile("bombs/as-large-as-may-be.webp", black_webp(*LARGEST), GOOD)
    # Of an animation the first frame is decoded, so that the others cost nothing.
    yield Hostile("bombs/large-frames.gif", black_gif(2_000, 2_000, 300), GOOD)
    yield Hostile(
        "bombs/hundreds-of-frames.gif",
        _frames("GIF", _image().quantize(40), 300),  # or each frame would be: seconds
        GOOD,
    )
    yield Hostile(
        "bombs/hundreds-of-frames.webp",
        _frames("WEBP", _image(), 200),
        GOOD,
    )
    progressive = _file("JPEG", _image(1_000, 800), progressive=True)
    yield Hostile("bombs/scans-50.jpg", _more_scans(progressive, 40), GOOD)
    yield Hostile(
        "bombs/scans-900.jpg", _more_scans(progressive, 900), PictureFailure.TOO_MANY_SCANS
    )
    profile = _chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(30 * 1024**2), 9))
    text = _chunk(b"zTXt", b"t\0\0" + zlib.compress(bytes(30 * 1024**2), 9))
    png = whole["a.png"]
    # Nobody unpacks what is not pixels.
    yield Hostile("bombs/profile.png", png[:33] + profile + png[33:], GOOD)
    yield Hostile("bombs/text.png", png[:33] + text + png[33:], GOOD)
    yield Hostile("bombs/texts.png", png[:33] + text * 99 + png[33:], GOOD)


def _lies(whole: dict[str, bytes]) -> Iterator[Hostile]:
    png, jpg, gif = whole["a.png"], whole["a.jpg"], whole["a.gif"]
    bmp, webp = whole["a.bmp"], whole["lossless.webp"]
    size = png.index(b"IHDR") + 4
    for width, height in ((1, 1), (7_000, 7_000), (64, 47), (65, 48)):
        header = b"IHDR" + struct.pack(">II", width, height) + png[size + 8 : size + 13]
        said = struct.pack(">I", zlib.crc32(header))
        data = png[: size - 4] + header + said + png[size + 17 :]
        yield Hostile(f"lies/{width}x{height}.png", data)
    frame = jpg.index(b"\xff\xc0") + 5
    for width, height in ((1, 1), (7_000, 7_000), (65_535, 700), (64, 47)):
        data = jpg[:frame] + struct.pack(">HH", height, width) + jpg[frame + 4 :]
        yield Hostile(f"lies/{width}x{height}.jpg", data)
    for width, height in ((1, 1), (7_000, 7_000), (65_535, 1)):
        data = gif[:6] + struct.pack("<HH", width, height) + gif[10:]
        yield Hostile(f"lies/{width}x{height}.gif", data)
    for width, height in ((1, 1), (7_000, 7_000), (50_000_000, 1), (64, -48)):
        data = bmp[:18] + struct.pack("<ii", width, height) + bmp[26:]
        yield Hostile(f"lies/{width}x{height}.bmp", data)
    yield Hostile("lies/offset.bmp", bmp[:10] + struct.pack("<I", 2**31) + bmp[14:])
    yield Hostile("lies/colours.bmp", bmp[:46] + struct.pack("<I", 2**31) + bmp[50:])
    bits = struct.pack("<I", 6_999 | 6_999 << 14)
    yield Hostile("lies/7000x7000.webp", webp[:21] + bits + webp[25:])
    yield Hostile("lies/length.webp", webp[:4] + b"\xff\xff\xff\xff" + webp[8:])
    yield Hostile("lies/length.png", png[:33] + b"\xff\xff\xff\xff" + png[37:])
    yield Hostile("lies/components.jpg", jpg[: frame + 4] + b"\x04" + jpg[frame + 5 :])


def _notes(whole: dict[str, bytes]) -> Iterator[Hostile]:
    image = _image()
    for name, note in {
        "no-exif": b"Exif\0\0",
        "noise": b"Exif\0\0" + bytes(range(256)),
        "circle": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\0\0\0\0",
        "many": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(12) * 999,
    }.items():
        yield Hostile(f"notes/exif-{name}.jpg", _file("JPEG", image, exif=note), GOOD)
        yield Hostile(f"notes/exif-{name}.webp", _file("WEBP", image, exif=note), GOOD)
        png = whole["a.png"]
        chunk = _chunk(b"eXIf", note[6:])
        yield Hostile(f"notes/exif-{name}.png", png[:33] + chunk + png[33:], GOOD)
    profile = bytes(range(256)) * 40
    for kind in ("JPEG", "PNG", "WEBP"):
        data = _file(kind, image, icc_profile=profile)
        yield Hostile(f"notes/profile.{kind.lower()}", data, GOOD)
    jpg = whole["a.jpg"]
    for name, segment in {
        "adobe": b"\xff\xee\0\x0eAdobe" + b"\xff" * 7,
        "photoshop": b"\xff\xed\0\x20Photoshop 3.0\0" + b"8BIM" * 4,
        "pictures-within": b"\xff\xe2\0\x1aMPF\0II*\0\x08\0\0\0\x01\0\x01\xb0" + bytes(8),
        "thumbnail": b"\xff\xe1" + struct.pack(">H", 2 + len(jpg)) + jpg,
        "comments": b"\xff\xfe\0\x03x" * 5_000,
    }.items():
        yield Hostile(f"notes/{name}.jpg", jpg[:2] + segment + jpg[2:])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def black_png(width: int, height: int) -> bytes:
    """A valid PNG of black pixels, a thousandth of their size and made without any of them."""
    size = height * (1 + 3 * width)
    block = 1024**2
    packer = zlib.compressobj(9)
    start = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing is remembered: the same input gives the same bytes again.
    again = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = zlib.compressobj(9, wbits=-15)
    last = rest.compress(bytes(size % block)) + rest.flush()
    # Adler-32 of zeros: the first half stays 1, the second counts them.
    check = struct.pack(">I", size % 65_521 << 16 | 1)
    packed = start + again * (size // block - 1) + last + check
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", packed)
        + _chunk(b"IEND", b"")
    )


def black_jpeg(width: int, height: int) -> bytes:
    """A progressive JPEG of four inks, whose only scan has one bit for each of its blocks."""

    def segment(marker: int, content: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content

    inks = range(1, 5)
    frame = struct.pack(">BHHB", 8, height, width, len(inks))
    blocks = -(-width // 8) * -(-height // 8) * len(inks)
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xDB, b"\0" + bytes([1] * 64)),
            segment(0xC2, frame + b"".join(bytes([ink, 0x11, 0]) for ink in inks)),
            segment(0xC4, b"\0" + bytes([1, *[0] * 15, 0])),  # one symbol, which is the bit 0
            segment(
                0xDA, bytes([len(inks), *(byte for ink in inks for byte in (ink, 0)), 0, 0, 0])
            ),
            bytes(-(-blocks // 8)),
            b"\xff\xd9",
        )
    )


def black_webp(width: int, height: int) -> bytes:
    """A lossless WebP whose pixels take no bit: each of its five codes has one symbol."""
    bits = width - 1 | height - 1 << 14  # no alpha, version 0
    codes = sum(1 << 3 + 4 * number for number in range(5))  # after three things that are not there
    packed = b"\x2f" + struct.pack("<II", bits, codes)
    chunk = b"VP8L" + struct.pack("<I", len(packed)) + packed + bytes(len(packed) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def black_gif(width: int, height: int, frames: int) -> bytes:
    """An animation of one frame again and again."""
    one = _file("GIF", Image.new("P", (width, height)))
    at = one.index(b"," + bytes(4))
    return one[:at] + one[at:-1] * frames + b";"


def _more_scans(progressive: bytes, number: int) -> bytes:
    """The last scan, which refines what is there, again and again."""
    last = progressive.rindex(b"\xff\xda")
    return progressive[:last] + progressive[last:-2] * (1 + number) + progressive[-2:]


if __name__ == "__main__":
    for hostile in corpus():
        path = Path(sys.argv[1], hostile.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(hostile.data)
