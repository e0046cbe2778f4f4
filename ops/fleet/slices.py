"""Cuts the listing of the input bucket into slices, and spools the job's object to a file.

The listing has millions of names, and is read once: one slice of it is in memory at a time.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from typing import IO, TYPE_CHECKING, Final

from ops.commands import SECUNDUS
from ops.fleet.deployed import FleetError
from ops.fleet.temporary import errors_of_disk
from workload.fleet import jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from workload.records import Picture

HEAD_BYTES: Final = 4096
"""More than a head takes: the names of buckets and digests are short."""


@dataclass(frozen=True, kw_only=True)
class Spooled:
    """The lines of all slices of a job, in a file."""

    lines: IO[bytes]
    slices: int
    pictures: int
    later: int
    """pictures that were left out, because they came after the beginning"""


def cut(pictures: Iterable[Picture], each: int) -> Iterator[jobs.Slice]:
    """Slices of so many pictures, the last one of what is left."""
    remaining = iter(pictures)
    for number in count():
        part = list(islice(remaining, each))
        if not part:
            return
        yield jobs.Slice(
            number=number,
            first=part[0].name,
            pictures=len(part),
            fingerprint=jobs.fingerprint(part),
        )


@contextmanager
def spooled(
    pictures: Iterable[Picture], each: int, newest: int, show_progress: Callable[[int], None]
) -> Iterator[Spooled]:
    """Read the whole listing; `show_progress` gets the number of pictures after each slice.

    Pictures of a greater generation than `newest` are left out, as the workers leave them out.
    FleetError if the job's object would be too large for a worker.
    """
    with errors_of_disk(), tempfile.TemporaryFile() as lines:
        slices = listed = size = later = 0

        def submitted() -> Iterator[Picture]:
            nonlocal later
            for picture in pictures:
                if int(picture.generation) <= newest:
                    yield picture
                else:
                    later += 1

        for each_slice in cut(submitted(), each):
            line = each_slice.line().encode()
            size += len(line)
            if size > jobs.MAX_JOB_BYTES - HEAD_BYTES:
                raise FleetError(
                    f"the job's object would have more than {jobs.MAX_JOB_BYTES // 1024**2} MiB"
                    f" ({listed:,} pictures so far, {each} in each slice), and no worker reads such"
                    " a one, so nothing was submitted. Make larger slices: pulumi config set"
                    f" --path fleet.picturesPerSlice {jobs.MOST_PICTURES} --stack secundus &&"
                    f" {SECUNDUS}"
                )
            lines.write(line)
            slices += 1
            listed += each_slice.pictures
            show_progress(listed)
        yield Spooled(lines=lines, slices=slices, pictures=listed, later=later)


@contextmanager
def whole(head: jobs.Head, spooled: Spooled) -> Iterator[IO[bytes]]:
    """The job's object in a file, at its beginning: the head can be written last only."""
    with errors_of_disk(), tempfile.TemporaryFile() as file:
        file.write(head.line().encode())
        spooled.lines.seek(0)
        shutil.copyfileobj(spooled.lines, file)
        file.seek(0)
        yield file
