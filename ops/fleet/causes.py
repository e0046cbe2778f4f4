"""Why slices and machines failed, as the fleet's machines wrote it into the result bucket."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from google.api_core.exceptions import NotFound

from infra.untrusted_text import shown
from ops.fleet.stored import AT_ONCE, first_bytes
from workload.fleet import jobs
from workload.fleet.records import CAUSE_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud import storage

CAUSE_BYTES: Final = 8 * 1024
MOST_CAUSES: Final = 1_000
"""Of a folder, that are read; the rest is counted."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """Why an attempt at a slice, or a machine as a whole, failed."""

    error: str
    """the code; empty if the object is not of this form"""
    reason: str
    machine: str
    number: int = -1
    """of the slice; -1 for a machine as a whole"""


@dataclass
class Causes:
    """Reads causes again and again; what was read once is not read again."""

    bucket: storage.Bucket
    _known: dict[str, tuple[int, Failed]] = field(default_factory=dict)
    """by the object's name, with its generation"""

    def read(
        self, folder: str, wanted: Callable[[storage.Blob], bool], note: Callable[[str], None]
    ) -> tuple[Failed, ...]:
        """Why something failed, by the wanted objects of a folder; `note` gets what is not read."""
        fields = "items(name,generation,updated),nextPageToken"
        blobs = [
            each for each in self.bucket.list_blobs(prefix=folder, fields=fields) if wanted(each)
        ]
        if len(blobs) > MOST_CAUSES:
            note(f"{len(blobs) - MOST_CAUSES:,} more objects in {folder} were not read")
        read = blobs[:MOST_CAUSES]
        new = [each for each in read if self._known.get(each.name, (0,))[0] != each.generation]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for blob, found in zip(
                new, pool.map(lambda each: _cause(each, folder), new), strict=True
            ):
                if found is not None:
                    self._known[blob.name] = blob.generation, found
        return tuple(self._known[each.name][1] for each in read if each.name in self._known)


def _cause(blob: storage.Blob, folder: str) -> Failed | None:
    """What an object says; None if this generation of it is gone."""
    try:
        text = first_bytes(blob, CAUSE_BYTES)
    except NotFound:
        return None
    stem = blob.name.removeprefix(folder).removesuffix(".json")
    number = int(stem) if re.fullmatch("[0-9]{7,9}", stem) and folder != jobs.WORKERS else -1
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    match data:
        case {
            "schema": schema,
            "error": str() as error,
            "reason": str() as reason,
            "machine": str() as machine,
        } if schema == CAUSE_SCHEMA and re.fullmatch("[a-z_]{1,100}", error):
            return Failed(error=error, reason=reason, machine=machine, number=number)
    return Failed(
        error="", reason=f"{shown(blob.name)} has another form", machine=stem, number=number
    )
