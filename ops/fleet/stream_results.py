"""`results --stream`: what the machines made of pictures as they arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from infra.untrusted_text import shown
from infra.wording import counted
from ops import results
from ops.commands import SECUNDUS, SUBMIT
from ops.exit_codes import OK, PARTLY, UNUSABLE
from ops.fleet import queue, stream_letters, stream_records
from ops.fleet.deployed import SET_A_FLEET, FleetError
from ops.fleet.request import MOST_ROWS
from ops.fleet.stream_records import FEW
from ops.google_api import ApiError, GoogleApi, identity
from ops.records import Run
from ops.terminal import print_progress
from workload.storage import buckets_as

if TYPE_CHECKING:
    from ops.fleet.collected import Collected
    from ops.fleet.request import Request
    from ops.fleet.stream_letters import GivenUp
    from ops.fleet.stream_records import Stream
    from ops.results import Where

LONGEST: Final = 200
NOT_KNOWN: Final = "not known"
_WITH_A_STREAM: Final = (
    "New ones get theirs soon. Those that were given up, or waited for more than 7 days, get none:"
    f" upload them again. Those that were there before the stream need a job: {SUBMIT}"
)


def show(request: Request) -> int:
    """Show the records of the pictures; returns the exit code; FleetError, or Google's errors."""
    options = request.options
    inputs = results.bucket_of(options.pictures) if options.pictures else request.where.pictures
    if inputs is None:
        raise FleetError(
            "the records of a stream are found by the names of its pictures, and their bucket is"
            " not known. Name it: --pictures gs://BUCKET"
        )
    pictures = buckets_as(identity())(inputs).pictures()
    found: list[Stream] = []

    def read(to: Collected) -> None:
        stream = stream_records.read(
            request.bucket, pictures, to, print_progress, request.in_memory
        )
        found.append(stream)
        if options.output and not (to.count and (options.partial or not stream.missing)):
            raise FleetError(f"{_without(request, stream, inputs)}. {request.incomplete}")

    collected = request.collected(read, keep=request.keeps(0))
    (stream,) = found
    notes = [] if stream.listed and not stream.missing else [_without(request, stream, inputs)]
    given_up = _given_up(request, inputs, notes)
    if len(collected.records) > MOST_ROWS and not request.in_memory:
        notes.append(f"There is no table of more than {MOST_ROWS:,} pictures: --output FILE")
    notes += _several(stream)
    run = Run(
        tuple(collected.records),
        None,
        notes=tuple(map(request.for_stack, notes)),
        scores_without_summary=" and ".join(each or NOT_KNOWN for each in sorted(stream.scores)),
    )
    pictures_counted = f"{collected.count} of {counted(stream.listed, 'picture')}"
    request.answer(
        run,
        collected.codes,
        {"stream": _data(stream, collected, given_up)},
        lambda terminal: terminal.print(
            f"{pictures_counted} of gs://{inputs} have a record; failed {collected.codes.total()}"
        ),
    )
    if not collected.count:
        return UNUSABLE
    return PARTLY if stream.missing or collected.codes else OK


def _data(stream: Stream, collected: Collected, given_up: GivenUp | None) -> dict[str, Any]:
    """The stream as data."""
    return {
        "listed": stream.listed,
        "missing": stream.missing,
        "examples": stream.examples,
        "failed": dict(collected.codes),
        "models": dict(stream.models),
        "scores": dict(stream.scores),
        "givenUp": given_up.pictures if given_up else None,
        "deadLettersRemoved": given_up.removed if given_up else 0,
    }


def _several(stream: Stream) -> list[str]:
    """A note if the records are of several models."""
    if len(stream.models) < 2:  # noqa: PLR2004  one is none too many
        return []
    models = ", ".join(
        f"{model[:12] or NOT_KNOWN} ({counted(pictures, 'picture')})"
        for model, pictures in stream.models.most_common(FEW)
    )
    note = (
        f"These records are of {len(stream.models)} models: {models}. To have all of one model,"
        f" submit a job: {SUBMIT}"
    )
    return [note]


def _given_up(request: Request, inputs: str, notes: list[str]) -> GivenUp | None:
    """What the dead letters say; None if they cannot be read. Adds what the user must know."""
    subscription = request.where.dead_letters
    if subscription is None:
        return None
    api, client = GoogleApi(identity()), request.bucket.client
    try:
        given_up = stream_letters.remove_obsolete(
            api, subscription, request.bucket, client.bucket(inputs)
        )
    except (ApiError, *results.REFUSED) as error:
        reason = shown(str(error), LONGEST)
        notes.append(f"The dead letters are not known, {subscription}: {reason}")
        return None
    if given_up.more:
        notes.append(queue.more(subscription))
    if given_up.pictures:
        names = ", ".join(shown(name, LONGEST) for name in given_up.pictures[:FEW])
        notes.append(
            f"{counted(len(given_up.pictures), 'picture')} given up after 6 attempts (dead"
            f" letters), the first: {names}. Why machines failed: gcloud storage cat"
            f" gs://{request.bucket.name}/workers/*. Mend it, then upload them again, which makes"
            f" new generations: gcloud storage cp FILE gs://{inputs}/NAME"
        )
    if given_up.removed:
        letters = counted(given_up.removed, "dead letter")
        notes.append(f"{letters} removed, of pictures that have a record by now, or are gone")
    return given_up


def _without(request: Request, stream: Stream, inputs: str) -> str:
    """Which pictures have no record, and which get one."""
    if not stream.listed:
        return f"gs://{inputs} holds no pictures"
    names = ", ".join(shown(name, LONGEST) for name in stream.examples)
    return (
        f"{counted(stream.missing, 'picture')} of gs://{inputs} without a record, the first:"
        f" {names}. {_expected(request.where)}"
    )


def _expected(where: Where) -> str:
    """What becomes of the pictures that have no record."""
    if where.stream:
        return _WITH_A_STREAM
    if where.stream is None:
        return f"It is not known whether the stack has a stream. If it has one: {_WITH_A_STREAM}"
    if where.dead_letters is None:
        return f"None of them gets one, because the stack has no fleet. Deploy one: {SET_A_FLEET}"
    return (
        "None of them gets one, because the stack classifies no pictures as they arrive. Those that"
        f" are there need a job: {SUBMIT}. To have those that arrive from now on classified: pulumi"
        f" config set --path fleet.stream true --stack secundus && {SECUNDUS}"
    )
