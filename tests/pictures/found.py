"""Pictures as phones, cameras and tools leave them, made anew: data, no test.

TAKEN are files that TensorFlow's own reading takes, REFUSED such that it refuses.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH, HEIGHT = 90, 100


def _file(kind: str, mode: str = "RGB", **options: object) -> bytes:
    rng = np.random.default_rng(7)
    shades = Image.fromarray(rng.integers(0, 256, (9, 8, 3), np.uint8))
    smooth = np.asarray(shades.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.int16)
    noisy = np.clip(smooth + rng.integers(-8, 9, smooth.shape), 0, 255).astype(np.uint8)
    image = Image.fromarray(noisy)
    written = io.BytesIO()
    (image.quantize(50) if mode == "P" else image.convert(mode)).save(written, kind, **options)
    return written.getvalue()


JPEG, PROGRESSIVE = _file("JPEG"), _file("JPEG", progressive=True)
RESTARTS = _file("JPEG", restart_marker_rows=1)
GIF = _file("GIF", "P")
FRAME = GIF[13 + (3 << (GIF[10] & 7) + 1) : -1]
"""What stands between a GIF's colours and its end."""
TABLES, SCAN, LAST_SCAN = 20, JPEG.index(b"\xff\xda"), PROGRESSIVE.rindex(b"\xff\xda")
"""Places in a JPEG: after JFIF's segment, before the scan, before the last of many scans."""
SCANS = b"\xff\xda" * 60
VIDEO = b"\0\0\0\x18ftypmp42" + np.random.default_rng(8).bytes(400_000) + SCANS


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content


def _profile(number: int, of: int) -> bytes:
    return _segment(0xE2, b"ICC_PROFILE\0" + bytes([number, of]) + b"p" * 999)


def _xmp(part: int) -> bytes:
    name = b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32
    return _segment(0xE1, name + struct.pack(">II", 120_000, part * 60_000) + b"x" * 60_000 + SCANS)


def _with(*segments: bytes, at: int = TABLES, whole: bytes = JPEG) -> bytes:
    return whole[:at] + b"".join(segments) + whole[at:]


PNG, PALETTE = _file("PNG"), _file("PNG", "P")
Chunks = list[tuple[bytes, bytes]]


def _chunks(data: bytes) -> Chunks:
    found, at = [], 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        found.append((kind, data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _png(chunks: Chunks, *, wrong: bytes = b"") -> bytes:
    """These chunks; the check sum of one kind is wrong."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data) ^ (kind == wrong))
        for kind, data in chunks
    )


HEADER, *_BODY, END = _chunks(PNG)
ROW = 1 + 3 * WIDTH
ROWS = zlib.decompress(b"".join(data for _, data in _BODY))
PACKED = zlib.compress(ROWS)
BODY: Chunks = [(b"IDAT", PACKED)]
P_HEADER, PLTE, *P_BODY = _chunks(PALETTE)
LARGE = zlib.compress(bytes(5 * 1024**2))


def _beside(*chunks: tuple[bytes, bytes], wrong: bytes = b"") -> bytes:
    """A whole PNG with these chunks beside its pixels."""
    return _png([HEADER, *chunks, *BODY, END], wrong=wrong)


def _of(packed: bytes) -> bytes:
    return _png([HEADER, (b"IDAT", packed), END])


def _interlaced(rows: int) -> bytes:
    """A PNG of grey pixels in Adam7's seven passes, which Pillow does not write."""
    rng = np.random.default_rng(9)
    passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2)]
    raw = [
        b"\0" + rng.bytes(len(range(column, WIDTH, across)))
        for row, down, column, across in [*passes, (1, 2, 0, 1)]
        for _ in range(row, HEIGHT, down)
    ]
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 1)
    packed = zlib.compress(b"".join(raw[: len(raw) + rows]))
    return _png([(b"IHDR", header), (b"IDAT", packed), END])


def _noise(first: int, *, length: int, seed: int, whole: bytes = PROGRESSIVE) -> bytes:
    """A JPEG with random bytes over the data of its scans."""
    noise = np.random.default_rng(seed).bytes(length)
    return whole[:first] + noise + whole[first + length :]


