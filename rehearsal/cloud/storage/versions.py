"""Noncurrent versions of objects, in a bucket whose versioning is on.

https://docs.cloud.google.com/storage/docs/object-versioning
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.cloud.http.rest import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.cloud.state import Bucket, Cloud, StoredObject


def retire(cloud: Cloud, bucket: Bucket, name: str) -> None:
    """The live version becomes a noncurrent one, or is gone where versioning is off."""
    stored = bucket.objects.pop(name, None)
    if stored is not None and (bucket.meta.get("versioning") or {}).get("enabled"):
        stored.meta = {**stored.meta, "timeDeleted": timestamp(cloud)}
        bucket.noncurrent.append(stored)


def find(bucket: Bucket, name: str, generation: str | None) -> StoredObject | None:
    """The live version, or the one of a generation."""
    live = bucket.objects.get(name)
    if generation is None or (live and live.meta["generation"] == generation):
        return live
    return next((each for each in bucket.noncurrent if _is(each, name, generation)), None)


def remove(bucket: Bucket, name: str, generation: str) -> None:
    """One version is gone for good, whether it is live or not."""
    live = bucket.objects.get(name)
    if live and live.meta["generation"] == generation:
        del bucket.objects[name]
    bucket.noncurrent = [each for each in bucket.noncurrent if not _is(each, name, generation)]


def every(bucket: Bucket) -> Iterator[StoredObject]:
    """All versions of all objects, by name and then by age."""
    return iter(
        sorted(
            (*bucket.objects.values(), *bucket.noncurrent),
            key=lambda each: (each.meta["name"], int(each.meta["generation"])),
        )
    )


def _is(stored: StoredObject, name: str, generation: str) -> bool:
    return (stored.meta["name"], stored.meta["generation"]) == (name, generation)
