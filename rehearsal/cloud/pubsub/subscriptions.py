"""Subscriptions that are pulled, with dead letters.

https://docs.cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from rehearsal.cloud.http import conventions, rest
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access
from rehearsal.cloud.iam.access import Caller
from rehearsal.cloud.pubsub import topics
from rehearsal.cloud.pubsub.backlog import AT_ONCE, Backoff, Message
from rehearsal.cloud.state import Subscription

if TYPE_CHECKING:
    from rehearsal.cloud.http.rest import Call
    from rehearsal.cloud.pubsub.backlog import Delivery
    from rehearsal.cloud.state import Cloud, Json

UPDATABLE: Final = frozenset(
    {
        *("ackDeadlineSeconds", "deadLetterPolicy", "expirationPolicy", "labels"),
        *("messageRetentionDuration", "retainAckedMessages", "retryPolicy"),
    }
)
FIELDS: Final = UPDATABLE | {"name", "topic"}
"""Others, such as push and filter, are not modelled."""
DEFAULTS: Final = {
    "ackDeadlineSeconds": 10,
    "messageRetentionDuration": "604800s",
    "expirationPolicy": {"ttl": "2678400s"},
}
AGENT: Final = "serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"
"""Pub/Sub's own account in a project, which forwards dead letters.
https://docs.cloud.google.com/pubsub/docs/handling-failures#grant_forwarding_permissions"""
MIN_ACK_SECONDS: Final = 10
MAX_ACK_SECONDS: Final = 600
MIN_ATTEMPTS, MAX_ATTEMPTS, DEFAULT_ATTEMPTS = 5, 100, 5
MAX_BACKOFF_SECONDS: Final = 600
DEFAULT_BACKOFF: Final = {"minimumBackoff": "10s", "maximumBackoff": "600s"}
MIN_TTL_SECONDS: Final = 24 * 3600
DURATION: Final = re.compile(r"(\d+(?:\.\d{1,9})?)s")
"""https://protobuf.dev/reference/protobuf/google.protobuf/#duration"""


def create(call: Call) -> Json:
    """Create a subscription; it gets what is published from now on."""
    topics.require_new(call, call.cloud.subscriptions)
    doc = {**DEFAULTS, **conventions.require_known_fields(call.body, FIELDS)}
    topic = topics.find(call, doc.get("topic", ""))
    policies = [topic.policy, call.cloud.projects[topic.project].policy]
    if not access.decide(
        call.cloud, call.caller, "pubsub.topics.attachSubscription", topic.name, policies
    ):
        raise refused("pubsub.topics.attachSubscription", topic.name)
    _require_valid(call, doc)
    subscription = Subscription(call.resource, call.project.id, doc)
    call.cloud.subscriptions[call.resource] = subscription
    return render(subscription)


def render(subscription: Subscription) -> Json:
    """The resource."""
    return {**subscription.doc, "name": subscription.name, "state": "ACTIVE"}


def find(call: Call) -> Subscription:
    """The requested subscription; ApiError 404."""
    try:
        return call.cloud.subscriptions[call.resource]
    except KeyError:
        raise topics.missing(call.resource) from None


def patch(call: Call) -> Json:
    """Change a subscription; the body wraps it."""
    subscription, mask = find(call), conventions.update_mask(call)
    body = call.body.get("subscription") or {}
    doc = conventions.apply_update_mask(subscription.doc, body, mask, UPDATABLE)
    _require_valid(call, doc)
    subscription.doc = doc
    return render(subscription)


def delete(call: Call) -> Json:
    """Delete a subscription, and what it has."""
    del call.cloud.subscriptions[find(call).name]
    return {}


def pull(call: Call) -> Json:
    """Deliver messages, or answer at once that there are none.

    Google waits for messages before it answers so; a client asks again in both cases.
    """
    subscription, most = find(call), call.body.get("maxMessages", 0)
    if not isinstance(most, int) or most < 1:
        raise ApiError(400, "The value for max_messages must be greater than 0.")
    forward_dead_letters(call.cloud)
    seconds = subscription.doc["ackDeadlineSeconds"]
    backoff, now = _backoff(subscription.doc), call.cloud.now()
    deliveries = subscription.backlog.pull(now, most, seconds, backoff, call.caller.machine)
    counted = "deadLetterPolicy" in subscription.doc
    received = [_received(each, counted=counted) for each in deliveries]
    return {"receivedMessages": received} if received else {}


def forward_dead_letters(cloud: Cloud) -> None:
    """Forward what failed too often, in every subscription; that takes no subscriber.

    https://docs.cloud.google.com/pubsub/docs/dead-letter-topics
    """
    for subscription in cloud.subscriptions.values():
        if dead_letters := subscription.doc.get("deadLetterPolicy"):
            forwarded = partial(_forwarded, cloud, subscription, dead_letters)
            subscription.backlog.forward(cloud.now(), forwarded)


def acknowledge(call: Call) -> Json:
    """Remove messages; those that are gone or were delivered again are no error."""
    subscription = find(call)
    for ack_id in _ack_ids(call):
        subscription.backlog.acknowledge(ack_id)
    return {}


