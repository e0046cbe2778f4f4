"""The first process: starts the run in a second process, and reports the death of that process.

It imports as little as possible. It imports Google's libraries only if the run dies without a
report.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from workload import settings, supervisor

if TYPE_CHECKING:
    from workload.errors import WorkloadError


def main() -> int:
    """Executes one run; returns its exit code, or the code that stands for how it died."""
    return supervisor.supervise(_run, _report_death)


def _run(report: supervisor.Report) -> int:
    if settings.in_fleet(os.environ):
        from workload.fleet import assembly as fleet  # noqa: PLC0415  only in the run's process

        return fleet.main(report)
    from workload import assembly  # noqa: PLC0415  only in the run's process

    return assembly.main(report)


def _report_death(failure: WorkloadError, state: str | None) -> None:
    bucket = settings.result_bucket(os.environ)  # raises if it is not set
    if settings.in_fleet(os.environ):
        from workload.fleet import assembly as fleet  # noqa: PLC0415  only after the run's death

        fleet.report_death(failure, bucket, state)
        return
    from workload import assembly  # noqa: PLC0415  only after the run's death

    assembly.report_death(failure, bucket, state)


if __name__ == "__main__":
    sys.exit(main())
