"""Unpacking the model's archive: regular files and folders below one folder, and nothing else.

The archive is the one whose hash was agreed on, but it was written by one company and is opened
where another company's pictures are. Python's own extraction filter would still make links and
follow them; here a link, a device, a sparse file, a path that leaves the folder, a second entry of
the same name, or too much of anything rejects the archive as a whole.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from workload import tar
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from pathlib import Path

MAX_ENTRIES = 1_000
MAX_PATH = 255
"""Bytes of an entry's path; also the longest file name that Linux takes."""
MAX_UNPACKED = 2 * 1024**3
"""Bytes of the archive once decompressed, headers included."""

_DAMAGED = (gzip.BadGzipFile, zlib.error, EOFError, ValueError)
_COLLIDING = (FileExistsError, NotADirectoryError, IsADirectoryError)


def unpack(archive: Path, folder: Path, *, max_unpacked: int = MAX_UNPACKED) -> None:
    """Unpacks a .tar.gz into `folder`, which must not exist; raises MODEL_ARCHIVE_REJECTED.

    The folder is 0700; modes, owners and times in the archive are ignored. A rejected archive may
    leave a part of its files behind: the caller's folder goes with the run.
    """
    folder.mkdir(mode=0o700)
    try:
        with gzip.open(archive) as decompressed:
            stream = _LimitedReader(decompressed, max_unpacked)
            for number, entry in enumerate(tar.entries(stream)):
                if number >= MAX_ENTRIES:
                    raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED)
                _extract(entry, folder)
            while stream.read(tar.READ_BYTES):  # to the end, where gzip has a checksum of all
                pass
    except (*_DAMAGED, *_COLLIDING) as error:
        raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED) from error


class _LimitedReader:
    """A stream that ends the story where a decompression bomb would begin."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self._stream = stream
        self._remaining = limit

    def read(self, size: int) -> bytes:
        """The next bytes; never as many as would be too many."""
        data = self._stream.read(size)
        self._remaining -= len(data)
        if self._remaining < 0:
            raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED)
        return data


def _extract(entry: tar.Entry, folder: Path) -> None:
    target = folder / _safe_path(entry.name)
    if entry.kind == tar.FOLDER:
        target.mkdir(parents=True, exist_ok=True)
        return
    # Links, devices, pipes and sparse files (whose size in the archive says nothing) end here.
    if entry.kind != tar.FILE:
        raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:  # x: an entry never replaces another one
        file.writelines(entry.content)


def _safe_path(name: str) -> PurePosixPath:
    """A relative path without a way up; its parts are printable, so no NUL and no broken UTF-8."""
    path = PurePosixPath(name)
    if not name.isprintable() or path.is_absolute() or ".." in path.parts:
        raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED)
    if len(name.encode()) > MAX_PATH:
        raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED)
    return path
