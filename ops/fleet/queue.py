"""The messages of a fleet in Pub/Sub: publishes slices, and looks at dead letters.

https://docs.cloud.google.com/pubsub/docs/reference/rest
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from itertools import compress, islice
from typing import TYPE_CHECKING, Any, Final

from google.api_core.exceptions import RetryError

from ops.google_api import NO_ANSWER, ApiError
from workload import retries
from workload.fleet import jobs
from workload.fleet.messages import is_generation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ops.google_api import GoogleApi

API: Final = "pubsub.googleapis.com/v1/"
EACH_REQUEST: Final = 1_000
"""Messages that Google takes at once. It takes 10 MB, too, and so many of ours have 0.1 MB.
https://docs.cloud.google.com/pubsub/quotas#resource_limits"""
MOST_DEAD_LETTERS: Final = 10_000
"""That are looked at and kept."""


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A message that was given back too often."""

    ack_id: str
    job: str = ""
    slice: int = -1
    """of the job; -1 if the message names none"""
    picture: str = ""
    """the object that a notification of Cloud Storage names; with its bucket and generation"""
    bucket: str = ""
    generation: str = ""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What a look at the dead letters found."""

    kept: list[DeadLetter]
    """which were given back at once"""
    removed: int
    more: bool
    """whether there were so many that the look ended before the last one"""


def more(subscription: str) -> str:
    """What the user must know where there are more."""
    return (
        f"{subscription} has {MOST_DEAD_LETTERS:,} dead letters or more, and no more were looked"
        " at: there may be more slices or pictures that were given up"
    )


def publish(
    api: GoogleApi, topic: str, job: str, numbers: Iterable[int], show: Callable[[int], None]
) -> int:
    """Publish a message for each slice; `show` gets how many there are so far; ApiError.

    If an answer is lost, messages are published twice, which the workers' records allow for.
    """
    published = 0
    remaining = iter(numbers)
    while part := list(islice(remaining, EACH_REQUEST)):
        messages = [
            {"data": base64.b64encode(jobs.message(job, number)).decode()} for number in part
        ]
        _asked(api, f"{topic}:publish", {"messages": messages})
        published += len(part)
        show(published)
    return published


def dead_letters(api: GoogleApi, subscription: str) -> Looked:
    """The dead letters; ApiError. Google may leave some out."""
    return remove(api, subscription, lambda letters: [False] * len(letters))


def forget(api: GoogleApi, subscription: str, job: str) -> Looked:
    """Remove the dead letters of a job, which was published again; ApiError."""
    return remove(api, subscription, lambda letters: [each.job == job for each in letters])


def remove(
    api: GoogleApi, subscription: str, are_obsolete: Callable[[list[DeadLetter]], list[bool]]
) -> Looked:
    """Remove the dead letters of which `are_obsolete` says so; ApiError. Google may hide some."""
    kept: list[DeadLetter] = []
    removed = 0
    try:
        while len(kept) < MOST_DEAD_LETTERS and (some := _pulled(api, subscription)):
            held = len(kept)
            kept += some
            gone = list(compress(some, are_obsolete(some)))
            kept[held:] = [each for each in some if each not in gone]
            _for_all(api, f"{subscription}:acknowledge", gone)
            removed += len(gone)
    finally:
        _for_all(api, f"{subscription}:modifyAckDeadline", kept, ackDeadlineSeconds=0)
    return Looked(kept=kept, removed=removed, more=len(kept) >= MOST_DEAD_LETTERS)


def _pulled(api: GoogleApi, subscription: str) -> list[DeadLetter]:
    """Some messages; none if there is none now."""
    # Google calls returnImmediately deprecated, because it makes a subscriber slow. This is no
    # subscriber: without it, Google answers for an empty subscription only after a minute or so.
    body = {"maxMessages": EACH_REQUEST, "returnImmediately": True}
    answer = _asked(api, f"{subscription}:pull", body)
    return [_dead_letter(each) for each in answer.get("receivedMessages", ())]


def _dead_letter(received: Mapping[str, Any]) -> DeadLetter:
    ack_id = str(received.get("ackId", ""))
    message = received.get("message") or {}
    match message.get("attributes"):
        case {
            "bucketId": str() as bucket,
            "objectId": str() as name,
            "objectGeneration": str() as generation,
        } if jobs.is_name(name) and is_generation(generation):
            return DeadLetter(ack_id=ack_id, picture=name, bucket=bucket, generation=generation)
        case {"objectId": _}:
            return DeadLetter(ack_id=ack_id)
    try:
        data = json.loads(base64.b64decode(message.get("data", "")))
    except (ValueError, RecursionError):
        return DeadLetter(ack_id=ack_id)
    match data:
        case {"job": str() as job, "slice": int() as number}:
            return DeadLetter(ack_id=ack_id, job=job, slice=number)
    return DeadLetter(ack_id=ack_id)


def _for_all(api: GoogleApi, method: str, letters: Iterable[DeadLetter], **body: int) -> None:
    for part in _parts([each.ack_id for each in letters]):
        _asked(api, method, {"ackIds": part, **body})


def _parts(ack_ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ack_ids), EACH_REQUEST):
        yield ack_ids[start : start + EACH_REQUEST]


def _asked(api: GoogleApi, method: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer; a transient failure is retried for two minutes; ApiError."""
    retried = retries.retry_while_busy(_is_transient)(lambda: api.post(f"{API}{method}", body))
    try:
        answer: dict[str, Any] = retried()
    except RetryError as error:
        if isinstance(error.cause, ApiError):
            raise error.cause from error
        raise
    return answer


def _is_transient(error: Exception) -> bool:
    return isinstance(error, ApiError) and error.status in {NO_ANSWER, *retries.BUSY}
