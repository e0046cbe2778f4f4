"""What a worker takes from a message, which anybody with the right to publish can write."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from workload.decoding.image_limits import MAX_FILE_BYTES
from workload.errors import SliceError, SliceFailure
from workload.fleet import jobs, messages
from workload.fleet.messages import NothingToDo, PictureMessage, SliceMessage
from workload.records import Picture

JOB = "20261128-021450-0a1b2c"
NOTIFIED = {
    "notificationConfig": "projects/_/buckets/pictures/notificationConfigs/1",
    "eventType": "OBJECT_FINALIZE",
    "payloadFormat": "JSON_API_V1",
    "bucketId": "pictures",
    "objectId": "a/b.jpg",
    "objectGeneration": "1764295000000000",
    "eventTime": "2026-11-28T02:14:50Z",
}
RESOURCE = {"kind": "storage#object", "name": "a/b.jpg", "bucket": "pictures", "size": "57000"}


def message(data: object, attributes: object = None) -> dict[str, Any]:
    """A message as Pub/Sub's REST API shows it."""
    content = data if isinstance(data, bytes) else json.dumps(data).encode()
    found: dict[str, Any] = {"messageId": "1", "data": base64.b64encode(content).decode()}
    return found if attributes is None else found | {"attributes": attributes}


def test_a_slice_is_a_job_and_a_number() -> None:
    """As `submit` publishes it."""
    assert messages.parse(message(jobs.message(JOB, 12)), "pictures") == SliceMessage(
        job=JOB, number=12
    )


@pytest.mark.parametrize("said", ["0", "57000", "-1", "all"])
def test_a_notification_is_a_new_picture(said: str) -> None:
    """Of exactly the generation that it names, whatever it says about the size.

    A size of 0 would have the whole object read into memory at once.
    """
    found = messages.parse(message(RESOURCE | {"size": said}, NOTIFIED), "pictures")
    assert found == PictureMessage(
        picture=Picture(name="a/b.jpg", generation="1764295000000000", size=MAX_FILE_BYTES)
    )


@pytest.mark.parametrize(
    "attributes",
    [{"eventType": "OBJECT_DELETE"}, {"eventType": "OBJECT_ARCHIVE"}, {"objectId": "folder/"}],
)
def test_other_events_and_folders_need_no_work(attributes: dict[str, str]) -> None:
    """They are acknowledged without a record."""
    found = messages.parse(message(RESOURCE, NOTIFIED | attributes), "pictures")
    assert found == NothingToDo()


@pytest.mark.parametrize(
    "content",
    {
        "nothing": {"messageId": "1"},
        "no base64": {"data": "%"},
        "a number": {"data": 7},
        "no JSON": message(b"x"),
        "no UTF-8": message(b"\xff"),
        "JSON nested too deeply": message(b"[" * 20_000),
        "a list": message([JOB, 1]),
        "no number": message({"job": JOB}),
        "true in place of a number": message({"job": JOB, "slice": True}),
        "a fraction": message({"job": JOB, "slice": 1.5}),
        "a negative number": message({"job": JOB, "slice": -1}),
        "a job that is a path": message({"job": "../../x", "slice": 1}),
        "objects of its own choice": message({"job": JOB, "slice": 1, "pictures": ["gs://x/y"]}),
        "more than a message needs": message({"job": JOB, "slice": 1, "pad": "x" * 10**6}),
        "too many blanks": message(jobs.message(JOB, 1) + b" " * messages.MAX_DATA),
        "an object without a name": message(RESOURCE, NOTIFIED | {"objectId": ""}),
        "a name that is too long": message(RESOURCE, NOTIFIED | {"objectId": "ä" * 513}),
        "a name with a line end": message(RESOURCE, NOTIFIED | {"objectId": "a\nb"}),
        "a name that UTF-8 cannot hold": message(RESOURCE, NOTIFIED | {"objectId": "\ud800"}),
        "a generation that is none": message(RESOURCE, NOTIFIED | {"objectGeneration": "-1"}),
        "a generation of 64 bits": message(RESOURCE, NOTIFIED | {"objectGeneration": f"{2**63}"}),
        "attributes that are no texts": message(RESOURCE, NOTIFIED | {"bucketId": ["pictures"]}),
        "a name that changes the address": message(RESOURCE, NOTIFIED | {"objectId": ".."}),
    }.items(),
    ids=lambda each: each[0],
)
def test_any_other_message_is_refused(content: tuple[str, dict[str, Any]]) -> None:
    """By one code; the worker goes on."""
    with pytest.raises(SliceError) as caught:
        messages.parse(content[1], "pictures")
    assert caught.value.failure is SliceFailure.MESSAGE_MALFORMED


def test_a_picture_of_another_bucket_is_refused() -> None:
    """Even if the worker's account could read it."""
    with pytest.raises(SliceError) as caught:
        messages.parse(message(RESOURCE, NOTIFIED | {"bucketId": "results"}), "pictures")
    assert caught.value.failure is SliceFailure.OTHER_INPUT
