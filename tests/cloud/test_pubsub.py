"""pubsub.googleapis.com: every message is delivered until somebody acknowledges it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.rest_requests import ANYBODY, asker, message

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud
    from tests.cloud.rest_requests import Ask

API = "https://pubsub.googleapis.com/v1/projects/secundus-vision/"
TOPIC, DEAD = "topics/slices", "topics/dead-letters"
SUBSCRIPTION, OF_DEAD = "subscriptions/slices", "subscriptions/dead-letters"
FULL = "projects/secundus-vision/"
AGENT = "serviceAccount:service-222222222222@gcp-sa-pubsub.iam.gserviceaccount.com"
WORKLOAD = "serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com"
SECONDS = 60


@pytest.fixture
def ask(cloud: Cloud) -> Ask:
    """Requests by Secundus' deployer, with a topic and its subscription."""
    ask = asker(cloud, "secundus-vision", ["pubsub.admin"], ["pubsub"], API)
    assert ask("PUT", TOPIC).status_code == 200
    body = {"topic": FULL + TOPIC, "ackDeadlineSeconds": SECONDS}
    assert ask("PUT", SUBSCRIPTION, body).status_code == 200
    return ask


def publish(ask: Ask, *texts: str, **attributes: str) -> list[str]:
    """Publish texts; returns the ids of the messages."""
    messages = [
        {"data": base64.b64encode(text.encode()).decode(), "attributes": attributes}
        for text in texts
    ]
    answer = ask("POST", f"{TOPIC}:publish", {"messages": messages})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["messageIds"])


def pull(ask: Ask, subscription: str = SUBSCRIPTION, most: int = 10, **by: str) -> list[Any]:
    """What a subscriber receives."""
    answer = ask("POST", f"{subscription}:pull", {"maxMessages": most}, **by)
    assert answer.status_code == 200, answer.text
    return list(answer.json().get("receivedMessages", []))


def texts(received: list[Any]) -> list[str]:
    """The data of messages."""
    return [base64.b64decode(each["message"]["data"]).decode() for each in received]


def acknowledge(ask: Ask, received: list[Any]) -> None:
    """Acknowledge messages."""
    body = {"ackIds": [each["ackId"] for each in received]}
    assert ask("POST", f"{SUBSCRIPTION}:acknowledge", body).status_code == 200


def extend(ask: Ask, received: list[Any], seconds: int) -> None:
    """Give a delivery another deadline from now."""
    body = {"ackIds": [each["ackId"] for each in received], "ackDeadlineSeconds": seconds}
    assert ask("POST", f"{SUBSCRIPTION}:modifyAckDeadline", body).status_code == 200


def test_a_message_is_delivered_once_and_removed_when_it_is_acknowledged(
    ask: Ask, cloud: Cloud
) -> None:
    """Nobody else gets it meanwhile, and nobody gets it afterwards."""
    ids = publish(ask, "one", "two", job="7")
    first, second = pull(ask, most=1), pull(ask)
    assert texts(first + second) == ["one", "two"]
    assert [each["message"]["messageId"] for each in first + second] == ids
    assert first[0]["message"]["attributes"] == {"job": "7"}
    assert "deliveryAttempt" not in first[0]  # only a subscription with dead letters tells it
    assert pull(ask) == []
    acknowledge(ask, first + second)
    cloud.clock_offset += 10 * SECONDS
    assert pull(ask) == []


def test_without_an_acknowledgement_it_is_delivered_again(ask: Ask, cloud: Cloud) -> None:
    """After the deadline, under another id, and the old id counts no more."""
    publish(ask, "one")
    first = pull(ask)
    cloud.clock_offset += SECONDS + 1
    again = pull(ask)
    assert texts(again) == ["one"]
    assert again[0]["ackId"] != first[0]["ackId"]
    acknowledge(ask, first)
    cloud.clock_offset += SECONDS + 1
    assert texts(pull(ask)) == ["one"]


