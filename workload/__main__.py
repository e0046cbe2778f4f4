"""The first process: it starts the run as another one, and tells how that ended where it could not.

What is imported here is all that this process ever holds, unless the run dies without a word.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from workload import settings, supervisor

if TYPE_CHECKING:
    from workload.errors import WorkloadError


def main() -> int:
    """One run; the exit code is its own, or that of how it died."""
    return supervisor.supervise(_run, _report_death)


def _run(report: supervisor.Report) -> int:
    from workload import assembly  # noqa: PLC0415  in the run's process only

    return assembly.main(report)


def _report_death(failure: WorkloadError, generation: str | None) -> None:
    bucket = settings.result_bucket(os.environ)  # raises where there is none to tell it in
    from workload import assembly  # noqa: PLC0415  only after the run's death

    assembly.report_death(failure, bucket, generation)


if __name__ == "__main__":
    sys.exit(main())
