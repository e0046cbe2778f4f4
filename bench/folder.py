"""Folders that stand in for buckets, to measure the workload without any network.

Implements `workload.job.Bucket`. A folder can list its pictures under several names, so that ten
times as many pictures do not need ten times the disk.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workload.errors import BucketError
from workload.records import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder that acts as a bucket."""

    path: Path
    count: int = 0
    """How many pictures to list; beyond the number of files, files get further names."""

    def pictures(self, first: str = "") -> Iterator[Picture]:
        """The files in the order of names, repeated: `0001-00017.jpg`."""
        names = sorted(each.name for each in self.path.iterdir())
        for number in range(self.count):
            time, at = divmod(number, len(names))
            name = f"{time:04}-{names[at]}"
            if name >= first:
                yield Picture(name=name, generation="1")

    def read(self, picture: Picture, limit: int) -> bytes:
        """The bytes of a picture under any of its names."""
        data = (self.path / picture.name.partition("-")[2]).read_bytes()
        if len(data) > limit:
            raise BucketError
        return data

    def names(self, prefix: str) -> Iterator[str]:
        """The names of the objects with this prefix."""
        for path in sorted(self.path.rglob("*")):
            name = path.relative_to(self.path).as_posix()
            if path.is_file() and name.startswith(prefix):
                yield name

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """Copies an object; returns its SHA-256."""
        if (self.path / name).stat().st_size > limit:
            raise BucketError
        shutil.copyfile(self.path / name, to)
        return hashlib.sha256(to.read_bytes()).hexdigest()

    def write(self, name: str, content: Path, content_type: str) -> str:  # noqa: ARG002  a file has no type
        """Creates or overwrites an object; returns its new generation."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        # Atomic, whenever a run is killed.
        half = target.with_name(f".{target.name}")
        shutil.copyfile(content, half)
        half.rename(target)
        return str(target.stat().st_mtime_ns)

    def generation(self, name: str) -> str | None:
        """The time of an object's last write; None if there is no such object."""
        target = self.path / name
        return str(target.stat().st_mtime_ns) if target.exists() else None

    def remove(self, name: str, generation: str | None = None) -> None:
        """Deletes an object if it exists; with `generation`, only if that is the current one."""
        if generation in (None, self.generation(name)):
            (self.path / name).unlink(missing_ok=True)
