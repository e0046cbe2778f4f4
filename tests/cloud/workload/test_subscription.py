"""The worker's three calls of Pub/Sub: against the local cloud, and against Google's own fake."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.oauth2.credentials import Credentials

from tests.cloud.faults import FOREVER
from tests.cloud.pstest.program import running
from tests.cloud.rest_requests import asker
from tests.cloud.workload.operations import ACCOUNT, MEMBER, TRANSIENT
from workload import retries
from workload.errors import WorkloadError
from workload.fleet import subscription
from workload.fleet.leases import LEASE_SECONDS
from workload.fleet.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearsal.cloud.state import Cloud
    from tests.cloud.faults import Faults
    from tests.fixtures.retry_clock import Clock

# The client library keeps no hold of an answer that it asks again for, and closes none.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")

REFUSED = r"^subscription_not_usable: "
PUBSUB = "pubsub.googleapis.com"
PROJECT = "projects/secundus-vision"
TOPIC, NAME = f"{PROJECT}/topics/slices", f"{PROJECT}/subscriptions/slices"


class Service:
    """Pub/Sub with one subscription, the worker's client, and a clock."""

    def __init__(
        self, put: Callable[[str, Any], Any], client: Subscription, advance: Callable[[float], None]
    ) -> None:
        self._put = put
        self.client = client
        self.advance = advance

    def publish(self, *texts: str) -> None:
        """Publishes messages with these data."""
        data = [{"data": base64.b64encode(each.encode()).decode()} for each in texts]
        self._put("publish", {"messages": data})


@pytest.fixture(params=["local cloud", pytest.param("pstest", marks=pytest.mark.pstest)])
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Both services have the deadline of the deployed subscription."""
    body = {"topic": TOPIC, "ackDeadlineSeconds": LEASE_SECONDS}
    if request.param == "local cloud":
        yield request.getfixturevalue("granted")
        return
    with running() as url:
        monkeypatch.setattr(subscription, "API", f"{url}/v1")

        def send(verb: str, path: str, content: Any) -> None:
            requests.request(verb, f"{url}{path}", json=content, timeout=10).raise_for_status()

        send("PUT", f"/v1/{TOPIC}", {})
        send("PUT", f"/v1/{NAME}", body)
        yield Service(
            lambda method, content: send("POST", f"/v1/{TOPIC}:{method}", content),
            Subscription(NAME, AnonymousCredentials()),  # type: ignore[no-untyped-call]  # has no types
            lambda seconds: requests.post(
                f"{url}/clock", f"{seconds}s", timeout=10
            ).raise_for_status(),
        )


@pytest.fixture
def granted(cloud: Cloud, faults: Faults) -> Service:
    """The local cloud's, with the grant that the stack makes."""
    assert not faults.asked
    ask = asker(
        cloud, "secundus-vision", ["pubsub.admin"], ["pubsub"], f"https://{PUBSUB}/v1/{PROJECT}/"
    )
    assert ask("PUT", "topics/slices").ok
    body = {"topic": TOPIC, "ackDeadlineSeconds": LEASE_SECONDS}
    assert ask("PUT", "subscriptions/slices", body).ok
    grant(cloud)

    def advance(seconds: float) -> None:
        cloud.clock_offset += seconds

    return Service(
        lambda method, content: ask("POST", f"topics/slices:{method}", content),
        Subscription(NAME, identity(cloud), 480),
        advance,
    )


def identity(cloud: Cloud) -> Credentials:
    """The token of the worker's account."""
    return Credentials(cloud.mint(MEMBER))  # type: ignore[no-untyped-call]  # has no types


def grant(cloud: Cloud) -> None:
    """The worker may pull, and acknowledge."""
    cloud.subscriptions[NAME].policy.bindings.append(
        {"role": "roles/pubsub.subscriber", "members": [f"serviceAccount:{ACCOUNT}"]}
    )


def texts(found: list[subscription.Delivery]) -> list[str]:
    """The data of messages, sorted."""
    return sorted(base64.b64decode(each.message["data"]).decode() for each in found)


def test_a_message_is_pulled_once_and_acknowledged(service: Service) -> None:
    """At most as many as the worker asks for; nobody gets them again."""
    service.publish("one", "two", "three")
    first = service.client.pull(1, wait=True)
    others = service.client.pull(64, wait=False)
    assert (len(first), texts(first + others)) == (1, ["one", "three", "two"])
    service.client.acknowledge([each.ack_id for each in first + others])
    service.advance(2 * LEASE_SECONDS)
    assert service.client.pull(64, wait=False) == []


