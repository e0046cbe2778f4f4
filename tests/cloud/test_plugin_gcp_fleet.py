"""The stand-in gcp plugin with Pub/Sub of the local cloud, without an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.pulumi_plugins.gcp import Gcp
from rehearsal.pulumi_plugins.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.cloud.state import Cloud
    from rehearsal.pulumi_plugins.provider import Json, Resource

PROJECT = "secundus-vision"
DEPLOYER = "user:deployer@secundus.example"
MEMBER = {"role": "roles/pubsub.publisher", "member": "user:operator@secundus.example"}
TOPIC = f"projects/{PROJECT}/topics/slices"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/slices"
WORK = {
    "name": "slices",
    "topic": TOPIC,
    "ackDeadlineSeconds": 60,
    "expirationPolicy": {"ttl": ""},
    "deadLetterPolicy": {"deadLetterTopic": TOPIC, "maxDeliveryAttempts": 6},
}


@pytest.fixture
def resource(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Resource]:
    """A resource type by the end of its token; the plugin is signed in as Secundus' deployer."""
    project = cloud.projects[PROJECT]
    project.services |= {f"{name}.googleapis.com" for name in ("pubsub", "serviceusage", "storage")}
    project.policy.bindings += [
        {"role": f"roles/{role}", "members": [DEPLOYER]}
        for role in ("pubsub.admin", "serviceusage.serviceUsageAdmin", "storage.admin")
    ]
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", cloud.mint(DEPLOYER))
    plugin = Gcp()
    plugin.configure({"project": PROJECT, "region": "us-west1", "zone": "us-west1-b"})

    def find(kind: str) -> Resource:
        return next(r for token, r in plugin.resources.items() if token.endswith(f"/{kind}"))

    return find


def test_a_topic_and_its_subscription_are_made_changed_and_deleted(
    resource: Callable[[str], Resource], cloud: Cloud
) -> None:
    """The changes are made in place; an id is the full name."""
    topics, subscriptions = resource("topic:Topic"), resource("subscription:Subscription")
    identity, topic = topics.create({"name": "slices", "labels": {"a": "1"}})
    assert (identity, topic["name"]) == (TOPIC, "slices")
    work, state = subscriptions.create(WORK)
    assert work == SUBSCRIPTION
    assert state["expirationPolicy"] == {"ttl": ""}
    assert cloud.subscriptions[work].doc["expirationPolicy"] == {}  # never
    topics.update(identity, topic, {"name": "slices", "labels": {"a": "2"}})
    assert cloud.topics[TOPIC].doc["labels"] == {"a": "2", "goog-pulumi-provisioned": "true"}
    state = subscriptions.update(work, state, {**WORK, "ackDeadlineSeconds": 30})
    assert cloud.subscriptions[work].doc["ackDeadlineSeconds"] == 30
    subscriptions.delete(work, state)
    topics.delete(identity, topic)
    assert (cloud.topics, cloud.subscriptions) == ({}, {})
    assert topics.read(identity, topic, {}) is None


def test_a_removed_dead_letter_policy_is_cleared_in_the_cloud(
    resource: Callable[[str], Resource], cloud: Cloud
) -> None:
    """Danger, as with the genuine plugin: what fails is from now on delivered for ever."""
    resource("topic:Topic").create({"name": "slices"})
    subscriptions = resource("subscription:Subscription")
    identity, state = subscriptions.create(WORK)
    without = {key: value for key, value in WORK.items() if key != "deadLetterPolicy"}
    subscriptions.update(identity, state, without)
    assert "deadLetterPolicy" not in cloud.subscriptions[identity].doc


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("kind", ["topic", "subscription"])
def test_a_grant_takes_a_name_or_a_full_name(
    resource: Callable[[str], Resource], cloud: Cloud, kind: str, full: bool
) -> None:
    """Both mean the same resource, whose other grants stay."""
    resource("topic:Topic").create({"name": "slices"})
    resource("subscription:Subscription").create(WORK)
    name = {"topic": TOPIC, "subscription": SUBSCRIPTION}[kind]
    topic, subscription = cloud.topics[TOPIC], cloud.subscriptions[SUBSCRIPTION]
    policy = topic.policy if kind == "topic" else subscription.policy
    grants = resource(f"{kind}IAMMember:{kind.capitalize()}IAMMember")
    given: Json = {kind: name if full else "slices", **MEMBER}
    grants.create({**given, "member": "user:other@secundus.example"})
    identity, state = grants.create(given)
    assert identity == f"{name}/{MEMBER['role']}/{MEMBER['member']}"
    assert MEMBER["member"] in policy.members(MEMBER["role"])
    assert grants.read(identity, state, given) is not None
    grants.delete(identity, state)
    assert policy.members(MEMBER["role"]) == {"user:other@secundus.example"}


def test_a_subscription_of_no_topic_is_refused_by_the_api(
    resource: Callable[[str], Resource],
) -> None:
    """In Google's words."""
    refused = "Error creating subscription: googleapi: Error 404: Resource not found"
    with pytest.raises(ProviderError, match=refused):
        resource("subscription:Subscription").create(WORK)


def test_the_account_of_an_api_is_made_and_stays(resource: Callable[[str], Resource]) -> None:
    """Its e-mail address has the project's number; no request reads or deletes it."""
    identities = resource("serviceIdentity:ServiceIdentity")
    identity, state = identities.create({"service": "pubsub.googleapis.com"})
    assert identity == f"projects/{PROJECT}/services/pubsub.googleapis.com"
    assert state["email"] == "service-222222222222@gcp-sa-pubsub.iam.gserviceaccount.com"
    assert state["member"] == f"serviceAccount:{state['email']}"
    identities.delete(identity, state)
    assert identities.read(identity, state, {}) == (state, {})
    with pytest.raises(ProviderError, match=r"Error creating service identity: .* not modelled"):
        identities.create({"service": "iam.googleapis.com"})
