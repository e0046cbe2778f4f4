"""Reads a tar stream entry by entry; memory holds one header and one block of content.

Python's own reader loads extended headers completely before its caller can refuse: a header of two
gigabytes costs six. Here all extended headers together have a limit. Reads files and folders as GNU
tar, bsdtar and Python write them, in the formats ustar, GNU, pax and v7. `archive` decides which
entries are allowed.
https://www.gnu.org/software/tar/manual/html_node/Standard.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE, FOLDER = b"0", b"5"
_OLD_FILE = b"\0"
_LONG_NAME, _EXTENDED, _GLOBAL = b"L", b"x", b"g"

BLOCK = 512
READ_BYTES = 1024**2
MAX_EXTENSIONS = 4 * 1024**2
"""Of all extended headers of an archive: four KiB for each of a thousand entries."""

_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ([^=\n]+)=")
"""The beginning of a pax record: its total length, and its key."""


class Stream(Protocol):
    """The source of the bytes."""

    def read(self, size: int) -> bytes:
        """Reads `size` bytes; fewer only at the end."""


class Entry(NamedTuple):
    """One entry of the archive."""

    name: str
    kind: bytes
    """Its type flag; FILE also for the flag of older archives."""
    content: Iterator[bytes]
    """Of a file, in blocks; the next entry skips the rest."""


def entries(stream: Stream) -> Iterator[Entry]:
    """Yields all entries; ValueError if the archive is damaged or its headers are too large."""
    extensions: dict[bytes, bytes] = {}
    remaining = MAX_EXTENSIONS
    while any(header := _read_exactly(stream, BLOCK)):
        kind, size = header[156:157], _octal(header[124:136])
        if _octal(header[148:156]) != sum(header[:148] + b" " * 8 + header[156:]):
            raise ValueError("a header is damaged")
        if kind in (_LONG_NAME, _EXTENDED, _GLOBAL):
            remaining -= BLOCK + size
            if remaining < 0:
                raise ValueError("too much of extended headers")
            extensions |= _extension(kind, _read_exactly(stream, size + -size % BLOCK)[:size])
            continue
        # pax has another size than the header only for files over 8 GiB, and for sparse files.
        if extensions.get(b"size", b"%d" % size) != b"%d" % size:
            raise ValueError("an entry is not what its header says")
        name = extensions.get(b"path", _name(header)).decode()
        if kind == _OLD_FILE:
            kind = FOLDER if name.endswith("/") else FILE
        content = _content(stream, size if kind == FILE else 0)
        yield Entry(name, kind, content)
        for _ in content:
            pass
        extensions = {}


def _extension(kind: bytes, content: bytes) -> dict[bytes, bytes]:
    """Fields of an extended header for the next entry; a global header has no useful ones."""
    if kind == _GLOBAL:
        return {}
    if kind == _LONG_NAME:
        return {b"path": content.partition(b"\0")[0]}
    extensions = dict(_records(content))
    if any(key.startswith(b"GNU.sparse.") for key in extensions):
        raise ValueError("a sparse file")
    return extensions


def _records(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(content):
        match = _RECORD.match(content, at)
        if match is None:
            raise ValueError("an extended header is damaged")
        end = at + int(match[1])
        # A record ends with a line break and a key holds none, so `end` is behind the key.
        if content[end - 1 : end] != b"\n":
            raise ValueError("a record has another length than it says")
        yield match[2], content[match.end() : end - 1]
        at = end


def _name(header: bytes) -> bytes:
    name, prefix = (part.partition(b"\0")[0] for part in (header[:100], header[345:500]))
    # GNU's magic has a space in place of the NUL, and no prefix.
    return prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name


def _octal(field: bytes) -> int:
    """A number in a header; GNU's binary form is only for numbers over 8 GiB."""
    digits = _OCTAL.fullmatch(field)
    if digits is None:
        raise ValueError("a number is none")
    return int(digits[1] or b"0", 8)


def _content(stream: Stream, size: int) -> Iterator[bytes]:
    for begin in range(0, size, READ_BYTES):
        yield _read_exactly(stream, min(READ_BYTES, size - begin))
    _read_exactly(stream, -size % BLOCK)


def _read_exactly(stream: Stream, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ValueError("the archive is cut")
    return data
