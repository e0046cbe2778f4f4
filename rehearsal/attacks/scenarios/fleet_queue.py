"""Lies to the queue of a fleet, and to its result bucket, by members without the grants.

The rows about the release are here, too: a machine of a fleet gets the model as any other machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.attacks import rest_api
from rehearsal.attacks.deployment import OLD_IMAGE
from rehearsal.attacks.fleet_worker import JOB
from rehearsal.attacks.gates import REJECTED, RELEASED, Gate
from rehearsal.attacks.rest_api import OUTSIDER, OWNER, WORKLOAD
from rehearsal.attacks.scenario import Row, around, launching
from workload.fleet import jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.gates import Verdict
    from rehearsal.attacks.scenario import Attempt

DENIED = "User not authorized to perform this action."
NO_WRITE = "does not have storage.objects.create access to the Google Cloud Storage object."
WORK = [{"data": "e30="}]
"""A message; nobody reads it."""
FORGED = jobs.records_name(JOB, 0)


def _row(lie: str, by: Gate, says: str, attempt: Attempt) -> Row:
    return Row(layer="fleet", lie=lie, by=by, says=says, attempt=attempt)


def _topic(target: Target) -> str:
    return f"{target.fleet['topic']}:publish"


def _dead_topic(target: Target) -> str:
    return f"{target.fleet['deadLetters'].replace('/subscriptions/', '/topics/')}:publish"


def _asking(member: str, where: Callable[[Target], str], **body: Any) -> Attempt:
    """A member sends a request to Pub/Sub."""
    return around(
        lambda target: rest_api.ask(
            target, member, "POST", f"pubsub.googleapis.com/v1/{where(target)}", Gate.IAM, body
        )
    )


def _denied(lie: str, member: str, where: Callable[[Target], str], **body: Any) -> Row:
    return _row(lie, Gate.IAM, DENIED, _asking(member, where, **body))


def _writing(member: str, name: str) -> Attempt:
    """A member creates an object of the result bucket."""

    def does(target: Target) -> None:
        bucket = target.result_bucket
        where = f"storage.googleapis.com/upload/storage/v1/b/{bucket}/o?uploadType=resumable"
        rest_api.ask(target, member, "POST", where, Gate.BUCKET, {"name": name})

    return around(does)


QUEUE = (
    _denied("somebody with any Google account submits", OUTSIDER, _topic, messages=WORK),
    _denied("Primus' administrator submits", OWNER, _topic, messages=WORK),
    _denied("a machine of the fleet submits", WORKLOAD, _topic, messages=WORK),
    _denied(
        "Primus' administrator takes messages, with the names of new pictures",
        OWNER,
        lambda target: f"{target.fleet['subscription']}:pull",
        maxMessages=1,
    ),
    _denied(
        "somebody with any Google account acknowledges what nobody has done",
        OUTSIDER,
        lambda target: f"{target.fleet['subscription']}:acknowledge",
        ackIds=["1"],
    ),
    _denied(
        "somebody with any Google account forges a dead letter",
        OUTSIDER,
        _dead_topic,
        messages=WORK,
    ),
    _denied(
        "Primus' administrator reads the dead letters",
        OWNER,
        lambda target: f"{target.fleet['deadLetters']}:pull",
        maxMessages=1,
    ),
    _row(
        "somebody with any Google account forges the records of a slice",
        Gate.BUCKET,
        NO_WRITE,
        _writing(OUTSIDER, FORGED),
    ),
    _row(
        "Primus' administrator forges the records of a slice",
        Gate.BUCKET,
        NO_WRITE,
        _writing(OWNER, FORGED),
    ),
)


def _launched(target: Target) -> Verdict:
    """A machine of the fleet: the one machine, with the one variable more."""
    return launching({"tee-env-SUBSCRIPTION": target.fleet["subscription"]})(target)


def _retired(target: Target) -> Verdict:
    """The group makes a machine anew after Primus took back the image."""
    changed = target.copy()
    changed.presented = []  # another condition judges there
    image, provider, reader = str(changed.image.digest), changed.provider, changed.reader
    condition = provider.doc["attributeCondition"]
    provider.doc["attributeCondition"] = condition.replace(image, OLD_IMAGE)
    reader.policy.bindings = [each for each in reader.policy.bindings if image not in str(each)]
    return _launched(changed)


RELEASES = (
    _row("a machine with an image that was taken back", Gate.CONDITION, REJECTED, _retired),
)

ROWS = (*QUEUE, *RELEASES)
LEGITIMATE = (
    Row(layer="legitimate", lie="a machine of a fleet", by=None, says=RELEASED, attempt=_launched),
)
