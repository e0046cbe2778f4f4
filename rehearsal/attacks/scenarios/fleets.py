"""Lies to a machine of a fleet: messages, jobs, and what is repeated.

A publisher can write any message, and Secundus' operator any object of the result bucket. Neither
can make a machine read other objects than the pictures, or change records that are there.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from rehearsal.attacks import gates
from rehearsal.attacks.deployment import OLD_IMAGE
from rehearsal.attacks.fleet_worker import INPUT, JOB, submit, worker
from rehearsal.attacks.gates import RELEASED, Gate, Verdict
from rehearsal.attacks.scenario import Row
from workload.errors import SliceError, SliceFailure
from workload.fleet import jobs
from workload.fleet.messages import MAX_DATA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.fleet_worker import Message
    from rehearsal.attacks.scenario import Attempt
    from rehearsal.cloud.state import Json

STAYS = "what is there stays as it is"
ANOTHER_JOB = "20260101-120000-0ddba1"


def _row(lie: str, by: Gate, says: str, attempt: Attempt) -> Row:
    return Row(layer="fleet", lie=lie, by=by, says=says, attempt=attempt)


def _slice(**changed: object) -> Message:
    """The message for the first slice of the job, changed."""
    return _data(json.dumps({"job": JOB, "slice": 0} | changed))


def _data(text: str) -> Message:
    return {"data": base64.b64encode(text.encode()).decode()}


def _notification(target: Target, **changed: str) -> Message:
    """What Cloud Storage publishes for the first picture, changed."""
    name, picture = min(target.cloud.buckets[INPUT].objects.items())
    attributes = {
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "JSON_API_V1",
        "bucketId": INPUT,
        "objectId": name,
        "objectGeneration": picture.meta["generation"],
    }
    return {"attributes": attributes | changed, **_data(json.dumps({"size": "1"}))}


def _taking(
    message: Callable[[Target], Message],
    edit: Callable[[list[Json]], None] = lambda _: None,
    after: Callable[[Target], None] = lambda _: None,
    image: str = "",
) -> Attempt:
    """A machine takes a message of a job that was edited, after a change of the target."""

    def attempt(target: Target) -> Verdict:
        changed = target.copy()
        submit(changed, edit)
        after(changed)
        with worker(changed, image) as machine:
            return gates.work(lambda: machine.work(message(changed)))

    return attempt


def _refused(lie: str, failure: SliceFailure, attempt: Attempt) -> Row:
    return _row(lie, Gate.WORKLOAD, str(SliceError(failure)), attempt)


def _message(lie: str, message: Message) -> Row:
    return _refused(lie, SliceFailure.MESSAGE_MALFORMED, _taking(lambda _: message))


def _notified(lie: str, failure: SliceFailure, **changed: str) -> Row:
    return _refused(lie, failure, _taking(lambda target: _notification(target, **changed)))


def _edited(lie: str, failure: SliceFailure, line: int, changed: Mapping[str, object]) -> Row:
    """The operator edits one line of the job's object; the message is for the first slice."""
    return _refused(
        lie, failure, _taking(lambda _: _slice(), lambda lines: lines[line].update(changed))
    )


MESSAGES = (
    _message("a message that is no JSON", _data("{")),
    _message("a message of lists without end", _data("[" * 40_000)),
    _message("a message without data", {"attributes": {"job": JOB, "slice": "0"}}),
    _message("a message whose data are no text", {"data": 7}),
    _message(
        "a message as long as a picture", _data(f'{" " * MAX_DATA}{{"job": "{JOB}", "slice": 0}}')
    ),
    _message(
        "a slice that names its pictures itself",
        _slice(first="../../secundus-vision-secrets/key.pem", pictures=1),
    ),
    _message("a slice that names another bucket", _slice(inputBucket="primus-models-model-bucket")),
    _message("a job with the path of an object", _slice(job="../../result")),
    _message("a slice before the first", _slice(slice=-1)),
    _message("a slice that is no number", _slice(slice=True)),
    _notified(
        "a new picture in another bucket",
        SliceFailure.OTHER_INPUT,
        bucketId="primus-models-model-bucket",
    ),
    _notified(
        "a new picture whose name has two lines",
        SliceFailure.MESSAGE_MALFORMED,
        objectId="a.jpg\nb.jpg",
    ),
    _notified(
        "a new picture whose generation is the path of an object",
        SliceFailure.MESSAGE_MALFORMED,
        objectGeneration="1/../../result",
    ),
)


def _picture_changed(target: Target) -> None:
    """Somebody writes a picture again, after the job was submitted."""
    _, first = min(target.cloud.buckets[INPUT].objects.items())
    first.meta["generation"] = str(int(first.meta["generation"]) + 1)


def _swapped(lines: list[Json]) -> None:
    lines[1], lines[2] = lines[2], lines[1]


def _shortened(lines: list[Json]) -> None:
    """One slice fewer, which holds as many pictures as two."""
    lines[1]["pictures"] += lines.pop()["pictures"]


def _enlarged(lines: list[Json]) -> None:
    lines[0]["pictures"] += jobs.MOST_PICTURES
    lines[1]["pictures"] += jobs.MOST_PICTURES


