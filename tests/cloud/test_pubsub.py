"""pubsub.googleapis.com: every message is delivered until somebody acknowledges it.

The same tests run against the local cloud and against Google's own fake, which orders messages at
random. `only_the_local_cloud` marks what that fake does not model.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.cloud.pstest.program import running
from tests.cloud.rest_requests import ANYBODY, asker, message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearsal.cloud.state import Cloud
    from tests.cloud.rest_requests import Ask

    Service = tuple[Ask, Callable[[float], None]]
    """How to send a request, and how to let so many seconds pass."""

LOCAL, PSTEST = "local cloud", "pstest"
only_the_local_cloud = pytest.mark.parametrize("service", [LOCAL], indirect=True)

API = "https://pubsub.googleapis.com/v1/projects/secundus-vision/"
TOPIC, DEAD = "topics/slices", "topics/dead-letters"
SUBSCRIPTION, OF_DEAD = "subscriptions/slices", "subscriptions/dead-letters"
FULL = "projects/secundus-vision/"
AGENT = "serviceAccount:service-222222222222@gcp-sa-pubsub.iam.gserviceaccount.com"
WORKLOAD = "serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com"
SECONDS = 60


@pytest.fixture(params=[LOCAL, pytest.param(PSTEST, marks=pytest.mark.pstest)])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """A service without any topic."""
    if request.param == LOCAL:
        cloud: Cloud = request.getfixturevalue("cloud")
        request.getfixturevalue("still")

        def pass_on(seconds: float) -> None:
            cloud.clock_offset += seconds

        yield asker(cloud, "secundus-vision", ["pubsub.admin"], ["pubsub"], API), pass_on
        return
    with running() as url:

        def ask(verb: str, path: str, body: Any = None) -> requests.Response:
            url_of = f"{url}/v1/{FULL}{path}"
            return requests.request(verb, url_of, json=body, timeout=10)

        def advance(seconds: float) -> None:
            requests.post(f"{url}/clock", f"{seconds}s", timeout=10).raise_for_status()

        yield ask, advance


@pytest.fixture
def advance(service: Service) -> Callable[[float], None]:
    """Lets so many seconds pass."""
    return service[1]


@pytest.fixture
def ask(service: Service) -> Ask:
    """Requests by Secundus' deployer, with a topic and its subscription."""
    ask, _ = service
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


def pull(
    ask: Ask,
    subscription: str = SUBSCRIPTION,
    most: int = 10,
    *,
    immediately: bool = True,
    **by: str,
) -> list[Any]:
    """What a subscriber receives; else Google's fake waits for half a second."""
    body = {"maxMessages": most, "returnImmediately": immediately}
    answer = ask("POST", f"{subscription}:pull", body, **by)
    assert answer.status_code == 200, answer.text
    return list(answer.json().get("receivedMessages", []))


def texts(received: list[Any]) -> list[str]:
    """The data of messages, sorted: no order is promised.

    https://docs.cloud.google.com/pubsub/docs/ordering
    """
    return sorted(base64.b64decode(each["message"]["data"]).decode() for each in received)


def acknowledge(ask: Ask, received: list[Any], subscription: str = SUBSCRIPTION) -> None:
    """Acknowledge messages."""
    body = {"ackIds": [each["ackId"] for each in received]}
    assert ask("POST", f"{subscription}:acknowledge", body).status_code == 200


def extend(ask: Ask, received: list[Any], seconds: int) -> None:
    """Give a delivery another deadline from now."""
    body = {"ackIds": [each["ackId"] for each in received], "ackDeadlineSeconds": seconds}
    assert ask("POST", f"{SUBSCRIPTION}:modifyAckDeadline", body).status_code == 200


@only_the_local_cloud
def test_a_topic_names_its_subscriptions(ask: Ask) -> None:
    """`audit` compares them with those of the stack."""
    answer = ask("GET", f"{TOPIC}/subscriptions")
    assert answer.json() == {"subscriptions": [FULL + SUBSCRIPTION]}


def test_a_message_is_delivered_once_and_removed_when_it_is_acknowledged(
    ask: Ask, advance: Callable[[float], None]
) -> None:
    """Nobody else gets it meanwhile, and nobody gets it afterwards."""
    ids = publish(ask, "one", "two", job="7")
    first, second = pull(ask, most=1), pull(ask)
    assert (len(first), texts(first + second)) == (1, ["one", "two"])
    assert sorted(each["message"]["messageId"] for each in first + second) == sorted(ids)
    assert first[0]["message"]["attributes"] == {"job": "7"}
    assert "deliveryAttempt" not in first[0]  # only a subscription with dead letters tells it
    assert pull(ask) == []
    acknowledge(ask, first + second)
    advance(9 * SECONDS)
    assert pull(ask) == []


