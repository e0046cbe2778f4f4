"""Unpacks the model's archive: only regular files and folders, only below one folder.

The hash of the archive was checked, but one company wrote it and the pictures of another company
are on this machine. Python's own extraction filter would create links and follow them. This module
rejects the whole archive if it holds a link, a device, a sparse file, a path that leaves the
folder, two entries with the same name, or more than the limits allow.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from workload import tar
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAX_ARCHIVE = 1024**3
"""Bytes of the archive itself."""
MAX_ENTRIES = 1_000
MAX_PATH = 255
"""Bytes of an entry's path; also the longest file name on Linux."""
MAX_UNPACKED = 2 * 1024**3
"""Bytes of the decompressed archive, headers included."""

_DAMAGED = (gzip.BadGzipFile, zlib.error, EOFError, ValueError)
_COLLIDING = (FileExistsError, NotADirectoryError, IsADirectoryError)


def unpack(
    archive: Path,
    folder: Path,
    *,
    max_unpacked: int = MAX_UNPACKED,
    keep: Callable[[PurePosixPath], bool] = lambda _: True,
) -> None:
    """Unpacks a .tar.gz into `folder`, which must not exist; raises MODEL_ARCHIVE_REJECTED.

    The error's cause says why, for a check outside of the enclave: no run prints it.

    Files that `keep` does not choose stay empty: for a check that needs no space on the disk.

    The folder gets mode 0700; modes, owners and times in the archive are ignored. If the archive is
    rejected, some of its files may stay: the caller deletes the folder at the end of the run.
    """
    folder.mkdir(mode=0o700)
    try:
        with gzip.open(archive) as decompressed:
            stream = _LimitedReader(decompressed, max_unpacked)
            for number, entry in enumerate(tar.entries(stream)):
                if number >= MAX_ENTRIES:
                    raise ValueError(f"more than {MAX_ENTRIES:,} entries")
                _extract(entry, folder, keep)
            while stream.read(tar.READ_BYTES):  # gzip checks its checksum at the end
                pass
    except (*_DAMAGED, *_COLLIDING) as error:
        raise WorkloadError(Failure.MODEL_ARCHIVE_REJECTED) from error


class _LimitedReader:
    """Stops reading at a limit, to protect against decompression bombs."""

    def __init__(self, stream: gzip.GzipFile, limit: int) -> None:
        self._stream = stream
        self._remaining = limit

    def read(self, size: int) -> bytes:
        """Returns the next bytes; ValueError beyond the limit."""
        data = self._stream.read(size)
        self._remaining -= len(data)
        if self._remaining < 0:
            raise ValueError("more than 2 GiB when it is unpacked")
        return data


def _extract(entry: tar.Entry, folder: Path, keep: Callable[[PurePosixPath], bool]) -> None:
    path = _safe_path(entry.name)
    target = folder / path
    if entry.kind == tar.FOLDER:
        target.mkdir(parents=True, exist_ok=True)
        return
    # Links, devices, pipes, and sparse files, whose size in the archive is not their real size.
    if entry.kind != tar.FILE:
        raise ValueError("a link, a device, or a sparse file")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:  # x: an entry never replaces another entry
        for block in entry.content:
            file.write(block if keep(path) else b"")


def _safe_path(name: str) -> PurePosixPath:
    """A relative path without `..`; printable, so without NUL or broken UTF-8; else ValueError."""
    path = PurePosixPath(name)
    if not name.isprintable() or path.is_absolute() or ".." in path.parts:
        raise ValueError("a path that leaves the folder, or is not printable")
    if len(name.encode()) > MAX_PATH:
        raise ValueError(f"a path of more than {MAX_PATH} bytes")
    return path
