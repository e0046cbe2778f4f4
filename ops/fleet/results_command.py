"""`results` of a fleet: a job, or the stream. `ops.results_command` has the options."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from infra.untrusted_text import shown
from infra.wording import counted
from ops import results, results_table
from ops.commands import SUBMIT
from ops.exit_codes import BROKEN, OK, PARTLY, UNUSABLE
from ops.fleet import job_object, job_table, merging, stream_records, waiting
from ops.fleet.collected import MOST, Collected, require_few
from ops.fleet.deployed import FleetError
from ops.fleet.job_state import Observer
from ops.google_api import GoogleApi, identity
from ops.records import Run
from ops.report import files
from ops.terminal import print_progress, standard_output
from workload.storage import buckets_as

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from google.cloud import storage

    from ops.fleet.job_state import State
    from ops.fleet.stream_records import Stream
    from ops.results import Where

    Write = Callable[[Run], None]
    """writes the page and the table that the user asks for"""

LONGEST: Final = 200
MOST_ROWS: Final = 1_000
"""Pictures in a table on the terminal."""
INCOMPLETE: Final = "Nothing was written. To write what is there: --partial"


def run(options: argparse.Namespace, where: Where, write: Write) -> int:
    """Show a job or the stream; returns the exit code; ResultsError."""
    if options.output:
        files.require_writable(options.output)
    with results.reading(where) as client:
        bucket = client.bucket(where.bucket)
        if options.list:
            return _list(bucket, as_data=options.json)
        if options.stream:
            return _stream(options, where, bucket, write)
        return _job(options, where, bucket, write)


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


def _job(options: argparse.Namespace, where: Where, bucket: storage.Bucket, write: Write) -> int:
    name = job_object.named(bucket, options.job or job_object.LAST)
    if not options.job:
        print_progress(f"job {name}: the newest of --list; --job JOB chooses another")
    job = job_object.read(bucket, name)
    require_few(job.head.pictures, *_in_memory(options))
    api = GoogleApi(identity()) if where.dead_letters else None
    observer = Observer(bucket, job, api, where.dead_letters)
    state = waiting.awaited(observer, options.wait, print_progress)
    if options.output and state.missing and not options.partial:
        raise FleetError(
            f"the job {name} has no records for {counted(len(state.missing), 'slice')} of"
            f" {job.head.slices} ({job_table.numbers(state.missing)}). {INCOMPLETE}. Why they are"
            " missing: the same command without --output"
        )
    collected, counts_known = None, bool(options.output) or not state.missing
    if counts_known or job.head.pictures <= MOST:
        collected = _collected(
            options,
            where,
            lambda to: merging.merge(bucket, state, to, print_progress),
            keep=job.head.pictures <= MOST,
        )
    run = _run(state, collected)
    if options.json:
        records = {} if options.output else {"records": run.records}
        data = {"job": _data(state), "summary": run.summary, "notes": run.notes, **records}
        print(json.dumps(data))  # noqa: T201  the answer
    else:
        results_table.show(standard_output(), run, pictures=_has_table(options, run))
        job_table.show(standard_output(), state)
    if run.records:
        write(run)
    if not state.done:
        return BROKEN if state.ended else UNUSABLE
    failed = collected is None or collected.codes
    return PARTLY if state.missing or failed else OK


def _stream(options: argparse.Namespace, where: Where, bucket: storage.Bucket, write: Write) -> int:
    inputs = results.bucket_of(options.pictures) if options.pictures else where.pictures
    if inputs is None:
        raise FleetError(
            "the records of a stream are found by the names of its pictures, and their bucket is"
            " not known. Name it: --pictures gs://BUCKET"
        )
    pictures = buckets_as(identity())(inputs).pictures()
    found: list[Stream] = []

    def read(to: Collected) -> None:
        stream = stream_records.read(bucket, pictures, to, print_progress)
        found.append(stream)
        if options.output and stream.missing and not options.partial:
            raise FleetError(f"{_without(stream, inputs)} {INCOMPLETE}")

    keep = not options.output or bool(_in_memory(options))
    collected = _collected(options, where, read, keep=keep)
    (stream,) = found
    notes = (_without(stream, inputs),) if stream.missing else ()
    run = Run(tuple(collected.records), None, notes=notes)
    if options.json:
        records = {} if options.output else {"records": run.records}
        data = {
            "stream": {**asdict(stream), "failed": dict(collected.codes)},
            "notes": notes,
            **records,
        }
        print(json.dumps(data))  # noqa: T201  the answer
    else:
        results_table.show(standard_output(), run, pictures=_has_table(options, run))
        pictures_counted = f"{collected.count} of {counted(stream.listed, 'picture')}"
        standard_output().print(
            f"{pictures_counted} of gs://{inputs} have a record; failed {collected.codes.total()}"
        )
    if run.records:
        write(run)
    if not collected.count:
        return UNUSABLE
    return PARTLY if stream.missing or collected.codes else OK


def _without(stream: Stream, inputs: str) -> str:
    names = ", ".join(shown(name, LONGEST) for name in stream.examples)
    return (
        f"{counted(stream.missing, 'picture')} of gs://{inputs} without a record, the first:"
        f" {names}. New ones get theirs soon; those that were there before the stream need a job:"
        f" {SUBMIT}"
    )


def _in_memory(options: argparse.Namespace) -> list[str]:
    """The options that need every record at once."""
    given = {"--html": options.html, "--csv": options.csv}
    given["--json"] = options.json and not options.output
    return [name for name, value in given.items() if value]


def _has_table(options: argparse.Namespace, run: Run) -> bool:
    in_file = options.html or options.csv or options.output
    return not in_file and len(run.records) <= MOST_ROWS


def _collected(
    options: argparse.Namespace, where: Where, read: Callable[[Collected], None], *, keep: bool
) -> Collected:
    """What `read` gave, also in a file that is replaced only when everything is there."""
    opened = files.replacing(options.output) if options.output else nullcontext()
    with opened as file:
        collected = Collected(keep, file)
        # Here, too, because errors of the connection are OSErrors, as those of a file.
        with results.errors_of_google(where):
            read(collected)
    if options.output:
        print_progress(f"wrote {options.output}: {counted(collected.count, 'record')}")
    return collected


def _run(state: State, collected: Collected | None) -> Run:
    """The job as a run of one machine, with the records that are in memory."""
    if collected is None or not state.headings:
        return Run((), None)
    some = next(iter(state.headings.values()))
    work = state.work_of("", state.headings)
    summary: dict[str, Any] = {
        "classified": collected.classified,
        "failed": dict(collected.codes),
        "continued": 0,
        "modelSha256": state.job.head.model_sha256,
        "engine": some.engine,
        "scores": some.scores,
        "imageDigest": state.job.head.image_digest,
        "started": f"{work.started:%Y-%m-%dT%H:%M:%SZ}",
        "finished": f"{work.finished:%Y-%m-%dT%H:%M:%SZ}",
        "picturesPerSecond": round(work.rate, 1) or None,
    }
    notes = []
    if len(collected.records) > MOST_ROWS:
        notes.append(
            f"There is no table of more than {MOST_ROWS:,} pictures. Write a page, a table or the"
            " records: --html FILE, --csv FILE, --output FILE"
        )
    return Run(tuple(collected.records), None, summary, notes=tuple(notes))


def _data(state: State) -> dict[str, Any]:
    """The job as data."""
    head = state.job.head
    return {
        "job": head.job,
        "submitted": head.submitted,
        "pictures": head.pictures,
        "slices": head.slices,
        "picturesDone": state.pictures,
        "slicesDone": len(state.done),
        "missing": state.missing,
        "deadLetters": sorted(state.dead),
        "causes": [asdict(each) for each in state.failed],
        "failedMachines": [asdict(each) for each in state.machines],
        "machines": [
            {
                **asdict(each),
                "started": each.started.isoformat(),
                "finished": each.finished.isoformat(),
                "picturesPerSecond": round(each.rate, 1) or None,
            }
            for each in state.work
        ],
        "notes": state.notes,
    }
