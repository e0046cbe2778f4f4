"""The work of one worker, from the first picture of a message to its acknowledgement.

Records are in files of a private folder until they are complete: a slice of a model with a thousand
classes has a gigabyte of scores. A message is acknowledged only after its records are written.
"""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from workload import job
from workload.checkpoints import bucket_errors_fail_the_run
from workload.errors import PictureFailure, SliceFailure
from workload.fleet import jobs, preparation
from workload.fleet.preparation import SliceWork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from workload.fleet.intake import Assigned, Intake
    from workload.fleet.leases import Leases
    from workload.fleet.preparation import ResultBucket, StreamWork
    from workload.fleet.records import Author
    from workload.fleet.subscription import Delivery
    from workload.records import Outcome, Picture

    Outcomes = Sequence[tuple[Picture, Outcome]]

LAST_ATTEMPT: Final = 6
"""Deliveries of the subscription: after this one, a message becomes a dead letter."""
GONE: Final = (PictureFailure.VANISHED, PictureFailure.CHANGED)
RECORDS: Final = "application/jsonl"


@dataclass(frozen=True, kw_only=True)
class WorkContext:
    """What every piece of work needs."""

    leases: Leases
    results: ResultBucket
    author: Author
    folder: Path
    """private"""


class _Open(Protocol):
    """Work whose pictures are not all classified yet."""

    @property
    def size(self) -> int:
        """How many pictures it has."""

    @property
    def cause(self) -> str | None:
        """The object that says why it failed, if it fails."""

    def add(self, outcomes: Outcomes) -> None:
        """Adds the outcomes of its next pictures."""

    def complete(self) -> None:
        """Writes the records, unless they are there, and acknowledges; or gives back."""


class _OpenSlice:
    """A slice of a job."""

    def __init__(self, work: SliceWork, delivery: Delivery, context: WorkContext) -> None:
        self.size = len(work.pictures)
        self.cause = jobs.cause_name(work.job, work.piece.number)
        self._work, self._delivery, self._context = work, delivery, context
        self._started = dt.datetime.now(dt.UTC)
        self._records = tempfile.TemporaryFile("w+", dir=context.folder, encoding="ascii")  # noqa: SIM115  closed by `complete`
        self._transient = False

    def add(self, outcomes: Outcomes) -> None:
        """Adds the records of the next pictures."""
        self._records.write(self._context.author.published(outcomes))
        self._transient |= any(_is_transient(outcome) for _, outcome in outcomes)

    def complete(self) -> None:
        """A slice with transient failures is tried again, as one machine would at its next start.

        After the last delivery nobody would try it again, so its records are written.
        """
        context, ack_ids = self._context, [self._delivery.ack_id]
        with self._records, bucket_errors_fail_the_run():
            if self._transient and not _is_last(self._delivery):
                failure = SliceFailure.TRANSIENT_FAILURES
                preparation.write_cause(
                    context.results, context.folder, self.cause, failure, context.author
                )
                context.leases.give_back(ack_ids)
                return
            with tempfile.NamedTemporaryFile("w", dir=context.folder, encoding="ascii") as whole:
                finished = dt.datetime.now(dt.UTC)
                work = self._work
                whole.write(context.author.heading(work.job, work.piece, self._started, finished))
                self._records.seek(0)
                shutil.copyfileobj(self._records, whole)
                whole.flush()
                name = jobs.records_name(work.job, work.piece.number)
                context.results.create(name, Path(whole.name), RECORDS)
        context.leases.acknowledge(ack_ids)


class _OpenPictures:
    """New pictures of a stream."""

    cause = None
    """They belong to no job."""

    def __init__(
        self, work: StreamWork, deliveries: Sequence[Delivery], context: WorkContext
    ) -> None:
        self.size = len(work.pictures)
        self._deliveries, self._context = deliveries, context
        self._outcomes: list[tuple[Picture, Outcome]] = []

    def add(self, outcomes: Outcomes) -> None:
        """Adds the outcomes of the next pictures."""
        self._outcomes += outcomes

    def complete(self) -> None:
        """One object a picture; those with a transient failure are tried again.

        None for a generation that is not there: it was replaced or deleted meanwhile, or somebody
        announces one that does not exist yet, whose record could then never be written.
        """
        again, done, written = [], [], []
        for delivery, named in zip(self._deliveries, self._outcomes, strict=True):
            if _is_transient(named[1]) and not _is_last(delivery):
                again.append(delivery.ack_id)
                continue
            done.append(delivery.ack_id)
            if named[1] not in GONE:
                written.append(named)
        with bucket_errors_fail_the_run(), ThreadPoolExecutor(job.DOWNLOADS) as pool:
            list(pool.map(self._create, written))
        self._context.leases.give_back(again)
        if done:
            self._context.leases.acknowledge(done)

    def _create(self, named: tuple[Picture, Outcome]) -> None:
        author, picture = self._context.author, named[0]
        with tempfile.NamedTemporaryFile("w", dir=self._context.folder, encoding="ascii") as file:
            file.write(author.published([named]))
            file.flush()
            name = jobs.stream_name(picture.name, picture.generation)
            self._context.results.create(name, Path(file.name), RECORDS, author.provenance)


class Assignments:
    """Gives the pictures of one piece of work after the other, and completes each in its turn."""

    def __init__(
        self, intake: Intake, context: WorkContext, on_work: Callable[[Sequence[str]], None]
    ) -> None:
        self._intake = intake
        self._context = context
        self._on_work = on_work
        self._open: deque[_Open] = deque()
        self._added = 0
        """Outcomes of the first open work that are there."""

    def pictures(self) -> Iterator[Picture]:
        """Waits for work, and yields its pictures, and those of the work that is ready after it.

        Ends when no more work is ready, so that the last pictures do not wait for it; and after
        work that does not fill its last batch.
        """
        assigned = self._intake.next(wait=True)
        while assigned is not None:
            self._open.append(_opened(assigned, self._context))
            self._on_work(self.causes())
            pictures = assigned[0].pictures
            yield from pictures
            if len(pictures) % jobs.STEP:  # it ends in the middle of a batch
                return
            assigned = self._intake.next(wait=False)

    def add(self, outcomes: Outcomes) -> None:
        """Adds the outcomes of the next pictures; completes the work whose last one is there.

        Raises RESULTS_NOT_WRITABLE and SUBSCRIPTION_NOT_USABLE.
        """
        while outcomes:
            first = self._open[0]
            own = outcomes[: first.size - self._added]
            first.add(own)
            self._added += len(own)
            outcomes = outcomes[len(own) :]
            if self._added == first.size:
                first.complete()
                self._open.popleft()
                self._added = 0
                self._on_work(self.causes())

    def causes(self) -> list[str]:
        """The cause objects of the slices that are at work."""
        return [each.cause for each in self._open if each.cause]


def _opened(assigned: Assigned, context: WorkContext) -> _Open:
    work, deliveries = assigned
    if isinstance(work, SliceWork):
        return _OpenSlice(work, deliveries[0], context)
    return _OpenPictures(work, deliveries, context)


def _is_transient(outcome: Outcome) -> bool:
    return isinstance(outcome, PictureFailure) and outcome.is_transient


def _is_last(delivery: Delivery) -> bool:
    """Whether nobody gets the message after this delivery, or nobody counts."""
    return delivery.attempt is None or delivery.attempt >= LAST_ATTEMPT
