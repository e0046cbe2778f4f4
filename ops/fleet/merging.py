"""Merges the records of a job's slices in their order: they are what one machine would write.

A few slices at a time are on this machine's disk, and one line of them in memory.
"""

from __future__ import annotations

import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from google.api_core.exceptions import NotFound

from infra.wording import counted
from ops.fleet import stored
from ops.fleet.slice_records import HEADING_BYTES, Source, records
from ops.fleet.temporary import errors_of_disk
from workload.fleet import jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Future

    from google.cloud import storage

    from ops.fleet.collected import Collected
    from ops.fleet.job_state import State

AHEAD: Final = 4
"""Slices that are downloaded before they are needed."""
EACH: Final = 1_000_000
"""After so many pictures, say how far it is."""


def merge(
    bucket: storage.Bucket, state: State, to: Collected, show_progress: Callable[[str], None]
) -> None:
    """Give `to` every record of the slices that are done; FleetError if one was edited."""
    following = EACH
    with closing(_files(bucket, state)) as files:
        for source, file in files:
            file.readline(HEADING_BYTES)  # checked when this generation was found
            for line, record in records(file, source):
                to.add(line, record)
            if to.count >= following:
                show_progress(f"read {to.count:,} of {counted(state.pictures, 'record')}")
                following = to.count - to.count % EACH + EACH


def _files(bucket: storage.Bucket, state: State) -> Generator[tuple[Source, IO[bytes]], None, None]:
    """The objects in the order of slices, some downloaded ahead."""
    with (
        errors_of_disk(),
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(AHEAD) as pool,
    ):

        def downloading(number: int) -> Future[Path]:
            source = Source(bucket=bucket.name, job=state.job, number=number)
            path = Path(folder, str(number))
            return pool.submit(_downloaded, bucket, source, state.done[number], path)

        numbers = sorted(state.done)
        pending = deque(downloading(number) for number in numbers[:AHEAD])
        for place, number in enumerate(numbers):
            path = pending.popleft().result()
            pending.extend(downloading(each) for each in numbers[place + AHEAD : place + AHEAD + 1])
            with path.open("rb") as file:
                yield Source(bucket=bucket.name, job=state.job, number=number), file
            path.unlink()


def _downloaded(bucket: storage.Bucket, source: Source, generation: int, path: Path) -> Path:
    """The object as it was when the slice was found done, in a file."""
    name = jobs.records_name(source.job.head.job, source.number)
    try:
        with path.open("wb") as file:
            stored.download(bucket.blob(name, generation=generation), file)
    except NotFound as error:
        raise source.edited("it was replaced or removed just now") from error
    return path