JOBS = (
    _refused(
        "a slice of a job that nobody submitted",
        SliceFailure.JOB_UNKNOWN,
        _taking(lambda _: _slice(job=ANOTHER_JOB)),
    ),
    _refused(
        "a slice behind the last of the job",
        SliceFailure.SLICE_UNKNOWN,
        _taking(lambda _: _slice(slice=2)),
    ),
    _edited(
        "a slice of a job on another bucket",
        SliceFailure.OTHER_INPUT,
        0,
        {"inputBucket": "acme-vision-input-bucket"},
    ),
    _edited(
        "a slice of a job for another operator's model",
        SliceFailure.OTHER_MODEL,
        0,
        {"modelSha256": "0" * 64},
    ),
    _edited(
        "a slice of a job for another image",
        SliceFailure.OTHER_IMAGE,
        0,
        {"imageDigest": OLD_IMAGE},
    ),
    _refused(
        "a machine of the image before takes a slice of a job for the new image",
        SliceFailure.OTHER_IMAGE,
        _taking(lambda _: _slice(), image=OLD_IMAGE),
    ),
    _refused(
        "a slice whose pictures were changed since the submission",
        SliceFailure.INPUT_CHANGED,
        _taking(lambda _: _slice(), after=_picture_changed),
    ),
    _edited(
        "a job's object in the place of another job's",
        SliceFailure.JOB_UNKNOWN,
        0,
        {"job": ANOTHER_JOB},
    ),
    _edited("a job's object of another schema", SliceFailure.JOB_UNKNOWN, 0, {"schema": "x/v2"}),
    _edited("a job whose model is no hash", SliceFailure.JOB_UNKNOWN, 0, {"modelSha256": "x"}),
    _edited("a job whose image is no digest", SliceFailure.JOB_UNKNOWN, 0, {"imageDigest": "v1"}),
    _edited("a job that counts more pictures", SliceFailure.JOB_UNKNOWN, 0, {"pictures": 4}),
    _refused(
        "a job that counts more slices",
        SliceFailure.JOB_UNKNOWN,
        _taking(lambda _: _slice(), _shortened),
    ),
    _refused(
        "a job whose slices have changed places",
        SliceFailure.JOB_UNKNOWN,
        _taking(lambda _: _slice(), _swapped),
    ),
    _edited(
        "a slice whose first picture has a name of two lines",
        SliceFailure.JOB_UNKNOWN,
        1,
        {"first": "a.jpg\nb.jpg"},
    ),
    _edited(
        "a slice whose fingerprint is no hash", SliceFailure.JOB_UNKNOWN, 1, {"fingerprint": ""}
    ),
    _refused(
        "a slice of more pictures than a machine can list",
        SliceFailure.JOB_UNKNOWN,
        _taking(lambda _: _slice(), _enlarged),
    ),
)


def _repeating(message: Callable[[Target], Message], name: Callable[[Target], str]) -> Attempt:
    """Two machines get the same message before either has written its records."""

    def attempt(target: Target) -> Verdict:
        changed = target.copy()
        submit(changed)
        with worker(changed) as first, worker(changed) as second:
            works = [(machine, machine.work(message(changed))) for machine in (first, second)]
            contents = []
            for machine, work in works:
                assert work is not None
                machine.complete(work)
                records = changed.cloud.buckets[changed.result_bucket].objects[name(changed)]
                contents.append((records.meta["generation"], records.data))
        same = contents[0] == contents[1]
        return Verdict(Gate.BUCKET, STAYS) if same else Verdict(None, "the records were replaced")

    return attempt


def _replaying(target: Target) -> Verdict:
    """A publisher repeats the message of a slice that is done."""
    changed = target.copy()
    submit(changed)
    with worker(changed) as machine:
        work = machine.work(_slice())
        assert work is not None
        machine.complete(work)
        again = machine.work(_slice())
    return Verdict(Gate.WORKLOAD, STAYS) if again is None else Verdict(None, RELEASED)


def _stream_name(target: Target) -> str:
    attributes = _notification(target)["attributes"]
    return jobs.stream_name(attributes["objectId"], attributes["objectGeneration"])


REPLAYED = (
    _row("a message of a slice that is done", Gate.WORKLOAD, STAYS, _replaying),
    _row(
        "a slice that two machines have at once",
        Gate.BUCKET,
        STAYS,
        _repeating(lambda _: _slice(), lambda _: jobs.records_name(JOB, 0)),
    ),
    _row(
        "a new picture that two machines have at once",
        Gate.BUCKET,
        STAYS,
        _repeating(_notification, _stream_name),
    ),
)

ROWS = (*MESSAGES, *JOBS, *REPLAYED)


def _legitimate(lie: str, message: Callable[[Target], Message]) -> Row:
    return Row(layer="legitimate", lie=lie, by=None, says=RELEASED, attempt=_taking(message))


LEGITIMATE = (
    _legitimate("the slice of a job", lambda _: _slice()),
    _legitimate("a new picture", _notification),
)