def test_an_acknowledgement_that_is_late_may_still_count(ask: Ask, cloud: Cloud) -> None:
    """As long as nobody else has the message."""
    publish(ask, "one")
    first = pull(ask)
    cloud.clock_offset += SECONDS + 1
    acknowledge(ask, first)
    assert pull(ask) == []


def test_a_deadline_can_be_extended_again_and_again(ask: Ask, cloud: Cloud) -> None:
    """From the moment of the request on; after the end it is too late."""
    publish(ask, "one")
    first = pull(ask)
    for _ in range(5):
        cloud.clock_offset += SECONDS - 1
        extend(ask, first, SECONDS)
        assert pull(ask) == []
    cloud.clock_offset += SECONDS + 1
    extend(ask, first, SECONDS)
    assert texts(pull(ask)) == ["one"]


def test_a_message_can_be_given_back_at_once(ask: Ask) -> None:
    """A worker that ends does so."""
    publish(ask, "one")
    extend(ask, pull(ask), 0)
    assert texts(pull(ask)) == ["one"]


def test_every_subscription_gets_every_message_from_its_beginning_on(ask: Ask) -> None:
    """Not those that were published before it."""
    publish(ask, "before")
    ask("PUT", "subscriptions/second", {"topic": FULL + TOPIC})
    publish(ask, "after")
    assert texts(pull(ask)) == ["before", "after"]
    assert texts(pull(ask, "subscriptions/second")) == ["after"]


def test_a_subscription_outlives_its_topic(ask: Ask) -> None:
    """With what it has; it can be seen that its topic is gone."""
    publish(ask, "one")
    assert ask("DELETE", TOPIC).status_code == 200
    assert ask("GET", SUBSCRIPTION).json()["topic"] == "_deleted-topic_"
    assert texts(pull(ask)) == ["one"]


@pytest.fixture
def dead_letters(ask: Ask) -> Ask:
    """Forwarding of what was delivered five times."""
    assert ask("PUT", DEAD).status_code == 200
    assert ask("PUT", OF_DEAD, {"topic": FULL + DEAD}).status_code == 200
    policy = {"deadLetterPolicy": {"deadLetterTopic": FULL + DEAD, "maxDeliveryAttempts": 5}}
    body = {"subscription": policy, "updateMask": "deadLetterPolicy"}
    assert ask("PATCH", SUBSCRIPTION, body).status_code == 200
    return ask


def let_pubsub_forward(ask: Ask) -> None:
    """Grant Pub/Sub's own account what it needs."""
    for resource, role in ((DEAD, "pubsub.publisher"), (SUBSCRIPTION, "pubsub.subscriber")):
        policy = {"bindings": [{"role": f"roles/{role}", "members": [AGENT]}]}
        answer = ask("POST", f"{resource}:setIamPolicy", {"policy": policy})
        assert answer.status_code == 200, answer.text


def fail(ask: Ask, times: int) -> list[int]:
    """Pull and give back; returns the attempts that were counted."""
    attempts = []
    for _ in range(times):
        received = pull(ask)
        attempts += [each["deliveryAttempt"] for each in received]
        if received:
            extend(ask, received, 0)
    return attempts


def test_what_fails_too_often_goes_to_the_dead_letters(dead_letters: Ask) -> None:
    """With where it comes from, and how often it was delivered."""
    let_pubsub_forward(dead_letters)
    publish(dead_letters, "poison", job="7")
    assert fail(dead_letters, 7) == [1, 2, 3, 4, 5]
    (dead,) = pull(dead_letters, OF_DEAD)
    assert texts([dead]) == ["poison"]
    attributes = dead["message"]["attributes"]
    assert attributes["job"] == "7"
    assert attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert attributes["CloudPubSubDeadLetterSourceSubscription"] == "slices"
    assert attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] == "secundus-vision"


def test_without_the_grants_of_pubsubs_account_nothing_is_forwarded(dead_letters: Ask) -> None:
    """The message comes again and again, and nobody says why."""
    publish(dead_letters, "poison")
    assert fail(dead_letters, 7) == [1, 2, 3, 4, 5, 6, 7]
    assert pull(dead_letters, OF_DEAD) == []