def modify_ack_deadline(call: Call) -> Json:
    """Extend the time of deliveries, or give the messages back."""
    subscription, seconds = find(call), call.body.get("ackDeadlineSeconds", 0)
    if not isinstance(seconds, int) or not 0 <= seconds <= MAX_ACK_SECONDS:
        raise ApiError(
            400, f"Invalid ack deadline given: {seconds}. Expected 0 to {MAX_ACK_SECONDS}."
        )
    for ack_id in _ack_ids(call):
        subscription.backlog.modify_deadline(ack_id, call.cloud.now(), seconds)
    return {}


def refused(_permission: str, _resource: str) -> ApiError:
    """Google's words, which name neither."""
    return ApiError(403, "User not authorized to perform this action.")


def _ack_ids(call: Call) -> list[str]:
    ack_ids = call.body.get("ackIds")
    if not isinstance(ack_ids, list) or not ack_ids:
        raise ApiError(400, "No ack ids specified.")
    return list(map(str, ack_ids))


def _received(delivery: Delivery, *, counted: bool) -> Json:
    message = delivery.message
    found: dict[str, Any] = {
        "ackId": delivery.ack_id,
        "message": {"messageId": message.id, "publishTime": message.published},
    }
    if message.data:
        found["message"]["data"] = message.data
    if message.attributes:
        found["message"]["attributes"] = dict(message.attributes)
    if counted:  # only a subscription with dead letters counts for its clients
        found["deliveryAttempt"] = delivery.attempt
    return found


def _forwarded(
    cloud: Cloud, subscription: Subscription, dead_letters: Json, message: Message, attempt: int
) -> bool:
    """Forward a message that was delivered often enough; false if it is to be delivered again.

    So it is if Pub/Sub's own account may not forward it, which nobody tells the subscriber.
    """
    if attempt < (dead_letters.get("maxDeliveryAttempts") or DEFAULT_ATTEMPTS):
        return False
    topic = cloud.topics.get(dead_letters["deadLetterTopic"])
    project = cloud.projects[subscription.project]
    agent = AGENT.format(number=project.number)
    if topic is None or not (
        topics.may_publish(cloud, agent, topic)
        and access.decide(
            cloud,
            Caller(agent, frozenset({agent})),
            "pubsub.subscriptions.consume",
            subscription.name,
            [subscription.policy, project.policy],
        )
    ):
        return False
    attributes = {
        **message.attributes,
        "CloudPubSubDeadLetterSourceDeliveryCount": str(attempt),
        "CloudPubSubDeadLetterSourceSubscription": subscription.name.rpartition("/")[2],
        "CloudPubSubDeadLetterSourceSubscriptionProject": subscription.project,
        "CloudPubSubDeadLetterSourceTopicPublishTime": message.published,
    }
    forwarded = Message(
        id=topics.new_id(),
        data=message.data,
        attributes=attributes,
        published=rest.timestamp(cloud),
    )
    topics.deliver(cloud, topic.name, forwarded)
    return True


def _backoff(doc: Json) -> Backoff:
    """How long messages wait before they are delivered again; ApiError 400."""
    if (policy := doc.get("retryPolicy")) is None:
        return AT_ONCE
    policy = DEFAULT_BACKOFF | policy
    return Backoff(
        minimum=_seconds("retry_policy.minimum_backoff", policy["minimumBackoff"]),
        maximum=_seconds("retry_policy.maximum_backoff", policy["maximumBackoff"]),
    )


def _seconds(field: str, duration: str) -> float:
    """The seconds of a duration; ApiError 400."""
    found = DURATION.fullmatch(duration)
    if found is None:
        raise ApiError(
            400,
            f"Invalid value at 'subscription.{field}' (type.googleapis.com/google.protobuf."
            "Duration), Illegal duration format; duration must end with 's'",
        )
    return float(found[1])


def _require_valid(call: Call, doc: Json) -> None:
    """ApiError 400 for times or a number of attempts that Google does not take, 404.

    Without a ttl, or with an empty one, a subscription never expires.
    """
    backoff = _backoff(doc)
    if not 0 <= backoff.minimum <= backoff.maximum <= MAX_BACKOFF_SECONDS:
        raise ApiError(
            400,
            f"Invalid retry policy given (minimum {backoff.minimum} s, maximum {backoff.maximum}"
            f" s): expected 0 <= minimum <= maximum <= {MAX_BACKOFF_SECONDS}.",
        )
    ttl = (doc.get("expirationPolicy") or {}).get("ttl")
    if ttl and _seconds("expiration_policy.ttl", ttl) < MIN_TTL_SECONDS:
        raise ApiError(
            400, f"Invalid expiration policy given ({ttl}): at least {MIN_TTL_SECONDS} s."
        )
    seconds = doc["ackDeadlineSeconds"]
    if not MIN_ACK_SECONDS <= seconds <= MAX_ACK_SECONDS:
        raise ApiError(
            400,
            f"Invalid ack deadline given (ack_deadline_seconds={seconds}): must be between"
            f" {MIN_ACK_SECONDS} and {MAX_ACK_SECONDS}.",
        )
    if dead_letters := doc.get("deadLetterPolicy"):
        topics.find(call, dead_letters.get("deadLetterTopic", ""))
        attempts = dead_letters.get("maxDeliveryAttempts") or DEFAULT_ATTEMPTS
        if not MIN_ATTEMPTS <= attempts <= MAX_ATTEMPTS:
            raise ApiError(
                400,
                f"Invalid max delivery attempts given (max_delivery_attempts={attempts}): must be"
                f" between {MIN_ATTEMPTS} and {MAX_ATTEMPTS}.",
            )