def test_without_an_acknowledgement_it_is_delivered_again(
    ask: Ask, advance: Callable[[float], None]
) -> None:
    """After the deadline, under another id, and the old id counts no more."""
    publish(ask, "one")
    first = pull(ask)
    advance(SECONDS + 1)
    again = pull(ask)
    assert texts(again) == ["one"]
    assert again[0]["ackId"] != first[0]["ackId"]
    acknowledge(ask, first)
    advance(SECONDS + 1)
    assert texts(pull(ask)) == ["one"]


def test_an_acknowledgement_that_is_late_may_still_count(
    ask: Ask, advance: Callable[[float], None]
) -> None:
    """As long as nobody else has the message."""
    publish(ask, "one")
    first = pull(ask)
    advance(SECONDS + 1)
    acknowledge(ask, first)
    assert pull(ask) == []


def test_a_deadline_can_be_extended_again_and_again(
    ask: Ask, advance: Callable[[float], None]
) -> None:
    """From the moment of the request on."""
    publish(ask, "one")
    first = pull(ask)
    for _ in range(5):
        advance(SECONDS - 1)
        extend(ask, first, SECONDS)
        assert pull(ask) == []
    advance(SECONDS + 1)
    assert texts(pull(ask)) == ["one"]


@only_the_local_cloud
def test_after_its_deadline_a_delivery_cannot_be_extended(
    ask: Ask, advance: Callable[[float], None]
) -> None:
    """Google does not say so; a worker that counted on more would be wrong sometimes."""
    publish(ask, "one")
    first = pull(ask)
    advance(SECONDS + 1)
    extend(ask, first, SECONDS)
    assert texts(pull(ask)) == ["one"]


def test_a_message_can_be_given_back_at_once(ask: Ask) -> None:
    """A worker that ends does so."""
    publish(ask, "one")
    extend(ask, pull(ask), 0)
    assert texts(pull(ask)) == ["one"]


def test_what_was_given_back_cannot_be_acknowledged(ask: Ask) -> None:
    """Nobody has the message now, so nobody can have done the work."""
    publish(ask, "one")
    first = pull(ask)
    extend(ask, first, 0)
    acknowledge(ask, first)
    assert texts(pull(ask)) == ["one"]


def test_every_subscription_gets_every_message_from_its_beginning_on(ask: Ask) -> None:
    """Not those that were published before it."""
    publish(ask, "before")
    ask("PUT", "subscriptions/second", {"topic": FULL + TOPIC})
    publish(ask, "after")
    assert texts(pull(ask)) == ["after", "before"]
    assert texts(pull(ask, "subscriptions/second")) == ["after"]


def test_a_subscription_outlives_its_topic(ask: Ask) -> None:
    """With what it has; it can be seen that its topic is gone."""
    publish(ask, "one")
    assert ask("DELETE", TOPIC).status_code == 200
    assert ask("GET", SUBSCRIPTION).json()["topic"] == "_deleted-topic_"
    assert texts(pull(ask)) == ["one"]


@pytest.fixture
def dead_letters(ask: Ask) -> Ask:
    """Forwarding of what was delivered five times, without the grants that it needs."""
    assert ask("PUT", DEAD).status_code == 200
    assert ask("PUT", OF_DEAD, {"topic": FULL + DEAD}).status_code == 200
    policy = {"deadLetterPolicy": {"deadLetterTopic": FULL + DEAD, "maxDeliveryAttempts": 5}}
    body = {"subscription": policy, "updateMask": "deadLetterPolicy"}
    assert ask("PATCH", SUBSCRIPTION, body).status_code == 200
    return ask


@pytest.fixture
def forwarding(dead_letters: Ask, request: pytest.FixtureRequest) -> Ask:
    """With the grants to Pub/Sub's own account; Google's fake asks for none."""
    if request.node.callspec.params["service"] == LOCAL:
        for resource, role in ((DEAD, "pubsub.publisher"), (SUBSCRIPTION, "pubsub.subscriber")):
            policy = {"bindings": [{"role": f"roles/{role}", "members": [AGENT]}]}
            answer = dead_letters("POST", f"{resource}:setIamPolicy", {"policy": policy})
            assert answer.status_code == 200, answer.text
    return dead_letters


def fail(ask: Ask, times: int) -> list[int]:
    """Pull and give back; returns the attempts that were counted."""
    attempts = []
    for _ in range(times):
        received = pull(ask)
        attempts += [each["deliveryAttempt"] for each in received]
        if received:
            extend(ask, received, 0)
    return attempts


def test_what_fails_too_often_goes_to_the_dead_letters(forwarding: Ask) -> None:
    """As it was published, and out of its subscription."""
    publish(forwarding, "poison", job="7")
    assert fail(forwarding, 7) == [1, 2, 3, 4, 5]
    (dead,) = pull(forwarding, OF_DEAD)
    assert texts([dead]) == ["poison"]
    assert dead["message"]["attributes"]["job"] == "7"


def test_a_dead_letter_needs_no_other_subscriber(
    forwarding: Ask, advance: Callable[[float], None]
) -> None:
    """It is forwarded when its last deadline passes, whoever pulls then."""
    publish(forwarding, "poison")
    assert fail(forwarding, 4) == [1, 2, 3, 4]
    pull(forwarding)
    assert pull(forwarding, OF_DEAD) == []
    advance(SECONDS + 1)
    assert texts(pull(forwarding, OF_DEAD, immediately=False)) == ["poison"]


