"""`results` of a fleet: a job, or the stream. `ops.results_command` has the options."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ops import results
from ops.exit_codes import OK
from ops.fleet import job_object, job_results, stream_results
from ops.fleet.request import Request
from ops.terminal import standard_output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from google.cloud import storage

    from ops.records import Run
    from ops.results import Where


def run(options: argparse.Namespace, where: Where, write: Callable[[Run], None]) -> int:
    """Show a job or the stream, or list the jobs; returns the exit code; ResultsError."""
    with results.reading(where) as client:
        bucket = client.bucket(where.bucket)
        if options.list:
            return _list(bucket, as_data=options.json)
        request = Request(options=options, where=where, bucket=bucket, write=write)
        return stream_results.show(request) if options.stream else job_results.show(request)


def _list(bucket: storage.Bucket, *, as_data: bool) -> int:
    """Print the jobs, the newest first."""
    found = job_object.listed(bucket)
    if as_data:
        print(json.dumps([{"job": each} for each in found]))  # noqa: T201  the answer
        return OK
    terminal = standard_output()
    for each in found:
        terminal.print(each)
    terminal.print("Show one: --job JOB" if found else "There is none.")
    return OK
