"""The local cloud delivers what Google's own fake of Pub/Sub delivers, whatever subscribers do."""

from __future__ import annotations

import base64
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import requests

from tests.cloud.pstest.program import running
from tests.cloud.rest_requests import asker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearsal.cloud.state import Cloud
    from tests.cloud.rest_requests import Ask

pytestmark = pytest.mark.pstest

API = "https://pubsub.googleapis.com/v1/"
PROJECT = "projects/secundus-vision/"
LEASE = 20
LIMIT = 590
"""Seconds: Google's fake drops messages after ten minutes, where Google keeps them for days."""
NAMES = count()


class Delivery(NamedTuple):
    """One message, as both services delivered it."""

    ids: tuple[str, str]
    """for its acknowledgement: the local cloud's, Google's"""
    ends: int
    """when its lease ends, at first"""


class Both:
    """One subscription on both services, at the same moment."""

    def __init__(self, cloud: Cloud, local: Ask, url: str) -> None:
        """Create it."""
        self.cloud, self.local, self.url = cloud, local, url
        self.now, self.published = 0, 0
        self.deliveries: list[Delivery] = []
        name = next(NAMES)
        self.topic, self.subscription = f"topics/t-{name}", f"subscriptions/s-{name}"
        self.ask("PUT", self.topic, {}, {})
        body = {"topic": PROJECT + self.topic, "ackDeadlineSeconds": LEASE}
        self.ask("PUT", self.subscription, body, body)

    def ask(self, verb: str, path: str, local: object, google: object) -> list[Any]:
        """Send a request to both, each with a body of its own; both must take it."""
        url = f"{self.url}/v1/{PROJECT}{path}"
        answers = [
            self.local(verb, path, local),
            requests.request(verb, url, json=google, timeout=10),
        ]
        assert [each.status_code for each in answers] == [200, 200], [a.text for a in answers]
        return [each.json() for each in answers]

    def publish(self, number: int) -> None:
        """Publish so many messages."""
        messages = []
        for _ in range(number):
            self.published += 1
            messages.append({"data": base64.b64encode(b"%d" % self.published).decode()})
        self.ask("POST", f"{self.topic}:publish", {"messages": messages}, {"messages": messages})

    def pull(self, _: int = 0) -> None:
        """Take every message that is to be had: the same from both."""
        body = {"maxMessages": 1000, "returnImmediately": True}
        local, google = (
            {each["message"]["data"]: each["ackId"] for each in answer.get("receivedMessages", [])}
            for answer in self.ask("POST", f"{self.subscription}:pull", body, body)
        )
        assert local.keys() == google.keys()
        self.deliveries += [
            Delivery((local[data], google[data]), self.now + LEASE) for data in sorted(local)
        ]

    def acknowledge(self, index: int) -> None:
        """Acknowledge a delivery, the last one or an earlier one of its message."""
        if self.deliveries:
            ids = self.deliveries[max(index, -len(self.deliveries))].ids
            bodies = ({"ackIds": [each]} for each in ids)
            self.ask("POST", f"{self.subscription}:acknowledge", *bodies)

    def give_back(self, index: int) -> None:
        """Give a message back."""
        self._modify(index, 0)

    def extend(self, index: int) -> None:
        """Extend a lease."""
        self._modify(index, LEASE)

    def _modify(self, index: int, seconds: int) -> None:
        if not self.deliveries:
            return
        delivery = self.deliveries[max(index, -len(self.deliveries))]
        if delivery.ends <= self.now:  # too late for the local cloud; Google does not say
            return
        bodies = ({"ackIds": [each], "ackDeadlineSeconds": seconds} for each in delivery.ids)
        self.ask("POST", f"{self.subscription}:modifyAckDeadline", *bodies)

    def pass_on(self, seconds: int) -> None:
        """Let time pass on both clocks."""
        if self.now + seconds < LIMIT:
            self.now += seconds
            self.cloud.clock_offset += seconds
            requests.post(f"{self.url}/clock", f"{seconds}s", timeout=10).raise_for_status()


def step(both: Both, random: Random) -> None:
    """One thing that publishers and subscribers do, or a pause."""
    of_late = random.randint(-4, -1)
    steps: dict[Callable[[int], None], int] = {
        both.publish: random.randint(1, 2),
        both.pull: 0,
        both.acknowledge: of_late,
        both.give_back: of_late,
        both.extend: of_late,
        both.pass_on: random.choice([7, 13, 33]),
    }
    done, argument = random.choice(list(steps.items()))
    done(argument)


@pytest.fixture(scope="module")
def google() -> Iterator[str]:
    """The URL of Google's fake."""
    with running() as url:
        yield url


@pytest.mark.parametrize("seed", range(8))
def test_both_deliver_the_same(cloud: Cloud, google: str, seed: int) -> None:
    """However messages are published, pulled, acknowledged, given back, extended, or left alone."""
    local = asker(cloud, "secundus-vision", ["pubsub.admin"], ["pubsub"], f"{API}{PROJECT}")
    both, random = Both(cloud, local, google), Random(seed)  # noqa: S311  no secret
    for _ in range(120):
        step(both, random)
    assert len(both.deliveries) > both.published > 0  # some were delivered again
