"""What the buckets of a stack hold beside what the stack put there; only that blocks `destroy`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.api_core.exceptions import NotFound

from ops.stack_state import BUCKET, OBJECT

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator

    from google.cloud.storage import Blob, Client

    from ops.stack_state import Deployed

AT_ONCE: Final = 16
"""Requests at a time; one deletes one object."""
CHUNK: Final = 1000
"""Objects that are held in memory: a page of a listing."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The objects of one bucket that no `destroy` deletes."""

    bucket: str
    tracked: frozenset[str]
    """the names of the stack's own objects, which `destroy` deletes"""
    objects: int = 0
    """versions count, too"""
    size: int = 0
    """in bytes"""
    newest: dt.datetime | None = None


def contents(client: Client, resources: Iterable[Deployed]) -> Iterator[Contents]:
    """What each bucket of the state holds beside the stack's objects; none where nothing is."""
    resources = tuple(resources)
    for each in resources:
        if each.type == BUCKET and each.managed:
            own = frozenset(
                str(item.properties.get("name"))
                for item in resources
                if item.type == OBJECT and item.properties.get("bucket") == each.id
            )
            found = _counted(client, Contents(bucket=each.id, tracked=own))
            if found.objects:
                yield found


def delete(client: Client, found: Contents) -> int:
    """Delete them for good; how many. Again after an interruption, it goes on where it was."""
    deleted = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for chunk in _chunks(_untracked(client, found)):
            deleted += sum(pool.map(_delete, chunk))
    return deleted


def _counted(client: Client, empty: Contents) -> Contents:
    objects, size, newest = 0, 0, None
    try:
        for blob in _untracked(client, empty):
            objects += 1
            size += blob.size or 0
            newest = max(filter(None, (newest, blob.updated)), default=None)
    except NotFound:
        return empty  # somebody deleted the bucket by hand
    return Contents(
        bucket=empty.bucket, tracked=empty.tracked, objects=objects, size=size, newest=newest
    )


def _untracked(client: Client, found: Contents) -> Iterator[Blob]:
    fields = "items(name,generation,size,updated),nextPageToken"
    listed = client.list_blobs(found.bucket, versions=True, fields=fields, page_size=CHUNK)
    return (blob for blob in listed if blob.name not in found.tracked)


def _chunks(blobs: Iterator[Blob]) -> Iterator[list[Blob]]:
    chunk: list[Blob] = []
    for blob in blobs:
        chunk.append(blob)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _delete(blob: Blob) -> int:
    try:
        # Exactly what was listed and counted: what somebody writes meanwhile stays.
        blob.delete()
    except NotFound:
        return 0
    return 1
