"""Puts the pieces together: Google's identities and buckets, the decoders, and the engine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from workload import confinement, credentials, decoding, engine, job, settings, storage
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    """One run; prints words of `errors` and counts only, and returns the exit code."""
    wait = settings.grant_seconds(os.environ)

    def model_reader(chosen: settings.Settings) -> Callable[[str], job.Bucket]:
        confinement.check()  # no model is asked for where pictures could not be decoded safely
        return storage.seen_by(credentials.model_reader(chosen), wait)

    outside = job.Collaborators(
        operator=lambda: storage.seen_by(credentials.operator(), wait),
        model_reader=model_reader,
        decoders=decoding.decoders,
        load=engine.load,
    )
    try:
        said, code = f"{job.run(os.environ, outside)}", 0
    except WorkloadError as error:
        said, code = f"{error}", error.failure.exit_code
    except Exception as error:  # noqa: BLE001  the outermost line: a traceback would tell paths
        said = f"{Failure.INTERNAL_ERROR.code}: {type(error).__name__}"
        code = Failure.INTERNAL_ERROR.exit_code
    sys.stdout.write(f"{said}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