TAKEN: dict[str, Callable[[], bytes]] = {
    # Of an animation the first frame is the picture
    "a GIF of many frames": lambda: GIF[:-1] + FRAME * 9 + b";",
    "a GIF cut behind its first frame": lambda: GIF[:-1] + FRAME + FRAME[: len(FRAME) // 2],
    "noise behind the first frame of a GIF": lambda: GIF[:-1] + b"noise",
    "a GIF without its end": lambda: GIF[:-1],
    # Trailers and metadata that hold what looks like scans
    "what looks like scans after the end": lambda: JPEG + SCANS,
    "a phone's motion photo": lambda: _with(_xmp(0), whole=JPEG) + VIDEO,
    "a progressive motion photo": lambda: PROGRESSIVE + VIDEO,
    "a second picture after the end": lambda: JPEG + JPEG * 60,
    "an index of several pictures": lambda: (
        _with(_segment(0xE2, b"MPF\0II*\0\x08\0\0\0\x01\0\x01\xb0" + SCANS)) + JPEG
    ),
    "a thermal camera's data": lambda: _with(
        *[_segment(0xE1, b"FLIR\0\1" + bytes([part, 8]) + SCANS * 99) for part in range(9)]
    ),
    "a thumbnail in its EXIF": lambda: _with(_segment(0xE1, b"Exif\0\0II*\0" + JPEG), at=2),
    "XMP in several segments": lambda: _with(_xmp(0), _xmp(1)),
    "a large profile": lambda: _with(*[_segment(0xE2, SCANS * 500)] * 9),
    "comments with anything in them": lambda: _with(*[_segment(0xFE, SCANS)] * 200),
    "notes between scans": lambda: _with(_segment(0xE1, SCANS), at=LAST_SCAN, whole=PROGRESSIVE),
    # Stray bytes between segments
    "two zeros between segments": lambda: _with(b"\0\0"),
    "a zero before the scan": lambda: _with(b"\0", at=SCAN),
    "a line end between segments": lambda: _with(b"\r\n"),
    "hundreds of stray bytes": lambda: _with(b"abc" * 300),
    "fill bytes": lambda: _with(b"\xff" * 500),
    "stuffed zeros between segments": lambda: _with(b"\0\xff\0\xff\xff\0"),
    "a stray restart": lambda: _with(b"\xff\xd3"),
    "a stray TEM": lambda: _with(b"\xff\x01"),
    "stray bytes between scans": lambda: _with(b"\0" * 9, at=LAST_SCAN, whole=PROGRESSIVE),
    "stray bytes before the end": lambda: _with(b"\xff" * 9, at=len(JPEG) - 2),
    "a segment of length 0": lambda: _with(b"\xff\xfe\0\0"),
    "a segment of length 1": lambda: _with(b"\xff\xe1\0\1"),
    # Profiles
    "a profile": lambda: _with(_profile(1, 2), _profile(2, 2)),
    "a profile twice": lambda: _with(_profile(1, 1) * 2),
    "a profile from 0": lambda: _with(_profile(0, 2), _profile(1, 2)),
    "a profile of 0 parts": lambda: _with(_profile(1, 0)),
    "a profile without its middle": lambda: _with(_profile(1, 3), _profile(3, 3)),
    "a profile in the wrong order": lambda: _with(_profile(2, 2), _profile(1, 2)),
    "a late profile": lambda: _with(_profile(1, 1), at=SCAN),
    "a profile between scans": lambda: _with(_profile(1, 1), at=LAST_SCAN, whole=PROGRESSIVE),
    "a profile that is cut": lambda: _with(_segment(0xE2, b"ICC_PROFILE\0")),
    "two profiles": lambda: _with(_profile(1, 2), _profile(1, 1), _profile(2, 2)),
    # What else JPEGs hold
    "a restart without meaning": lambda: RESTARTS.replace(b"\xff\xd1", b"\xff\x05", 1),
    "restarts": lambda: RESTARTS,
    "a restart lost": lambda: RESTARTS.replace(b"\xff\xd1", b"", 1),
    "a restart of another number": lambda: RESTARTS.replace(b"\xff\xd1", b"\xff\xd5", 1),
    "a note in place of a restart": lambda: _with(
        _segment(0xE1, b"x" * 50), at=RESTARTS.index(b"\xff\xd1"), whole=RESTARTS
    ),
    "a number of lines": lambda: _with(_segment(0xDC, struct.pack(">H", HEIGHT)), at=len(JPEG) - 2),
    "Adobe's segment": lambda: _with(_segment(0xEE, b"Adobe\0\x64\0\0\0\0\1")),
    "no JFIF": lambda: JPEG[:2] + JPEG[TABLES:],
    "RGB": lambda: _file("JPEG", keep_rgb=True),
    "sampled 4:2:2": lambda: _file("JPEG", subsampling=1),
    # PNGs with what is not pixels
    "a text": lambda: _beside((b"tEXt", b"a\0b")),
    "a text of 5 MB": lambda: _beside((b"zTXt", b"a\0\0" + LARGE)),
    "an international text of 5 MB": lambda: _beside((b"iTXt", b"a\0\1\0\0\0" + LARGE)),
    "a profile of 5 MB": lambda: _beside((b"iCCP", b"a\0\0" + LARGE)),
    "a hundred texts": lambda: _beside(*[(b"zTXt", b"a\0\0" + zlib.compress(b"b"))] * 100),
    "a broken profile": lambda: _beside((b"iCCP", b"a\0\0nonsense")),
    "a broken text": lambda: _beside((b"zTXt", b"a\0\0nonsense")),
    "a broken gamma": lambda: _beside((b"gAMA", b"")),
    "broken primaries": lambda: _beside((b"cHRM", b"abc")),
    "a text with a wrong check": lambda: _beside((b"tEXt", b"a\0b"), wrong=b"tEXt"),
    "a time with a wrong check": lambda: _beside((b"tIME", bytes(7)), wrong=b"tIME"),
    "a chunk that nobody knows": lambda: _beside((b"teSt", bytes(99))),
    "a text after the pixels": lambda: _png([HEADER, *BODY, (b"zTXt", b"a\0\0" + LARGE), END]),
    "an empty palette's transparency": lambda: _png([P_HEADER, PLTE, (b"tRNS", b""), *P_BODY]),
    "an animation": lambda: _beside((b"acTL", struct.pack(">II", 9, 0)), (b"fcTL", bytes(26))),
    "bytes after the PNG": lambda: PNG + b"more" * 99,
    "pixels in pieces": lambda: _png(
        [HEADER, (b"IDAT", PACKED[:9]), (b"IDAT", b""), (b"IDAT", PACKED[9:]), END]
    ),
    "more pixels than rows": lambda: _of(zlib.compress(ROWS + bytes(3000))),
    "noise after the pixels": lambda: _of(PACKED + bytes(300)),
    "an interlaced PNG": lambda: _interlaced(0),
    "a last row like the ground": lambda: _of(
        zlib.compress(ROWS[:-ROW] + b"\0" + b"\x5a\0\0" * WIDTH)
    ),
}

REFUSED: dict[str, Callable[[], bytes]] = {
    "a GIF cut in its first frame": lambda: GIF[: -len(FRAME) // 2] + FRAME,
    "10 of 100 rows": lambda: _of(zlib.compress(ROWS[: 10 * ROW])),
    "10 of 100 rows, and more after them": lambda: _of(zlib.compress(ROWS[: 10 * ROW]) + bytes(9)),
    "99 of 100 rows": lambda: _of(zlib.compress(ROWS[: 99 * ROW])),
    "99 and a half of 100 rows": lambda: _of(zlib.compress(ROWS[: 99 * ROW + 9])),
    "99 rows, the last like the ground": lambda: _of(
        zlib.compress(ROWS[: 98 * ROW] + b"\0" + b"\x5a\0\0" * WIDTH)
    ),
    "no row": lambda: _of(zlib.compress(b"")),
    "an interlaced PNG, a row less": lambda: _interlaced(-1),
    "an interlaced PNG without its last pass": lambda: _interlaced(-HEIGHT // 2),
    "rows that are cut": lambda: _of(PACKED[:2000]),
    "rows with a wrong check": lambda: _png([HEADER, *BODY, END], wrong=b"IDAT"),
    "a palette of 10 rows": lambda: _png(
        [P_HEADER, PLTE, (b"IDAT", zlib.compress(bytes(10 * (1 + WIDTH)))), END]
    ),
    "no palette": lambda: _png([P_HEADER, *P_BODY]),
    "a PNG without its end": lambda: PNG[:-12],
    "a PNG without its last byte": lambda: PNG[:-1],
    "a chunk for iPhones alone": lambda: _png([(b"CgBI", bytes(4)), HEADER, *BODY, END]),
    "a JPEG without its end": lambda: JPEG[:-2],
    "a JPEG without its last byte": lambda: JPEG[:-1],
    "a JPEG whose end is in a note": lambda: JPEG[:-2] + _segment(0xE1, b"\xff\xd9"),
    "a JPEG without its end, a video after it": lambda: (
        JPEG[:-2] + b"\xff\xe1\xff\xff" + VIDEO[:999]
    ),
    "another way of packing": lambda: _png([(b"IHDR", HEADER[1][:10] + b"\1\0\0"), *BODY, END]),
    "another way of interlacing": lambda: _png([(b"IHDR", HEADER[1][:10] + b"\0\0\2"), *BODY, END]),
    "a JPEG with what has no meaning between segments": lambda: _with(b"\xff\x05"),
    "12 bits": lambda: JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"),
    "lossless": lambda: JPEG.replace(b"\xff\xc0", b"\xff\xc3"),
    **{
        f"noise {seed} over all scans": lambda seed=seed: _noise(  # type: ignore[misc]
            PROGRESSIVE.index(b"\xff\xda") + 14, length=len(PROGRESSIVE) - 900, seed=seed
        )
        for seed in range(12)
    },
}
