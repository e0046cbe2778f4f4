"""Topics: whatever is published reaches every subscription that there is at that moment.

https://docs.cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics. What is said of a
resource that is missing or taken are Google's words; those of invalid requests are our own.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import re
from typing import TYPE_CHECKING, Any, Final

from rehearsal.cloud.http import conventions, rest
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access
from rehearsal.cloud.pubsub.backlog import Message
from rehearsal.cloud.state import Topic

if TYPE_CHECKING:
    from rehearsal.cloud.http.rest import Call
    from rehearsal.cloud.state import Cloud, Json

DELETED: Final = "_deleted-topic_"
"""In place of its name, in the subscriptions of a topic that was deleted."""
NAME: Final = re.compile(r"projects/[^/]+/[a-z]+/(?!goog)[A-Za-z][\w.~+%-]{2,254}", re.ASCII)
"""https://docs.cloud.google.com/pubsub/docs/pubsub-basics#resource_names"""
UPDATABLE: Final = frozenset({"labels", "messageRetentionDuration", "messageStoragePolicy"})
FIELDS: Final = UPDATABLE | {"kmsKeyName", "name"}

MAX_MESSAGES: Final = 1_000
MAX_BYTES: Final = 10_000_000
MAX_ATTRIBUTES: Final = 100
MAX_KEY_BYTES: Final = 256
MAX_VALUE_BYTES: Final = 1_024
"""Of one request, and of one message: https://docs.cloud.google.com/pubsub/quotas#resource_limits"""

_IDS = itertools.count(1)


def create(call: Call) -> Json:
    """Create a topic; ApiError 409 if there is one of that name."""
    require_new(call, call.cloud.topics)
    doc = conventions.require_known_fields(call.body, FIELDS)
    topic = call.cloud.topics[call.resource] = Topic(call.resource, call.project.id, doc)
    return render(topic)


def render(topic: Topic) -> Json:
    """The resource."""
    return {**topic.doc, "name": topic.name}


def find(call: Call, name: str = "") -> Topic:
    """The topic of that name, or the requested one; ApiError 404."""
    try:
        return call.cloud.topics[name or call.resource]
    except KeyError:
        raise missing(name or call.resource) from None


def patch(call: Call) -> Json:
    """Change a topic; the body wraps it."""
    topic, mask = find(call), conventions.update_mask(call)
    body = call.body.get("topic") or {}
    topic.doc = conventions.apply_update_mask(topic.doc, body, mask, UPDATABLE)
    return render(topic)


def delete(call: Call) -> Json:
    """Delete a topic. Its subscriptions stay, with what they have; nothing new reaches them."""
    del call.cloud.topics[find(call).name]
    for subscription in call.cloud.subscriptions.values():
        if subscription.doc["topic"] == call.resource:
            subscription.doc["topic"] = DELETED
    return {}


def list_subscriptions(call: Call) -> Json:
    """The names of a topic's subscriptions, on one page."""
    topic = find(call)
    every = call.cloud.subscriptions.values()
    return {"subscriptions": [each.name for each in every if each.doc["topic"] == topic.name]}


def publish(call: Call) -> Json:
    """Publish messages; ApiError 400 for the whole request if one of them is not valid."""
    topic, messages = find(call), call.body.get("messages") or []
    if not 1 <= len(messages) <= MAX_MESSAGES:
        raise ApiError(400, f"Got {len(messages)} messages, expected 1 to {MAX_MESSAGES}.")
    taken = [_message(call.cloud, each) for each in messages]
    if sum(len(each.data) for each in taken) * 3 // 4 > MAX_BYTES:
        raise ApiError(400, "The value for request_size is too large.")
    for each in taken:
        deliver(call.cloud, topic.name, each)
    return {"messageIds": [each.id for each in taken]}


def deliver(cloud: Cloud, topic: str, message: Message) -> None:
    """Add a message to the backlog of each subscription of a topic."""
    for subscription in cloud.subscriptions.values():
        if subscription.doc["topic"] == topic:
            subscription.backlog.add(message)


def may_publish(cloud: Cloud, member: str, topic: Topic) -> bool:
    """Whether an account of Google's own may publish to a topic; the audit log gets an entry."""
    return access.decide(
        cloud,
        access.Caller(member, frozenset({member})),
        "pubsub.topics.publish",
        topic.name,
        [topic.policy, cloud.projects[topic.project].policy],
    )


def new_id() -> str:
    """The id of a message; Google's are numbers, too."""
    return str(10**15 + next(_IDS))


def _message(cloud: Cloud, message: Json) -> Message:
    data, attributes = message.get("data", ""), message.get("attributes") or {}
    try:
        base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ApiError(
            400, "Invalid value at 'messages[0].data' (TYPE_BYTES), Base64 decoding failed."
        ) from None
    if not data and not attributes:
        raise ApiError(400, "Got an empty message, expected data or at least one attribute.")
    _require_attributes(attributes)
    moment = rest.timestamp(cloud)
    return Message(id=new_id(), data=data, attributes=attributes, published=moment)


def _require_attributes(attributes: dict[str, Any]) -> None:
    """ApiError 400 for too many, too long ones, or values that are no texts."""
    if len(attributes) > MAX_ATTRIBUTES:
        raise ApiError(400, f"Got {len(attributes)} attributes, expected {MAX_ATTRIBUTES} at most.")
    for key, value in attributes.items():
        if not isinstance(value, str):
            raise ApiError(400, "Invalid value at 'messages[0].attributes[0].value' (TYPE_STRING).")
        if not 0 < len(key.encode()) <= MAX_KEY_BYTES or len(value.encode()) > MAX_VALUE_BYTES:
            raise ApiError(400, "The length of an attribute's key or value is not valid.")


def require_new(call: Call, present: dict[str, Any]) -> None:
    """ApiError 400 for a name that Google does not take, 409 for one that is taken."""
    name = call.resource
    if not NAME.fullmatch(name):
        raise ApiError(400, f"Invalid resource name given (name={name}).")
    if name in present:
        short = name.rpartition("/")[2]
        raise ApiError(409, f"Resource already exists in the project (resource={short}).")


def missing(name: str) -> ApiError:
    """Google's words for a resource that does not exist."""
    return ApiError(404, f"Resource not found (resource={name.rpartition('/')[2]}).")