def test_an_extended_message_is_not_delivered_to_others(service: Service) -> None:
    """Another one is, after its deadline."""
    service.publish("extended", "lost")
    found = {texts([each])[0]: each.ack_id for each in service.client.pull(64, wait=True)}
    service.advance(LEASE_SECONDS * 2 / 3)
    service.client.extend([found["extended"]], LEASE_SECONDS)
    service.advance(LEASE_SECONDS * 2 / 3)
    assert texts(service.client.pull(64, wait=False)) == ["lost"]


def test_a_message_that_is_given_back_is_delivered_at_once(service: Service) -> None:
    """To another machine, when this one must stop."""
    service.publish("one")
    found = service.client.pull(1, wait=True)
    service.client.extend([each.ack_id for each in found], 0)
    assert texts(service.client.pull(1, wait=True)) == ["one"]


CANCELLED = {"499": lambda faults, *at, **times: faults.answer(499, *at, **times)}
"""https://docs.cloud.google.com/pubsub/docs/reference/error-codes"""


@pytest.mark.parametrize("fault", TRANSIENT | CANCELLED)
@pytest.mark.parametrize("method", ["pull", "acknowledge"])
def test_a_transient_failure_is_retried(
    method: str, fault: str, granted: Service, faults: Faults, clock: Clock
) -> None:
    """After three failures it succeeds; each retry waited."""
    granted.publish("one")
    found = granted.client.pull(1, wait=True)
    (TRANSIENT | CANCELLED)[fault](faults, PUBSUB, f":{method}", times=3)
    if method == "pull":
        assert granted.client.pull(1, wait=True) == []
    else:
        granted.client.acknowledge([each.ack_id for each in found])
    assert len(clock.waited) == 3


@pytest.mark.parametrize("method", ["pull", "acknowledge"])
def test_an_answer_that_breaks_off_is_retried(
    method: str, granted: Service, faults: Faults, clock: Clock
) -> None:
    """Its connection was closed in the middle of the body."""
    granted.publish("one")
    found = granted.client.pull(1, wait=True)
    faults.cut(PUBSUB, f":{method}", after=1)
    if method == "pull":
        assert granted.client.pull(1, wait=True) == []
    else:
        granted.client.acknowledge([each.ack_id for each in found])
    assert len(clock.waited) == 1


def test_an_extension_whose_answer_breaks_off_is_a_failure(
    granted: Service, faults: Faults
) -> None:
    """Of the kind that the thread of the leases expects."""
    faults.cut(PUBSUB, ":modifyAckDeadline", after=1)
    with pytest.raises(WorkloadError, match=REFUSED):
        granted.client.extend(["a"], LEASE_SECONDS)


def test_an_extension_is_not_retried(granted: Service, faults: Faults, clock: Clock) -> None:
    """The same thread waits for the machine's end, and extends again soon."""
    faults.answer(503, PUBSUB, ":modifyAckDeadline")
    with pytest.raises(WorkloadError, match=REFUSED):
        granted.client.extend(["a"], LEASE_SECONDS)
    assert clock.waited == []


def test_a_service_that_stays_busy_ends_the_worker(
    granted: Service, faults: Faults, clock: Clock
) -> None:
    """After two minutes; the group makes the machine anew."""
    granted.client.pull(1, wait=True)  # the grant is known
    faults.answer(503, PUBSUB, times=FOREVER)
    with pytest.raises(WorkloadError, match=REFUSED):
        granted.client.pull(1, wait=True)
    assert 0 < clock.monotonic() <= retries.BUSY_SECONDS


def test_the_first_pull_waits_for_its_grant(
    granted: Service, cloud: Cloud, faults: Faults, clock: Clock
) -> None:
    """A grant of a minute ago is not known yet; after the first success a refusal is final."""
    faults.answer(403, PUBSUB, ":pull", times=3)
    granted.publish("one")
    assert texts(granted.client.pull(1, wait=True)) == ["one"]
    before = len(clock.waited)
    assert before == 3
    cloud.subscriptions[NAME].policy.bindings.clear()
    with pytest.raises(WorkloadError, match=REFUSED):
        granted.client.pull(1, wait=True)
    assert len(clock.waited) == before


def test_a_subscription_that_does_not_exist_is_no_subject_of_retries(
    cloud: Cloud, clock: Clock
) -> None:
    """It does not come by waiting."""
    client = Subscription(f"{NAME}-other", identity(cloud))
    with pytest.raises(WorkloadError, match=REFUSED):
        client.pull(1, wait=True)
    assert clock.waited == []


def test_a_pull_without_an_answer_is_a_pull_without_messages(
    granted: Service, faults: Faults, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """Pub/Sub may hold it as long as there is nothing; the worker pulls again."""
    monkeypatch.setattr(subscription, "ANSWER_SECONDS", 0.2)
    _, go = faults.hold(PUBSUB, ":pull")
    try:
        assert granted.client.pull(1, wait=True) == []
    finally:
        go.set()
    assert clock.waited == []
