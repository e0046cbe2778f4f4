"""Connects `job` to Google's identities and buckets, the decoders, and the engine."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from workload import credentials, job, memory_limit, settings, storage
from workload.decoding import confinement, prestart
from workload.engines import selection
from workload.errors import Failure, as_workload_error
from workload.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable

    from workload import manifest
    from workload.errors import WorkloadError
    from workload.supervisor import Report


def main(report: Report) -> int:
    """Executes one run; returns its exit code."""
    return exit_code(lambda: f"{job.run(os.environ, collaborators(report))}")


def collaborators(report: Report) -> job.Collaborators:
    """Everything that a run needs from Google, its decoders, and its engine."""
    wait = settings.grant_seconds(os.environ)

    def model_reader(launch: settings.Settings) -> Callable[[str], job.Bucket]:
        confinement.check()  # do not request the model if decoders cannot be confined
        return storage.buckets_as(credentials.model_reader(launch), wait)

    def load(unpacked: Path, model_manifest: manifest.Manifest) -> job.Model:
        memory_limit.apply()
        return selection.load(unpacked, model_manifest)

    return job.Collaborators(
        operator=lambda: storage.buckets_as(credentials.operator(), wait),
        model_reader=model_reader,
        decoders=prestart.decoders,
        load=load,
        on_generation=report.state,
        on_end=report.ended,
    )


def exit_code(run: Callable[[], str]) -> int:
    """Executes a run that returns its counts; prints only texts of `errors` and counts."""
    try:
        message, code = run(), 0
    except Exception as error:  # noqa: BLE001  the outermost handler: a traceback would disclose paths
        failure = as_workload_error(error)
        message, code = f"{failure}", failure.failure.exit_code
        if failure.failure is Failure.INTERNAL_ERROR:
            message = f"{failure.failure.code}: {type(error).__name__}"
    sys.stdout.write(f"{message}\n")
    return code


def report_death(failure: WorkloadError, bucket: str, generation: str | None) -> None:
    """Writes the result of a run that died; does not wait for grants, because the run has done so.

    `generation` is the generation of `results.jsonl` that the run wrote last. Writes nothing if
    another run has started since then.
    """
    bucket_objects = storage.buckets_as(credentials.operator())(bucket)
    with tempfile.TemporaryDirectory() as private:
        results = Results(bucket_objects, Path(private), generation=generation)
        if generation is None:
            results.begin()
        results.fail(failure)
