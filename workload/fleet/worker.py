"""The steps of a machine of a fleet: receive the model once, then classify what the messages name.

Like `job`, this module decides the order of the steps and what a failure means, and depends neither
on a cloud nor on an engine. A worker ends only when the machine is stopped, or when it fails as a
whole; then the group of machines makes another one.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workload import checkpoints, job, settings
from workload.checkpoints import bucket_errors_fail_the_run
from workload.errors import BucketError, Failure, WorkloadError, as_workload_error
from workload.fleet import jobs, preparation, records
from workload.fleet.assignments import Assignments, WorkContext
from workload.fleet.intake import Intake
from workload.fleet.preparation import Preparation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import NoReturn

    from workload.fleet.leases import Leases
    from workload.fleet.preparation import ResultBucket
    from workload.fleet.subscription import Subscription


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
        leases = work = None
        try:
            launch = settings.parse(environment)
            subscription = collaborators.subscription(launch)
            leases = collaborators.leases(subscription)
            classifier = job.released(launch, collaborators, folder, decoders_for)
            _require_image(classifier)
            with bucket_errors_fail_the_run():
                results.remove(jobs.worker_name(machine))
            author = records.Author(machine=machine, origin=classifier.origin)
            pictures = collaborators.operator()(launch.input_bucket)
            prepare = Preparation((launch.input_bucket, pictures), results, author, folder)
            intake = Intake(subscription, leases, prepare)
            context = WorkContext(leases=leases, results=results, author=author, folder=folder)
            work = Assignments(intake, context, collaborators.on_work)
            while True:
                for batch in classifier.outcomes(pictures, work.pictures()):
                    work.add(batch)
        except Exception as error:
            # First of all: a bucket that is the reason takes minutes to refuse the report.
            if leases is not None:
                leases.end()
            causes = [] if work is None else work.causes()
            failure = as_workload_error(error)
            report(results, folder, failure, [jobs.worker_name(machine), *causes], machine)
            collaborators.on_end()
            raise


def _require_image(classifier: job.Classifier) -> None:
    """ATTESTATION_TOKEN_MISSING for a worker that would refuse the slices of every job."""
    if classifier.origin.image_digest is None:
        raise WorkloadError(Failure.ATTESTATION_TOKEN_MISSING)


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
