"""Puts the pieces together: Google's identities and buckets, the decoders, and the engine."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from workload import credentials, job, settings, storage
from workload.decoding import confinement, prestart
from workload.engines import selection
from workload.errors import Failure, foreseen
from workload.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable

    from workload.errors import WorkloadError
    from workload.supervisor import Report


def main(report: Report) -> int:
    """One run; prints words of `errors` and counts only, and returns the exit code."""
    wait = settings.grant_seconds(os.environ)

    def model_reader(chosen: settings.Settings) -> Callable[[str], job.Bucket]:
        confinement.check()  # no model is asked for where pictures could not be decoded safely
        return storage.seen_by(credentials.model_reader(chosen), wait)

    outside = job.Collaborators(
        operator=lambda: storage.seen_by(credentials.operator(), wait),
        model_reader=model_reader,
        decoders=prestart.decoders,
        load=selection.load,
        marked=report.marked,
        ended=report.ended,
    )
    try:
        said, code = f"{job.run(os.environ, outside)}", 0
    except Exception as error:  # noqa: BLE001  the outermost line: a traceback would tell paths
        failure = foreseen(error)
        said, code = f"{failure}", failure.failure.exit_code
        if failure.failure is Failure.INTERNAL_ERROR:
            said = f"{failure.failure.code}: {type(error).__name__}"
    sys.stdout.write(f"{said}\n")
    return code


def tell(failure: WorkloadError, bucket: str, mark: str | None) -> None:
    """Leaves why a run ended that could not do so itself; waits for no grant, as that one has.

    Nothing where another run has begun since that one left its mark.
    """
    results = storage.seen_by(credentials.operator())(bucket)
    with tempfile.TemporaryDirectory() as private:
        left = Results(results, Path(private), mark=mark)
        if mark is None:
            left.begin()
        left.fail(failure)
