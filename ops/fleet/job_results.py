"""`results --job`: what the machines made of a job, and what is missing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from infra.wording import counted
from ops.commands import SUBMIT
from ops.exit_codes import BROKEN, OK, PARTLY, UNUSABLE
from ops.fleet import job_object, job_table, merging, waiting
from ops.fleet.collected import MOST, require_few
from ops.fleet.deployed import FleetError
from ops.fleet.job_state import Observer
from ops.fleet.request import MOST_ROWS
from ops.google_api import GoogleApi, identity
from ops.records import Run
from ops.terminal import print_progress

if TYPE_CHECKING:
    from ops.fleet.collected import Collected
    from ops.fleet.job_state import State
    from ops.fleet.request import Request
    from ops.results import Where
    from workload.fleet.jobs import Head


def show(request: Request) -> int:
    """Wait for the job, and show it; returns the exit code; FleetError, or Google's errors."""
    options, bucket = request.options, request.bucket
    name = job_object.named(bucket, options.job or job_object.LAST)
    if not options.job:
        print_progress(f"job {name}: the newest of --list; --job JOB chooses another")
    submitted = job_object.read(bucket, name)
    job = submitted.job
    require_few(job.head.pictures, *request.in_memory)
    api = GoogleApi(identity()) if request.where.dead_letters else None
    observer = Observer(bucket, job, submitted.created, api, request.where.dead_letters)
    state = waiting.awaited(observer, options.wait, print_progress)
    if options.output and state.missing and not (options.partial and state.done):
        raise FleetError(
            f"the job {name} has no records for {counted(len(state.missing), 'slice')} of"
            f" {job.head.slices} ({job_table.numbers(state.missing)}). {request.incomplete}. Why"
            " they are missing: the same command without --output"
        )
    collected = None
    # Of a large job that is at work, reading every record would take longer than what is new.
    if options.output or not state.missing or job.head.pictures <= MOST:
        collected = request.collected(
            lambda to: merging.merge(bucket, state, to, print_progress),
            keep=request.keeps(job.head.pictures),
        )
    summary = _summary(state, collected) if collected and state.headings else None
    records = tuple(collected.records) if collected else ()
    run = Run(records, None, summary, notes=tuple(_notes(request, state)))
    request.answer(
        run,
        collected.codes if collected else {},
        {"job": _data(state), "summary": summary},
        lambda terminal: job_table.show(
            terminal, state, request.for_stack, other=_other(request.where, job.head)
        ),
    )
    if not state.done:
        return BROKEN if state.ended else UNUSABLE
    failed = collected is None or collected.codes
    return PARTLY if state.missing or failed else OK


def _notes(request: Request, state: State) -> list[str]:
    """What else the user must know."""
    head, notes = state.job.head, []
    if state.missing:
        notes.append(job_table.missing(state))
    if state.missing and (other := _other(request.where, head)):
        notes.append(
            f"The stack has another {other} than the job was submitted for, so its machines refuse"
            " the slices that are missing, and `submit --missing` refuses the job. Submit a new"
            f" job, in which the slices that are done are done again: {SUBMIT}"
        )
    if head.pictures > MOST_ROWS and not (request.options.output or request.in_memory):
        notes.append(
            f"There is no table of more than {MOST_ROWS:,} pictures. Write a page, a table or the"
            " records: --html FILE, --csv FILE, --output FILE"
        )
    return list(map(request.for_stack, notes))


def _other(where: Where, head: Head) -> str | None:
    """What of a job is not the stack's; empty if all is; None if the stack is not known."""
    if where.model_sha256 is None:
        return None
    pairs = {
        "input bucket": (where.pictures, head.input_bucket),
        "image": ((where.image or "").rpartition("@")[2], head.image_digest),
        "model": (where.model_sha256, head.model_sha256),
    }
    return " and another ".join(
        what for what, (deployed, own) in pairs.items() if deployed and deployed != own
    )


def _summary(state: State, collected: Collected) -> dict[str, Any]:
    """As one machine writes it."""
    some = next(iter(state.headings.values()))
    work = state.work_of("", state.headings)
    return {
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
