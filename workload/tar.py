"""Reading a tar stream: what comes next, and its bytes; nothing is held but a header.

Python's own reader takes extended headers whole, and one after the other, before its caller is
asked: one that says that it has two gigabytes costs six. Here all of them together have a limit.
It reads files and folders as GNU tar, bsdtar and Python write them, in the forms ustar, GNU, pax
and v7. Whether an entry may be there is for `archive` to judge.
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
"""Bytes of all extended headers of an archive; of a thousand entries, each may have four KiB."""

_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ([^=\n]+)=")
"""The beginning of a pax record: its length as a whole, and its key."""


class Stream(Protocol):
    """Where the bytes come from."""

    def read(self, size: int) -> bytes:
        """As many bytes; fewer only at the end."""


class Entry(NamedTuple):
    """What a header says of one entry."""

    name: str
    kind: bytes
    """Its type flag; FILE also where an older archive says it otherwise."""
    content: Iterator[bytes]
    """Of a file, in pieces; what is not asked for before the next entry is skipped."""


def entries(stream: Stream) -> Iterator[Entry]:
    """Every entry up to the end of the archive; ValueError if it is damaged, or too much of it."""
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
        # Another size than in the header is for more than 8 GiB, or for a sparse file.
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
    """What an extended header tells of the next entry; of all that follow, nothing is of use."""
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
        # The key holds no line break, so that a record which ends with one is longer than its key.
        if content[end - 1 : end] != b"\n":
            raise ValueError("a record has another length than it says")
        yield match[2], content[match.end() : end - 1]
        at = end


def _name(header: bytes) -> bytes:
    name, prefix = (part.partition(b"\0")[0] for part in (header[:100], header[345:500]))
    # GNU's magic has a space for the NUL, and other things in the place of the prefix.
    return prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name


def _octal(field: bytes) -> int:
    """A number of a header; in GNU's other form it would be one of more than 8 GiB."""
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
