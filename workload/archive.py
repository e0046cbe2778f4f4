"""Unpacking the model's archive: regular files and folders below one folder, and nothing else.

The archive is the one whose hash was agreed on, but it was written by one company and is opened
where another company's pictures are. Python's own extraction filter would still make links and
follow them; here a link, a device, a sparse file, a path that leaves the folder, a second entry of
the same name, or too much of anything rejects the archive as a whole.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zlib
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Buffer

MAX_ENTRIES = 1_000
MAX_PATH = 255
"""Bytes of an entry's path; also the longest file name that Linux takes."""
MAX_UNPACKED = 2 * 1024**3
"""Bytes of the archive once decompressed, headers included."""

_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)
_DAMAGED = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)
# tarfile lets these through on headers that were made to hurt.
_HOSTILE = (ValueError, OverflowError, RecursionError)
_COLLIDING = (FileExistsError, NotADirectoryError, IsADirectoryError)


def unpack(archive: Path, folder: Path, *, max_unpacked: int = MAX_UNPACKED) -> None:
    """Unpacks a .tar.gz into `folder`, which must not exist; raises MODEL_ARCHIVE_REJECTED.

    The folder is 0700; modes, owners and times in the archive are ignored. A rejected archive may
    leave a part of its files behind: the caller's folder goes with the run.
    """
    folder.mkdir(mode=0o700)
    try:
        with (
            gzip.open(archive) as decompressed,
            tarfile.open(fileobj=_Capped(decompressed, max_unpacked), mode="r|") as entries,
        ):
            for number, entry in enumerate(entries):
                if number >= MAX_ENTRIES:
                    raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED)
                _take(entries, entry, folder)
    except (*_DAMAGED, *_HOSTILE, *_COLLIDING) as error:
        raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED) from error


class _Capped(io.RawIOBase):
    """A stream that ends the story where a decompression bomb would begin."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        size = self._stream.readinto(buffer)
        self._left -= size
        if self._left < 0:
            raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED)
        return size


def _take(entries: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    target = folder / _inside(entry.name)
    if entry.type == tarfile.DIRTYPE:
        target.mkdir(parents=True, exist_ok=True)
        return
    # Links, devices, pipes and sparse files (whose size in the archive says nothing) end here.
    if entry.type not in _REGULAR or entry.issparse():
        raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED)
    content = cast("IO[bytes]", entries.extractfile(entry))  # a regular file has some
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:  # x: an entry never replaces another one
        shutil.copyfileobj(content, file)


def _inside(name: str) -> PurePosixPath:
    """A relative path without a way up; its parts are printable, so no NUL and no broken UTF-8."""
    path = PurePosixPath(name)
    if not name.isprintable() or path.is_absolute() or ".." in path.parts:
        raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED)
    if len(name.encode()) > MAX_PATH:
        raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED)
    return path
