"""Decodes some bytes by each usual encoding once.

An encoded part may begin and end anywhere: the decoders try every run of characters, every
compressed stream, and every offset of a group of characters. Bytes without an encoding decode to
noise. `canary_search` searches the decoded bytes.
"""

from __future__ import annotations

import bz2
import lzma
import re
import struct
import zlib
from base64 import b32decode, b64decode
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def unwrapped(layer: bytes) -> Iterator[tuple[str, bytes]]:
    """The decoded bytes, one encoding removed."""
    for name, (run, decoded) in RUNS.items():
        for match in run.finditer(layer):
            for inner in decoded(match[0]):
                yield name, inner
    for name, (beginning, stream) in STREAMS.items():
        for match in beginning.finditer(layer):
            yield name, _inflated(stream(), memoryview(layer)[match.end() :])
    for at in (match.start() for match in ZIP_MEMBER.finditer(layer)):
        sizes = struct.unpack_from("<HH", layer, at + 26)
        yield "zip", _inflated(zlib.decompressobj(-15), memoryview(layer)[at + 30 + sum(sizes) :])


def _by_groups(size: int, decode: Callable[[bytes], bytes], run: bytes) -> Iterator[bytes]:
    """A run, decoded by groups of this many characters, from each offset of the first group."""
    for start in range(size):
        yield decode(run[start : start + (len(run) - start) // size * size])


def _base64(run: bytes) -> Iterator[bytes]:
    dense = b"".join(run.translate(bytes.maketrans(b"-_", b"+/")).split())
    return _by_groups(4, b64decode, dense)


def _base32(run: bytes) -> Iterator[bytes]:
    return _by_groups(8, lambda group: b32decode(group, casefold=True), b"".join(run.split()))


def _hex(run: bytes) -> Iterator[bytes]:
    dense = re.sub(rb"0x|[^0-9a-fA-F]", b"", run)
    return _by_groups(2, lambda group: bytes.fromhex(group.decode()), dense)


def _decimal(run: bytes) -> Iterator[bytes]:
    yield bytes(int(number) & BYTE for number in re.findall(rb"-?\d+", run))


def _utf16(run: bytes) -> Iterator[bytes]:
    yield run.replace(b"\0", b"")


def _spelled(
    character: bytes, meant: Callable[[re.Match[bytes]], bytes]
) -> Callable[[bytes], Iterator[bytes]]:
    """Decodes escaped characters among plain ones."""

    def decoded(run: bytes) -> Iterator[bytes]:
        inner, times = re.subn(character, meant, run)
        if times:
            yield inner

    return decoded


def _escaped(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code[:1] in (b"x", b"u", b"U"):
        number = int(code[1:], 16)
    elif code.isdigit():
        number = int(code, 8)
    else:
        return code.translate(CONTROL)
    return bytes([number]) if number <= BYTE else b"?"


BYTE = 0xFF
ESCAPE = rb"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|[^xuU0-9])"
CONTROL = bytes.maketrans(b"abfnrtv", b"\a\b\f\n\r\t\v")
CHARACTERS = re.compile(rb"(?:[\t\n\r -~]|[\xc2-\xf4][\x80-\xbf]+){16,}")
RUNS: dict[str, tuple[re.Pattern[bytes], Callable[[bytes], Iterator[bytes]]]] = {
    "base64": (re.compile(rb"[A-Za-z0-9+/_-](?:\s*[A-Za-z0-9+/_-]){19,}"), _base64),
    "base32": (re.compile(rb"[A-Za-z2-7](?:\s*[A-Za-z2-7]){23,}"), _base32),
    "hex": (re.compile(rb"[0-9a-fA-F](?:(?:[\s:,-]|0x)*[0-9a-fA-F]){15,}"), _hex),
    "decimal bytes": (re.compile(rb"-?\d{1,3}(?:[\s,;]+-?\d{1,3}){7,}"), _decimal),
    "UTF-16": (re.compile(rb"[^\0](?:\0{1,3}[^\0]){7,}"), _utf16),
    # of JSON, Python's repr, C, protocol buffers as text
    "escapes": (CHARACTERS, _spelled(ESCAPE, _escaped)),
    # of URLs; with = of mail
    "percent": (CHARACTERS, _spelled(rb"[%=]([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]))),
    # bytes taken for Latin-1
    "UTF-8": (
        re.compile(rb"(?:[\0-\x7f]|[\xc2\xc3][\x80-\xbf]){16,}"),
        _spelled(rb"[\xc2\xc3][\x80-\xbf]", lambda m: m[0].decode().encode("latin-1")),
    ),
}
"""Runs of characters that are all of one encoding."""


class Decompressor(Protocol):
    """The common methods of zlib, bz2 and lzma."""

    @property
    def eof(self) -> bool:
        """Whether the stream has ended."""

    def decompress(self, data: memoryview, /) -> bytes:
        """The next bytes."""


def _inflated(stream: Decompressor, content: memoryview) -> bytes:
    """The decompressed bytes; of a damaged or cut stream its beginning."""
    parts: list[bytes] = []
    with suppress(zlib.error, OSError, lzma.LZMAError):
        for at in range(0, len(content), CHUNK):
            parts.append(stream.decompress(content[at : at + CHUNK]))
            if stream.eof:
                break
    return b"".join(parts)


CHUNK = 1024
ZIP_MEMBER = re.compile(rb"PK\x03\x04(?=[\s\S]{26})")
STREAMS: dict[str, tuple[re.Pattern[bytes], Callable[[], Decompressor]]] = {
    "gzip": (re.compile(rb"(?=\x1f\x8b\x08)"), lambda: zlib.decompressobj(31)),
    "zlib": (re.compile(rb"(?=\x78[\x01\x5e\x9c\xda])"), lambda: zlib.decompressobj(15)),
    "deflate": (re.compile(rb"\A"), lambda: zlib.decompressobj(-15)),
    "bzip2": (re.compile(rb"(?=BZh[1-9])"), bz2.BZ2Decompressor),
    "xz": (re.compile(rb"(?=\xfd7zXZ\0)"), lzma.LZMADecompressor),
}
"""Compressed streams: what tells their beginning. Bare deflate has nothing that does."""