@pytest.fixture
def patient(ask: Ask) -> Ask:
    """A message waits before it is delivered again: 10 s, 20 s, and then 40 s at most."""
    policy = {"retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "40s"}}
    body = {"subscription": policy, "updateMask": "retryPolicy"}
    assert ask("PATCH", SUBSCRIPTION, body).status_code == 200
    return ask


def test_a_message_waits_longer_after_each_delivery(patient: Ask, cloud: Cloud) -> None:
    """Twice as long as before, up to the maximum; a new one does not wait."""
    publish(patient, "one")
    for seconds in (10, 20, 40, 40):
        extend(patient, pull(patient), 0)
        cloud.clock_offset += seconds - 1
        assert pull(patient) == []
        cloud.clock_offset += 1.1
    assert texts(pull(patient)) == ["one"]


def test_a_message_waits_after_its_deadline_too(patient: Ask, cloud: Cloud) -> None:
    """Also if nobody gave it back; others are delivered meanwhile."""
    publish(patient, "one")
    assert texts(pull(patient)) == ["one"]
    cloud.clock_offset += SECONDS + 9
    publish(patient, "two")
    assert texts(pull(patient)) == ["two"]
    cloud.clock_offset += 1.1
    assert texts(pull(patient)) == ["one"]


def test_a_message_that_waits_is_part_of_the_backlog(patient: Ask, cloud: Cloud) -> None:
    """It is not acknowledged, so an autoscaler counts it."""
    publish(patient, "one")
    extend(patient, pull(patient), 0)
    assert len(cloud.subscriptions[FULL + SUBSCRIPTION].backlog) == 1


@pytest.mark.parametrize("policy", [{}, {"ttl": ""}, {"ttl": "86400s"}])
def test_a_subscription_may_never_expire(ask: Ask, policy: Any) -> None:
    """Without a time to live; the shortest one is a day."""
    body = {"topic": FULL + TOPIC, "expirationPolicy": policy}
    assert ask("PUT", "subscriptions/new", body).json()["expirationPolicy"] == policy


def test_a_subscriber_may_pull_and_nothing_more(ask: Ask) -> None:
    """The grant is on the subscription alone."""
    policy = {"bindings": [{"role": "roles/pubsub.subscriber", "members": [WORKLOAD]}]}
    ask("POST", f"{SUBSCRIPTION}:setIamPolicy", {"policy": policy})
    publish(ask, "one")
    assert texts(pull(ask, by=WORKLOAD)) == ["one"]
    refused = message(
        ask("POST", f"{TOPIC}:publish", {"messages": [{"data": "eA=="}]}, by=WORKLOAD), 403
    )
    assert refused == "User not authorized to perform this action."
    assert ask("DELETE", SUBSCRIPTION, by=WORKLOAD).status_code == 403
    other = {"topic": FULL + TOPIC}
    assert ask("PUT", "subscriptions/second", other, by=WORKLOAD).status_code == 403


def test_to_attach_to_a_topic_is_a_permission_on_the_topic(ask: Ask, cloud: Cloud) -> None:
    """To make subscriptions in a project is not enough."""
    cloud.projects["primus-models"].services.add("pubsub.googleapis.com")
    cloud.projects["primus-models"].policy.bindings += [
        {"role": "roles/pubsub.admin", "members": [ANYBODY]}
    ]
    url = f"{API.replace('secundus-vision', 'primus-models')}subscriptions/foreign"
    refused = ask("PUT", url, {"topic": FULL + TOPIC}, by=ANYBODY)
    assert message(refused, 403) == "User not authorized to perform this action."


@pytest.mark.parametrize(
    ("verb", "url", "body", "code", "said"),
    [
        ("PUT", TOPIC, None, 409, "Resource already exists in the project (resource=slices)."),
        ("GET", "topics/none", None, 404, "Resource not found (resource=none)."),
        ("POST", "subscriptions/none:pull", {"maxMessages": 1}, 404, "(resource=none)"),
        ("PUT", "topics/goog-slices", None, 400, "Invalid resource name"),
        ("PUT", "topics/x", None, 400, "Invalid resource name"),
        ("PUT", "subscriptions/new", {"topic": FULL + "topics/none"}, 404, "(resource=none)"),
        ("PUT", "subscriptions/new", {"topic": FULL + TOPIC, "ackDeadlineSeconds": 9}, 400, "10"),
        (
            "PUT",
            "subscriptions/new",
            {"topic": FULL + TOPIC, "ackDeadlineSeconds": 601},
            400,
            "600",
        ),
        (
            "PUT",
            "subscriptions/new",
            {"topic": FULL + TOPIC, "filter": "x"},
            400,
            'Unknown name "filter"',
        ),
        (
            "PUT",
            "subscriptions/new",
            {"topic": FULL + TOPIC, "retryPolicy": {"maximumBackoff": "601s"}},
            400,
            "maximum <= 600",
        ),
        (
            "PUT",
            "subscriptions/new",
            {"topic": FULL + TOPIC, "retryPolicy": {"minimumBackoff": "10"}},
            400,
            "must end with 's'",
        ),
        (
            "PUT",
            "subscriptions/new",
            {"topic": FULL + TOPIC, "expirationPolicy": {"ttl": "3600s"}},
            400,
            "at least 86400",
        ),
        ("POST", f"{SUBSCRIPTION}:pull", {"maxMessages": 0}, 400, "greater than 0"),
        ("POST", f"{SUBSCRIPTION}:acknowledge", {"ackIds": []}, 400, "No ack ids"),
        (
            "POST",
            f"{SUBSCRIPTION}:modifyAckDeadline",
            {"ackIds": ["x"], "ackDeadlineSeconds": 601},
            400,
            "0 to 600",
        ),
        ("POST", f"{TOPIC}:publish", {"messages": []}, 400, "expected 1 to 1000"),
        ("POST", f"{TOPIC}:publish", {"messages": [{}]}, 400, "empty message"),
        ("POST", f"{TOPIC}:publish", {"messages": [{"data": "?"}]}, 400, "Base64 decoding failed"),
        (
            "POST",
            f"{TOPIC}:publish",
            {"messages": [{"attributes": {"a": "x" * 1025}}]},
            400,
            "attribute's key or value",
        ),
        ("POST", f"{TOPIC}:publish", {"messages": [{"attributes": {"a": 1}}]}, 400, "TYPE_STRING"),
        (
            "POST",
            f"{TOPIC}:publish",
            {"messages": [{"data": "eHh4" * 2_500_001}] * 2},
            400,
            "too large",
        ),
    ],
)
def test_what_google_refuses_is_refused(
    ask: Ask, verb: str, url: str, body: Any, code: int, said: str
) -> None:
    """Names, deadlines and messages have limits."""
    assert said in message(ask(verb, url, body), code)


def test_an_acknowledgement_of_anything_else_is_no_error(ask: Ask) -> None:
    """Google says so of a second one."""
    assert ask("POST", f"{SUBSCRIPTION}:acknowledge", {"ackIds": ["x", "1-2"]}).status_code == 200


def test_without_the_api_nothing_is_answered(ask: Ask, cloud: Cloud) -> None:
    """Google names the API to enable."""
    cloud.projects["secundus-vision"].services.clear()
    refused = message(ask("GET", TOPIC), 403)
    assert "Cloud Pub/Sub API has not been used in project 222222222222" in refused


def test_topics_and_subscriptions_are_changed_and_deleted(ask: Ask) -> None:
    """By the masked fields only."""
    topic = {"topic": {"labels": {"a": "b"}}, "updateMask": "labels"}
    assert ask("PATCH", TOPIC, topic).json()["labels"] == {"a": "b"}
    change = {"subscription": {"ackDeadlineSeconds": 600}, "updateMask": "ackDeadlineSeconds"}
    changed = ask("PATCH", SUBSCRIPTION, change).json()
    assert (changed["ackDeadlineSeconds"], changed["topic"]) == (600, FULL + TOPIC)
    assert ask("DELETE", SUBSCRIPTION).status_code == 200
    assert ask("GET", SUBSCRIPTION).status_code == 404
