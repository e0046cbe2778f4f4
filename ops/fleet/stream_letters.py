"""The dead letters of a stream: pictures that every machine gave back, and that nobody tries again.

A picture gets another message only if it is uploaded again: that makes a new generation. So a
letter is of no use any more once its picture has a record, or was replaced or removed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.fleet import queue
from ops.fleet.stored import AT_ONCE
from workload.fleet import jobs

if TYPE_CHECKING:
    from google.cloud import storage

    from ops.fleet.queue import DeadLetter
    from ops.google_api import GoogleApi


@dataclass(frozen=True, kw_only=True)
class GivenUp:
    """What the dead letters say about the pictures of a bucket."""

    pictures: tuple[str, ...]
    """the names of those that have no record, in their order"""
    removed: int
    """letters of pictures that have a record by now, or are gone"""
    more: bool
    """whether there were too many letters to look at all of them"""


def remove_obsolete(
    api: GoogleApi, subscription: str, records: storage.Bucket, inputs: storage.Bucket
) -> GivenUp:
    """Remove the letters that are of no use any more; ApiError, or Cloud Storage's errors."""

    def is_obsolete(letter: DeadLetter) -> bool:
        if letter.bucket != inputs.name:
            return False
        if records.blob(jobs.stream_name(letter.picture, letter.generation)).exists():
            return True
        # Not by this generation: a bucket that keeps former versions still has it.
        current = inputs.get_blob(letter.picture)
        return current is None or str(current.generation) != letter.generation

    with ThreadPoolExecutor(AT_ONCE) as pool:
        looked = queue.remove(
            api, subscription, lambda letters: list(pool.map(is_obsolete, letters))
        )
    names = {each.picture for each in looked.kept if each.bucket == inputs.name}
    return GivenUp(pictures=tuple(sorted(names)), removed=looked.removed, more=looked.more)
