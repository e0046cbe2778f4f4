"""The two kinds of messages of a fleet's subscription: a slice of a job, or a new picture.

Anyone who may publish to the topic can write any message, so nothing in it is trusted: a slice is
only a number of a job whose object the result bucket has, and a picture is read from the input
bucket of the launch, whatever the message says. Pure.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workload.decoding import image_limits
from workload.errors import SliceError, SliceFailure
from workload.fleet import jobs
from workload.records import Picture

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DATA: Final = 1024
"""Characters of a message's data, in base64; a slice takes about 70."""
NEW_OBJECT: Final = "OBJECT_FINALIZE"
"""https://docs.cloud.google.com/storage/docs/pubsub-notifications#events"""
_MOST_GENERATION: Final = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class SliceMessage:
    """A slice of a job, by its number."""

    job: str
    number: int


@dataclass(frozen=True, kw_only=True)
class PictureMessage:
    """A new object of the input bucket."""

    picture: Picture


@dataclass(frozen=True, kw_only=True)
class NothingToDo:
    """Another event of Cloud Storage, or a folder's place-holder."""


def parse(
    message: Mapping[str, Any], input_bucket: str
) -> SliceMessage | PictureMessage | NothingToDo:
    """What a message of Pub/Sub's REST API asks for; SliceError for any other content."""
    attributes = message.get("attributes") or {}
    if "eventType" in attributes:
        return _picture(attributes, input_bucket)
    match _data(message):
        case {"job": str() as job, "slice": int() as number, **others} if (
            not others
            and not isinstance(number, bool)
            and number >= 0
            and re.fullmatch(jobs.ID, job)
        ):
            return SliceMessage(job=job, number=number)
    raise SliceError(SliceFailure.MESSAGE_MALFORMED)


def _data(message: Mapping[str, Any]) -> object:
    """The JSON in a message's data; SliceError if there is none."""
    encoded = message.get("data", "")
    try:
        if not isinstance(encoded, str) or len(encoded) > MAX_DATA:
            raise SliceError(SliceFailure.MESSAGE_MALFORMED)
        return json.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise SliceError(SliceFailure.MESSAGE_MALFORMED) from None


def _picture(attributes: Mapping[str, Any], input_bucket: str) -> PictureMessage | NothingToDo:
    """https://docs.cloud.google.com/storage/docs/pubsub-notifications#format."""
    match attributes:
        case {
            "eventType": str() as event,
            "bucketId": str() as bucket,
            "objectId": str() as name,
            "objectGeneration": str() as generation,
        } if jobs.is_name(name) and is_generation(generation):
            if event != NEW_OBJECT or name.endswith("/"):
                return NothingToDo()
            if bucket != input_bucket:
                raise SliceError(SliceFailure.OTHER_INPUT)
            # The message may say a size, but anybody could have written it, and the size decides
            # how the object is downloaded and how many are in memory.
            size = image_limits.MAX_FILE_BYTES
            return PictureMessage(picture=Picture(name=name, generation=generation, size=size))
    raise SliceError(SliceFailure.MESSAGE_MALFORMED)


def is_generation(text: str) -> bool:
    """Whether an object can have this generation: Cloud Storage's have 64 bits with a sign."""
    return bool(re.fullmatch(r"[1-9][0-9]{0,18}", text)) and int(text) <= _MOST_GENERATION
