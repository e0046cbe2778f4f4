"""Puts the pieces together: Google's identities and buckets, the decoders, and the engine."""

import os
import sys

from workload import credentials, decoding, engine, job, settings, storage
from workload.errors import Failure, WorkloadError


def main() -> int:
    """One run; prints words of `errors` and counts only, and returns the exit code."""
    wait = settings.grant_seconds(os.environ)
    outside = job.Collaborators(
        operator=lambda: storage.seen_by(credentials.operator(), wait),
        model_reader=lambda chosen: storage.seen_by(credentials.model_reader(chosen), wait),
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