@only_the_local_cloud
def test_a_dead_letter_is_forwarded_once(forwarding: Ask) -> None:
    """Google's fake (2.9.0) keeps the message, and forwards it again and again."""
    publish(forwarding, "poison")
    fail(forwarding, 5)
    acknowledge(forwarding, pull(forwarding, OF_DEAD), OF_DEAD)
    assert pull(forwarding) == []
    assert pull(forwarding, OF_DEAD) == []


@only_the_local_cloud
def test_a_dead_letter_says_where_it_comes_from(forwarding: Ask) -> None:
    """And how often it was delivered; Google's fake adds no attributes."""
    publish(forwarding, "poison")
    fail(forwarding, 5)
    (dead,) = pull(forwarding, OF_DEAD)
    attributes = dead["message"]["attributes"]
    assert attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
    assert attributes["CloudPubSubDeadLetterSourceSubscription"] == "slices"
    assert attributes["CloudPubSubDeadLetterSourceSubscriptionProject"] == "secundus-vision"


@only_the_local_cloud
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


@only_the_local_cloud
def test_a_message_waits_longer_after_each_delivery(
    patient: Ask, advance: Callable[[float], None]
) -> None:
    """Twice as long as before, up to the maximum; a new one does not wait."""
    publish(patient, "one")
    for seconds in (10, 20, 40, 40):
        extend(patient, pull(patient), 0)
        advance(seconds - 1)
        assert pull(patient) == []
        advance(1.1)
    assert texts(pull(patient)) == ["one"]


@only_the_local_cloud
def test_a_message_waits_after_its_deadline_too(
    patient: Ask, advance: Callable[[float], None]
) -> None:
    """Also if nobody gave it back; others are delivered meanwhile."""
    publish(patient, "one")
    assert texts(pull(patient)) == ["one"]
    advance(SECONDS + 9)
    publish(patient, "two")
    assert texts(pull(patient)) == ["two"]
    advance(1.1)
    assert texts(pull(patient)) == ["one"]


@only_the_local_cloud
def test_a_message_that_waits_is_part_of_the_backlog(patient: Ask, cloud: Cloud) -> None:
    """It is not acknowledged, so an autoscaler counts it."""
    publish(patient, "one")
    extend(patient, pull(patient), 0)
    assert len(cloud.subscriptions[FULL + SUBSCRIPTION].backlog) == 1


@only_the_local_cloud
@pytest.mark.parametrize("policy", [{}, {"ttl": ""}, {"ttl": "86400s"}])
def test_a_subscription_may_never_expire(ask: Ask, policy: Any) -> None:
    """Without a time to live; the shortest one is a day."""
    body = {"topic": FULL + TOPIC, "expirationPolicy": policy}
    assert ask("PUT", "subscriptions/new", body).json()["expirationPolicy"] == policy


@only_the_local_cloud
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


@only_the_local_cloud
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
    ("verb", "url", "body", "code"),
    [
        ("PUT", TOPIC, None, 409),
        ("GET", "topics/none", None, 404),
        ("POST", "topics/none:publish", {"messages": [{"data": "eA=="}]}, 404),
        ("PUT", "subscriptions/new", {"topic": FULL + "topics/none"}, 404),
        ("PUT", SUBSCRIPTION, {"topic": FULL + TOPIC}, 409),
        ("PUT", "subscriptions/new", {"topic": FULL + TOPIC, "dead": "x"}, 400),
        ("POST", "subscriptions/none:pull", {"maxMessages": 1}, 404),
        ("POST", f"{SUBSCRIPTION}:pull", {"maxMessages": -1}, 400),
        ("POST", "subscriptions/none:acknowledge", {"ackIds": ["x"]}, 404),
        ("POST", f"{TOPIC}:publish", {"messages": [{"data": "?"}]}, 400),
        ("POST", f"{TOPIC}:publish", {"messages": [{"attributes": {"a": 1}}]}, 400),
    ],
)
def test_both_refuse_by_the_same_code(ask: Ask, verb: str, url: str, body: Any, code: int) -> None:
    """What there is, and what there is not; fields and texts that are none."""
    message(ask(verb, url, body), code)


@only_the_local_cloud
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
            {"messages": [{"attributes": {"\ud800": "half a surrogate pair"}}]},
            400,
            "Invalid JSON payload",
        ),
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
    """In Google's words where they are known. Its fake has words of its own, and few limits."""
    assert said in message(ask(verb, url, body), code)


def test_an_acknowledgement_of_anything_else_is_no_error(ask: Ask) -> None:
    """Google says so of a second one."""
    assert ask("POST", f"{SUBSCRIPTION}:acknowledge", {"ackIds": ["x", "1-2"]}).status_code == 200


@only_the_local_cloud
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
