"""Checkpoints of a run: its records in parts, so that the next start continues an interrupted run.

A part holds the records of a fixed slice of the listing. It is uploaded to the result bucket as
soon as it is complete, with a fingerprint of everything that its records depend on. The next start
reuses a part if the fingerprint is the expected one, all records are there, and no picture failed
for a transient reason. It deletes any other part before it reads the first picture of that slice.
Memory holds only the slices that are in progress, never the whole listing.

A fingerprint is not a signature: whoever can write the result bucket can forge a part, just as they
can forge `results.jsonl`. Only Secundus can, and the pictures are its own.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from workload import records
from workload.errors import (
    BucketError,
    Failure,
    PictureFailure,
    TooLargeError,
    WorkloadError,
)
from workload.published import Published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from workload.records import Outcome, Picture

SCHEMA = "confidential-inference/part/v3"
FOLDER = "parts/"
"""All objects below this prefix are parts: other objects there are deleted with them."""
PICTURES_PER_PART = 512
"""A multiple of each of `manifest.BATCHES`, so that no batch holds pictures of two parts."""
MAX_PART_BYTES = 64 * 1024**2
"""A larger part is not reused. 512 records of a hundred classes each take about 4 MB."""


class ResultBucket(Protocol):
    """A bucket to which results are written; methods raise BucketError."""

    def names(self, prefix: str) -> Iterator[str]:
        """The names of the objects with this prefix."""

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """Downloads an object into a new file; returns its SHA-256 in hex; TooLargeError."""

    def write(self, name: str, content: Path, content_type: str) -> str:
        """Creates or overwrites an object with a file's content; returns its new generation."""

    def generation(self, name: str) -> str | None:
        """The current generation of an object; None if there is no such object."""

    def remove(self, name: str, generation: str | None = None) -> None:
        """Deletes an object if it exists; with `generation`, only if that is the current one."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What the records of a run depend on, besides the pictures."""

    model_sha256: str
    engine: str
    scores: str
    """What the scores are: probabilities, logits and so on."""
    image_digest: str | None
    """None if it is unknown: then no part can be reused."""


class Checkpoints:
    """The parts of one run; methods that use the bucket raise RESULTS_NOT_WRITABLE."""

    def __init__(
        self,
        bucket: ResultBucket,
        folder: Path,
        origin: Origin,
        check_ownership: Callable[[], None],
    ) -> None:
        """`check_ownership` raises RESULTS_TAKEN if another run has started in this bucket."""
        self.origin = origin
        self.listed = 0
        """Pictures in the listing, as far as it was read."""
        self.continued = 0
        """Pictures whose records were reused from an earlier start."""
        self.retried = 0
        """Pictures that failed in an earlier start for a transient reason."""
        self.damaged = 0
        """Parts with the expected fingerprint but without a valid record for each picture."""
        self.published = Published(folder, origin.scores)
        """The records of all parts up to the first that is not complete."""
        self._bucket = bucket
        self._folder = folder
        self._check_ownership = check_ownership
        (folder / FOLDER).mkdir()
        self._count = self._published = 0
        """Parts begun, and parts published."""
        self._open: deque[_OpenPart] = deque()
        self._lines: list[str] = []

    def unclassified(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Yields the pictures that have no record yet, in order; reads the listing by slices."""
        with bucket_errors_fail_the_run():
            existing = set(self._bucket.names(FOLDER)) if self.origin.image_digest else set()
        listed = iter(pictures)
        while part := tuple(islice(listed, PICTURES_PER_PART)):
            name = _name(self._count)
            heading = records.line(
                {"schema": SCHEMA, "fingerprint": _fingerprint(self.origin, part)}
            )
            self._count += 1
            self.listed += len(part)
            if name in existing and self._can_reuse(name, heading, part):
                self.continued += len(part)
                self._publish()
            else:
                self._open.append(_OpenPart(name, heading, len(part)))
                yield from part

    def add(self, outcomes: Iterable[tuple[Picture, Outcome]]) -> None:
        """Adds the outcomes of the next unclassified pictures; uploads the parts they complete."""
        self._lines += [records.line(records.record(*outcome)) for outcome in outcomes]
        while self._open and len(self._lines) >= self._open[0].size:
            part = self._open.popleft()
            content = self._folder / part.name
            content.write_text("".join([part.heading, *self._lines[: part.size]]), encoding="ascii")
            del self._lines[: part.size]
            self._check_ownership()
            with bucket_errors_fail_the_run():
                self._bucket.write(part.name, content, "application/jsonl")
            self._publish()

    def _publish(self) -> None:
        """Publishes the parts that are complete, in the order of the listing."""
        end = self._open[0].name if self._open else _name(self._count)
        while (name := _name(self._published)) != end:
            part = self._folder / name
            with part.open(encoding="utf-8") as file:
                self.published.add(islice(file, 1, None))
            part.unlink()
            self._published += 1

    def remove(self) -> None:
        """Deletes all parts; if that fails, the next start deletes the rest."""
        with suppress(BucketError, OSError):  # OSError: no file descriptors left
            for name in self._bucket.names(FOLDER):
                self._bucket.remove(name)

    def _can_reuse(self, name: str, heading: str, pictures: Sequence[Picture]) -> bool:
        lines = self._read_lines(name, heading)
        outcomes = [records.parse(*each) for each in zip(lines, pictures, strict=False)]
        transient = sum(isinstance(each, PictureFailure) and each.is_transient for each in outcomes)
        complete = None not in outcomes and len(lines) == len(pictures)
        if complete and not transient:
            return True
        if complete:
            self.retried += transient
        elif lines:
            self.damaged += 1
        with bucket_errors_fail_the_run():
            self._bucket.remove(name)
        return False

    def _read_lines(self, name: str, heading: str) -> list[str]:
        """The lines below the heading; none if the heading differs or the part is not readable."""
        content = self._folder / name
        try:
            self._bucket.fetch(name, content, MAX_PART_BYTES)
            with content.open(encoding="ascii", errors="replace", newline="\n") as file:
                return list(file) or [""] if file.readline(len(heading)) == heading else []
        except (BucketError, TooLargeError):
            return []


@contextmanager
def bucket_errors_fail_the_run() -> Iterator[None]:
    """Raises RESULTS_NOT_WRITABLE in place of a BucketError."""
    try:
        yield
    except BucketError as error:
        raise WorkloadError(Failure.RESULTS_NOT_WRITABLE) from error


class _OpenPart(NamedTuple):
    """A part that is not complete yet."""

    name: str
    heading: str
    size: int


def _name(number: int) -> str:
    return f"{FOLDER}{number:05}.jsonl"


def _fingerprint(origin: Origin, pictures: Iterable[Picture]) -> str:
    """Hash of everything that the records of the slice depend on.

    The listed size shows whether an object is stored compressed, which can change without a new
    generation.
    """
    return listing_hash(pictures, records.line(asdict(origin) | {"schema": records.SCHEMA}))


def listing_hash(pictures: Iterable[Picture], before: str = "") -> str:
    """SHA-256 in hex of a text, then of the name, generation and listed size of each picture."""
    digest = hashlib.sha256(before.encode())
    for picture in pictures:
        digest.update(json.dumps([picture.name, picture.generation, picture.size]).encode())
    return digest.hexdigest()
