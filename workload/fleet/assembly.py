"""Connects `worker` to Google's identities, buckets and Pub/Sub, the decoders, and the engine."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from workload import assembly, credentials, settings, storage
from workload.errors import Failure
from workload.fleet import jobs, worker
from workload.fleet.leases import Leases
from workload.fleet.subscription import SCOPE, Subscription

if TYPE_CHECKING:
    from workload.errors import WorkloadError
    from workload.supervisor import Report


def main(report: Report) -> int:
    """Works until the machine is stopped; returns the exit code of a failure."""
    # Before any thread starts: `leases` waits for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    return assembly.exit_code(lambda: worker.run(os.environ, collaborators(report)))


def collaborators(report: Report) -> worker.Collaborators:
    """Everything that a worker needs from Google, its decoders, and its engine."""
    wait = settings.grant_seconds(os.environ)

    def results(name: str) -> storage.Bucket:
        # Not earlier: decoders start before any credential exists.
        return storage.buckets_as(credentials.operator(), wait)(name)

    def stop() -> None:
        report.ended()
        sys.stdout.write("stopped: gave back what was not finished\n")
        sys.stdout.flush()
        # Other threads are in the middle of their work, which now belongs to another machine.
        os._exit(0)

    outside = assembly.collaborators(report)
    return worker.Collaborators(
        **{each.name: getattr(outside, each.name) for each in fields(outside)},
        results=results,
        subscription=lambda launch: Subscription(
            f"{launch.subscription}", credentials.operator(SCOPE), wait
        ),
        leases=lambda subscription: Leases(subscription, stop),
        on_work=lambda causes: report.state(" ".join(causes)),
    )


def report_death(failure: WorkloadError, bucket: str, causes: str | None) -> None:
    """Writes why a worker died, for its machine and for the slices that it had."""
    if failure.failure is Failure.RUN_STOPPED:
        return  # before it had any work
    results = storage.buckets_as(credentials.operator())(bucket)
    machine = settings.machine(os.environ)
    with tempfile.TemporaryDirectory() as private:
        names = [jobs.worker_name(machine), *(causes or "").split()]
        worker.report(results, Path(private), failure, names, machine)
