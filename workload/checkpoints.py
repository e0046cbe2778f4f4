"""The records of a run in parts, so that a run that was cut short can be continued.

A part is a fixed slice of the listing. It is left in the result bucket as soon as it is complete,
under a fingerprint of all that its records depend on. The next start takes over what has the
fingerprint that it would leave itself, if it is whole and if no picture in it failed for a reason
that can pass; any other part is removed before the first picture of its slice is read. Nothing of
the listing is kept but the slices that are being worked on.

A fingerprint is no signature: whoever can write the result bucket can forge a part, as they could
forge `results.jsonl` itself. That is Secundus alone, and the pictures are its own.
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from workload.records import Outcome, Picture

SCHEMA = "confidential-inference/part/v2"
FOLDER = "parts/"
"""All objects below are parts: what else is put there is removed with them."""
PICTURES_PER_PART = 512
"""Pictures; a multiple of `job.BATCH`, so that no batch holds pictures of two parts."""
MAX_PART_BYTES = 64 * 1024**2
"""Bytes; a larger one is not taken over. 512 records of a hundred classes each are about 4 MB."""


class ResultBucket(Protocol):
    """The result bucket; methods raise BucketError."""

    def names(self, prefix: str) -> Iterator[str]:
        """The objects whose names begin so."""

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """Downloads an object into a new file; its SHA-256 in hex; TooLargeError."""

    def write(self, name: str, content: Path, content_type: str) -> str:
        """Creates or overwrites an object with a file's content; its new generation."""

    def generation(self, name: str) -> str | None:
        """Which generation of an object is there; None if there is no such object."""

    def remove(self, name: str, generation: str | None = None) -> None:
        """Deletes an object if it exists, or only if this generation of it is there."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """What the records of a run depend on, beside the pictures."""

    model_sha256: str
    engine: str
    image_digest: str | None
    """None where it is not known: then nothing can be said to be the same, and all is done anew."""


class Checkpoints:
    """The parts of one run; methods that use the bucket raise RESULTS_NOT_WRITABLE."""

    def __init__(
        self,
        bucket: ResultBucket,
        folder: Path,
        origin: Origin,
        check_ownership: Callable[[], None],
    ) -> None:
        """`check` raises unless the result bucket is still this run's."""
        self.origin = origin
        self.listed = 0
        """Pictures in the listing, as far as it was read."""
        self.continued = 0
        """Those of them whose records an earlier start had left."""
        self.retried = 0
        """Pictures that had failed in an earlier start, for a reason that can pass."""
        self.damaged = 0
        """Parts with the right fingerprint that did not hold a record of each of their pictures."""
        self._bucket = bucket
        self._folder = folder
        self._check_ownership = check_ownership
        (folder / FOLDER).mkdir()
        self._count = 0
        self._open: deque[_OpenPart] = deque()
        self._lines: list[str] = []

    def unclassified(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """The pictures that are still to be classified, in order, read a slice at a time."""
        with bucket_errors_fail_the_run():
            existing = set(self._bucket.names(FOLDER)) if self.origin.image_digest else set()
        listed = iter(pictures)
        while part := tuple(islice(listed, PICTURES_PER_PART)):
            name = f"{FOLDER}{self._count:05}.jsonl"
            heading = records.line(
                {"schema": SCHEMA, "fingerprint": _fingerprint(self.origin, part)}
            )
            self._count += 1
            self.listed += len(part)
            if name in existing and self._can_reuse(name, heading, part):
                self.continued += len(part)
            else:
                self._open.append(_OpenPart(name, heading, len(part)))
                yield from part

    def add(self, outcomes: Iterable[tuple[Picture, Outcome]]) -> None:
        """Notes what came of the next missing pictures; hands over what is complete by it."""
        self._lines += [records.line(records.record(*outcome)) for outcome in outcomes]
        while self._open and len(self._lines) >= self._open[0].size:
            part = self._open.popleft()
            content = self._folder / part.name
            content.write_text("".join([part.heading, *self._lines[: part.size]]), encoding="ascii")
            del self._lines[: part.size]
            self._check_ownership()
            with bucket_errors_fail_the_run():
                self._bucket.write(part.name, content, "application/jsonl")

    def lines(self) -> Iterator[str]:
        """Every record of a finished run, in the order of the listing; each can be had once."""
        for number in range(self._count):
            part = self._folder / f"{FOLDER}{number:05}.jsonl"
            with part.open(encoding="utf-8") as file:
                yield from islice(file, 1, None)
            part.unlink()

    def remove(self) -> None:
        """Takes the parts away, once nobody needs them; what can't be is left to the next start."""
        with suppress(BucketError, OSError):  # the latter where no descriptor is left
            for name in self._bucket.names(FOLDER):
                self._bucket.remove(name)

    def _can_reuse(self, name: str, heading: str, pictures: Sequence[Picture]) -> bool:
        found = self._found(name, heading)
        outcomes = [records.parse(*each) for each in zip(found, pictures, strict=False)]
        transient = sum(isinstance(each, PictureFailure) and each.is_transient for each in outcomes)
        complete = None not in outcomes and len(found) == len(pictures)
        if complete and not transient:
            return True
        if complete:
            self.retried += transient
        elif found:
            self.damaged += 1
        with bucket_errors_fail_the_run():
            self._bucket.remove(name)
        return False

    def _found(self, name: str, heading: str) -> list[str]:
        """The lines below its heading; none if it has another one, or can't be had."""
        content = self._folder / name
        try:
            self._bucket.fetch(name, content, MAX_PART_BYTES)
            with content.open(encoding="ascii", errors="replace", newline="\n") as file:
                return list(file) or [""] if file.readline(len(heading)) == heading else []
        except (BucketError, TooLargeError):
            return []


@contextmanager
def bucket_errors_fail_the_run() -> Iterator[None]:
    """Whatever the result bucket refuses, as the failure of the run that it is."""
    try:
        yield
    except BucketError as error:
        raise WorkloadError(Failure.RESULTS_NOT_WRITABLE) from error


class _OpenPart(NamedTuple):
    """A part that is not complete."""

    name: str
    heading: str
    size: int


def _fingerprint(origin: Origin, pictures: Iterable[Picture]) -> str:
    """Of all that the slice's records depend on.

    The size tells of a compressed object, too: that can change without another generation.
    """
    digest = hashlib.sha256(records.line(asdict(origin) | {"schema": records.SCHEMA}).encode())
    for picture in pictures:
        digest.update(json.dumps([picture.name, picture.generation, picture.size]).encode())
    return digest.hexdigest()
