"""The records of a stream: one object for each picture, found by the picture's name.

The pictures are listed, and the record of each is asked for: so their order is that of one
machine's results, and nothing has to be in memory. A record of a picture that was replaced or
removed since is not asked for.
"""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from google.api_core.exceptions import NotFound

from infra.untrusted_text import shown
from infra.wording import counted
from ops.fleet import stored
from ops.fleet.collected import MOST, require_few
from ops.fleet.deployed import FleetError
from ops.fleet.slice_records import LONGEST_LINE
from ops.fleet.stored import AT_ONCE
from ops.records import is_record
from workload.errors import BucketError
from workload.fleet import jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from google.cloud import storage

    from ops.fleet.collected import Collected
    from workload.records import Picture

EACH: Final = 10_000
"""After so many pictures, say how far it is."""
FEW: Final = 10


@dataclass
class Stream:
    """What was found for the pictures of the input bucket."""

    listed: int = 0
    missing: int = 0
    """pictures without a record"""
    examples: list[str] = field(default_factory=list)
    """the first few of their names"""
    models: Counter[str] = field(default_factory=Counter)
    """pictures by the SHA-256 of the model that made their record; empty where it is not known"""
    scores: Counter[str] = field(default_factory=Counter)
    """classified pictures by what their scores are; empty where it is not known"""


def read(
    bucket: storage.Bucket,
    pictures: Iterable[Picture],
    to: Collected,
    show_progress: Callable[[str], None],
    kept_for: Sequence[str] = (),
) -> Stream:
    """Give `to` the record of every picture that has one; FleetError if one was edited.

    `kept_for` are the options for which the records are kept in memory, if they are.
    """
    stream = Stream()
    for picture, found in _lines(bucket, _listed(pictures)):
        stream.listed += 1
        if to.keep and stream.listed > MOST:
            require_few(stream.listed, *(kept_for or ["a stream without --output"]))
        if found is None:
            stream.missing += 1
            if len(stream.examples) < FEW:
                stream.examples.append(picture.name)
        else:
            record = _record(bucket, picture, found.line)
            to.add(found.line, record)
            stream.models[_known(found.metadata, "modelSha256", "[0-9a-f]{64}")] += 1
            if "error" not in record:
                stream.scores[_known(found.metadata, "scores", "[a-z-]{1,40}")] += 1
        if stream.listed % EACH == 0:
            show_progress(f"asked for {counted(stream.listed, 'record')}")
    return stream


def _listed(pictures: Iterable[Picture]) -> Iterator[Picture]:
    try:
        yield from pictures
    except BucketError as error:
        raise FleetError(
            f"the input bucket could not be listed, so no picture's record is known:"
            f" {shown(str(error.__cause__ or error))}"
        ) from error


@dataclass(frozen=True, kw_only=True)
class _Found:
    line: bytes
    metadata: Mapping[str, str]


def _lines(
    bucket: storage.Bucket, pictures: Iterator[Picture]
) -> Iterator[tuple[Picture, _Found | None]]:
    """Each picture with what its record's object holds, None if there is none; in order."""

    def asked(picture: Picture) -> tuple[Picture, _Found | None]:
        blob = bucket.get_blob(jobs.stream_name(picture.name, picture.generation))
        if blob is None:
            return picture, None
        if wrong := stored.wrong(blob, LONGEST_LINE):
            raise _edited(bucket, picture, wrong)
        # A download replaces what the library knows of the object.
        metadata = dict(blob.metadata or {})
        try:
            line = stored.first_bytes(blob, LONGEST_LINE)
        except NotFound:
            return picture, None  # it was removed just now
        return picture, _Found(line=line, metadata=metadata)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ahead = 4 * AT_ONCE
        pending: deque[Any] = deque(pool.submit(asked, each) for each in islice(pictures, ahead))
        while pending:
            found = pending.popleft().result()
            pending.extend(pool.submit(asked, each) for each in islice(pictures, 1))
            yield found


def _known(metadata: Mapping[str, str], key: str, form: str) -> str:
    value = metadata.get(key)
    return value if isinstance(value, str) and re.fullmatch(form, value) else ""


def _record(bucket: storage.Bucket, picture: Picture, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if (
        isinstance(record, dict)
        and is_record(record)
        and (record["name"], record.get("generation")) == (picture.name, picture.generation)
        and line.find(b"\n") == len(line) - 1
    ):
        return record
    raise _edited(bucket, picture, "it is not one line with that record")


def _edited(bucket: storage.Bucket, picture: Picture, what: str) -> FleetError:
    name = jobs.stream_name(picture.name, picture.generation)
    return FleetError(
        f"gs://{bucket.name}/{name} is not the record of {shown(picture.name, 200)} ({what}), so"
        " nothing is shown. Was it edited? Only the fleet's machines write there. Delete it, and"
        f" upload the picture again: gcloud storage rm gs://{bucket.name}/{name}"
    )
