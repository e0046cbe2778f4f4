"""The steps of a machine of a fleet: receive the model once, then classify what the messages name.

Like `job`, this module decides the order of the steps and what a failure means, and depends neither
on a cloud nor on an engine. A worker ends only when the machine is stopped, or when it fails as a
whole; then the group of machines makes another one.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from workload import checkpoints, job, settings
from workload.checkpoints import bucket_errors_fail_the_run
from workload.errors import BucketError, as_workload_error
from workload.fleet import jobs, preparation, records
from workload.fleet.intake import Intake
from workload.fleet.preparation import Preparation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import NoReturn

    from workload.errors import WorkloadError
    from workload.fleet.intake import Work
    from workload.fleet.leases import Leases
    from workload.fleet.preparation import ResultBucket
    from workload.fleet.records import Author
    from workload.fleet.subscription import Subscription
    from workload.records import Outcome, Picture

SPLITS_BATCHES = jobs.STEP
"""Work of another size ends in the middle of a batch, so nothing may follow it in that batch."""


@dataclass(frozen=True, kw_only=True)
class Collaborators(job.Collaborators):
    """Everything that a worker needs from outside this module."""

    results: Callable[[str], ResultBucket]
    """Gives the result bucket, used with the virtual machine's account."""
    subscription: Callable[[settings.Settings], Subscription]
    leases: Callable[[Subscription], Leases]
    on_work: Callable[[Sequence[str]], None] = lambda _: None
    """Called with the cause objects of the slices at work, to blame them if this process dies."""


def run(environment: Mapping[str, str], collaborators: Collaborators) -> NoReturn:
    """Works until the machine is stopped; any failure is also written to the result bucket."""
    machine, bucket = settings.machine(environment), settings.result_bucket(environment)
    with tempfile.TemporaryDirectory() as private, collaborators.decoders() as decoders_for:
        folder, results = Path(private), collaborators.results(bucket)
        work = None
        try:
            launch = settings.parse(environment)
            subscription = collaborators.subscription(launch)
            leases = collaborators.leases(subscription)
            classifier = job.released(launch, collaborators, folder, decoders_for)
            with bucket_errors_fail_the_run():
                results.remove(worker_name(machine))
            author = records.Author(machine=machine, origin=classifier.origin)
            pictures = collaborators.operator()(launch.input_bucket)
            prepare = Preparation((launch.input_bucket, pictures), results, author, folder)
            intake = Intake(subscription, leases, prepare)
            work = Assignments(intake, leases, results, author, collaborators.on_work)
            while True:
                for batch in classifier.outcomes(pictures, work.pictures()):
                    work.add(batch)
        except Exception as error:
            causes = [] if work is None else work.causes()
            failure = as_workload_error(error)
            report(results, folder, failure, [worker_name(machine), *causes], machine)
            if work is not None:
                leases.give_back()
            collaborators.on_end()
            raise


def report(
    results: checkpoints.ResultBucket,
    folder: Path,
    failure: WorkloadError,
    names: Sequence[str],
    machine: str,
) -> None:
    """Writes why a worker failed to each of these objects, as far as the bucket takes them."""
    content = records.cause(failure.failure.code, failure.reason, machine, None)
    with suppress(BucketError):
        for name in names:
            preparation.write(results, folder, name, content)


def worker_name(machine: str) -> str:
    """The object that says why the worker of a machine failed."""
    return f"{jobs.WORKERS}{machine}.json"


class _Open(NamedTuple):
    """Work whose pictures are not all classified yet."""

    work: Work
    ack_ids: tuple[str, ...]
    started: dt.datetime


class Assignments:
    """Gives the pictures of one piece of work after the other, and completes each in its turn."""

    def __init__(
        self,
        intake: Intake,
        leases: Leases,
        results: ResultBucket,
        author: Author,
        on_work: Callable[[Sequence[str]], None],
    ) -> None:
        self._intake = intake
        self._leases = leases
        self._results = results
        self._author = author
        self._on_work = on_work
        self._open: deque[_Open] = deque()
        self._outcomes: list[tuple[Picture, Outcome]] = []

    def pictures(self) -> Iterator[Picture]:
        """Waits for work, and yields its pictures, and those of the work that is ready after it.

        Ends when no more work is ready, so that the last pictures do not wait for it; and after
        work that does not fill its last batch.
        """
        assigned = self._intake.next(wait=True)
        while assigned is not None:
            work, ack_ids = assigned
            self._open.append(_Open(work, ack_ids, dt.datetime.now(dt.UTC)))
            self._on_work(self.causes())
            yield from work.pictures
            if len(work.pictures) % SPLITS_BATCHES:
                return
            assigned = self._intake.next(wait=False)

    def add(self, outcomes: Sequence[tuple[Picture, Outcome]]) -> None:
        """Adds the outcomes of the next pictures; completes the work whose last one is there.

        Raises RESULTS_NOT_WRITABLE and SUBSCRIPTION_NOT_USABLE.
        """
        self._outcomes += outcomes
        while self._open and len(self._outcomes) >= (size := len(self._open[0].work.pictures)):
            self._complete(self._open[0], self._outcomes[:size])
            self._open.popleft()
            del self._outcomes[:size]
            self._on_work(self.causes())

    def causes(self) -> list[str]:
        """The cause objects of the slices that are at work."""
        return [each.work.cause for each in self._open if each.work.cause]

    def _complete(self, done: _Open, outcomes: Sequence[tuple[Picture, Outcome]]) -> None:
        """Writes the records, unless they are there, and only then acknowledges the messages."""
        objects = done.work.objects(outcomes, self._author, done.started)
        with bucket_errors_fail_the_run(), ThreadPoolExecutor(job.DOWNLOADS) as pool:
            list(pool.map(self._create, objects))
        self._leases.acknowledge(done.ack_ids)

    def _create(self, named: tuple[str, bytes]) -> None:
        name, content = named
        self._results.create(name, content, "application/jsonl")
