"""How far a job is: slices with records, causes of the others, dead letters, failed machines."""

from __future__ import annotations

import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from google.api_core.exceptions import NotFound

from ops.fleet import queue, stored
from ops.fleet.causes import Causes
from ops.fleet.slice_records import HEADING_BYTES, Heading, Source, heading
from ops.fleet.stored import AT_ONCE, first_bytes
from ops.google_api import ApiError
from workload.fleet import jobs

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from google.cloud import storage

    from ops.fleet.causes import Failed
    from ops.fleet.queue import DeadLetter
    from ops.google_api import GoogleApi

LOOKS: Final = 2
"""In a row that do not show a dead letter. One may, because Pub/Sub can leave some out."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one machine did."""

    machine: str
    slices: int
    pictures: int
    started: dt.datetime
    finished: dt.datetime

    @property
    def rate(self) -> float:
        """Pictures a second from the first slice's start to the last one's end; 0 if not known."""
        seconds = (self.finished - self.started).total_seconds()
        return self.pictures / seconds if seconds > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class State:
    """What the bucket and Pub/Sub say about a job at one moment."""

    job: jobs.Job
    done: Mapping[int, int]
    """the generation of the records of each slice that has some"""
    headings: Mapping[int, Heading]
    dead: frozenset[int]
    """slices without records whose message is a dead letter"""
    letters_known: bool
    """whether the dead letters could be read"""
    other_letters: int
    """dead letters of other jobs, of pictures, or without a form"""
    failed: tuple[Failed, ...]
    """causes of slices without records"""
    machines: tuple[Failed, ...]
    """machines that failed since the job was submitted, and before its last slice was done"""
    notes: tuple[str, ...]

    @property
    def missing(self) -> list[int]:
        """Slices without records."""
        return [each.number for each in self.job.slices if each.number not in self.done]

    @property
    def pictures(self) -> int:
        """Of the slices that have records."""
        return sum(self.job.slices[number].pictures for number in self.done)

    @property
    def ended(self) -> bool:
        """Whether every slice has records, or was given up."""
        return self.dead.issuperset(self.missing)

    @property
    def work(self) -> list[Work]:
        """What each machine did, by its name."""
        numbers = defaultdict(list)
        for number, each in self.headings.items():
            numbers[each.machine].append(number)
        return [self.work_of(name, numbers[name]) for name in sorted(numbers)]

    def work_of(self, machine: str, numbers: Iterable[int]) -> Work:
        """What was done in these slices, of which there is one at least."""
        own = list(numbers)
        return Work(
            machine=machine,
            slices=len(own),
            pictures=sum(self.job.slices[number].pictures for number in own),
            started=min(self.headings[number].started for number in own),
            finished=max(self.headings[number].finished for number in own),
        )


@dataclass
class Observer:
    """Looks at a job again and again; what was read once is not read again."""

    bucket: storage.Bucket
    job: jobs.Job
    created: dt.datetime
    """when the job was written, by Google's clock"""
    api: GoogleApi | None = None
    dead_letters: str | None = None
    """the subscription; None if it is not known"""
    _headings: dict[int, tuple[int, Heading]] = field(default_factory=dict)
    """by the slice's number, with the generation of the object"""
    _dead: dict[int, int] = field(default_factory=dict)
    """the number of looks that did not show a slice's dead letter, since one did"""
    _causes: Causes = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is read yet."""
        self._causes = Causes(self.bucket)

    def look(self) -> State:
        """The state now; FleetError for records that were edited, or Google's errors."""
        head, notes = self.job.head, []
        done, foreign = self._done()
        if foreign:
            notes.append(f"{foreign} objects in {jobs.records_folder(head.job)} belong to no slice")
        headings = self._read_headings(done)
        done = {number: done[number] for number in headings}
        letters = self._letters(notes)
        if letters is not None:
            self._note_dead({each.slice for each in letters if each.job == head.job})
        missing = {each.number for each in self.job.slices if each.number not in done}
        wanted = {jobs.cause_name(head.job, number) for number in missing}
        failed = self._causes.read(
            jobs.causes_folder(head.job), lambda blob: blob.name in wanted, notes.append
        )
        end = None if missing else max(each.finished for each in headings.values())
        machines = self._causes.read(
            jobs.WORKERS,
            lambda blob: blob.updated >= self.created and (end is None or blob.updated <= end),
            notes.append,
        )
        return State(
            job=self.job,
            done=done,
            headings=headings,
            dead=frozenset(self._dead.keys() & missing),
            letters_known=letters is not None,
            other_letters=sum(each.job != head.job for each in letters or ()),
            failed=failed,
            machines=machines,
            notes=tuple(notes),
        )

    def _letters(self, notes: list[str]) -> list[DeadLetter] | None:
        """The dead letters; None if they cannot be read. Adds what the user must know."""
        if self.api is None or self.dead_letters is None:
            return None
        try:
            found = queue.dead_letters(self.api, self.dead_letters)
        except ApiError as error:
            notes.append(f"The dead letters are not known, {self.dead_letters}: {error}")
            return None
        if found.more:
            notes.append(queue.more(self.dead_letters))
        return found.kept

    def _note_dead(self, seen: set[int]) -> None:
        """Forget a letter after LOOKS without it: somebody has published its slice again."""
        looks = {number: without + 1 for number, without in self._dead.items()}
        looks |= dict.fromkeys(seen, 0)
        self._dead = {number: without for number, without in looks.items() if without < LOOKS}

    def _done(self) -> tuple[dict[int, int], int]:
        """The slices with records, and how many objects are of no slice; FleetError."""
        head = self.job.head
        fields = "items(name,generation,size,contentEncoding),nextPageToken"
        done, foreign = {}, 0
        for blob in self.bucket.list_blobs(prefix=jobs.records_folder(head.job), fields=fields):
            digits = blob.name.removeprefix(jobs.records_folder(head.job)).removesuffix(".jsonl")
            number = int(digits) if re.fullmatch("[0-9]{7,9}", digits) else -1
            if 0 <= number < head.slices and blob.name == jobs.records_name(head.job, number):
                source = self._source(number)
                if wrong := stored.wrong(blob, source.most_bytes):
                    raise source.edited(wrong)
                done[number] = int(blob.generation)
            else:
                foreign += 1
        return done, foreign

    def _read_headings(self, done: Mapping[int, int]) -> dict[int, Heading]:
        """The headings of these generations; an object that is gone since is left out."""
        new = [
            (number, generation)
            for number, generation in done.items()
            if self._headings.get(number, (0, None))[0] != generation
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for (number, generation), found in zip(new, pool.map(self._heading, new), strict=True):
                if found is not None:
                    self._headings[number] = generation, found
        return {
            number: known[1]
            for number, generation in done.items()
            if (known := self._headings.get(number)) and known[0] == generation
        }

    def _heading(self, which: tuple[int, int]) -> Heading | None:
        number, generation = which
        name = jobs.records_name(self.job.head.job, number)
        try:
            start = first_bytes(self.bucket.blob(name, generation=generation), HEADING_BYTES)
        except NotFound:
            return None
        return heading(start.partition(b"\n")[0], self._source(number))

    def _source(self, number: int) -> Source:
        return Source(bucket=self.bucket.name, job=self.job, number=number)
