"""The methods of Pub/Sub, and the permission that each needs.

https://docs.cloud.google.com/pubsub/docs/access-control#required_permissions
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rehearsal.cloud.http import conventions
from rehearsal.cloud.http.rest import Api, Method
from rehearsal.cloud.pubsub import subscriptions, topics

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud, Policy

TOPIC: Final = "/v1/projects/{project}/topics/{topic}"
SUBSCRIPTION: Final = "/v1/projects/{project}/subscriptions/{subscription}"
T, S = "pubsub.topics.", "pubsub.subscriptions."

METHODS: Final = (
    Method("PUT", TOPIC, f"{T}create", topics.create),
    Method("GET", TOPIC, f"{T}get", lambda call: topics.render(topics.find(call))),
    Method("PATCH", TOPIC, f"{T}update", topics.patch),
    Method("DELETE", TOPIC, f"{T}delete", topics.delete),
    Method("POST", TOPIC, f"{T}publish", topics.publish, ":publish"),
    Method("GET", TOPIC, f"{T}get", topics.list_subscriptions, "/subscriptions"),
    Method("GET", TOPIC, f"{T}getIamPolicy", conventions.get_policy, ":getIamPolicy"),
    Method("POST", TOPIC, f"{T}setIamPolicy", conventions.set_policy, ":setIamPolicy"),
    Method("PUT", SUBSCRIPTION, f"{S}create", subscriptions.create),
    Method(
        "GET", SUBSCRIPTION, f"{S}get", lambda call: subscriptions.render(subscriptions.find(call))
    ),
    Method("PATCH", SUBSCRIPTION, f"{S}update", subscriptions.patch),
    Method("DELETE", SUBSCRIPTION, f"{S}delete", subscriptions.delete),
    Method("POST", SUBSCRIPTION, f"{S}consume", subscriptions.pull, ":pull"),
    Method("POST", SUBSCRIPTION, f"{S}consume", subscriptions.acknowledge, ":acknowledge"),
    Method(
        "POST", SUBSCRIPTION, f"{S}consume", subscriptions.modify_ack_deadline, ":modifyAckDeadline"
    ),
    Method("GET", SUBSCRIPTION, f"{S}getIamPolicy", conventions.get_policy, ":getIamPolicy"),
    Method("POST", SUBSCRIPTION, f"{S}setIamPolicy", conventions.set_policy, ":setIamPolicy"),
)


def _policy(cloud: Cloud, resource: str) -> Policy | None:
    found = cloud.topics.get(resource) or cloud.subscriptions.get(resource)
    return found.policy if found else None


API: Final = Api(
    "pubsub.googleapis.com",
    "Cloud Pub/Sub API",
    METHODS,
    policy=_policy,
    refusal=subscriptions.refused,
)
