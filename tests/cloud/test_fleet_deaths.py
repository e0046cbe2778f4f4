"""Whom `make fleet` lets die: a machine that has a slice, so that its death touches work."""

from __future__ import annotations

import base64
import json
from concurrent.futures import Future
from typing import TYPE_CHECKING

import pytest
import requests

from rehearsal.cloud.state import Instance
from rehearsal.fleet.deaths import MOST_DELIVERIES, Deaths
from tests.cloud.rest_requests import asker

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud

PROJECT, ZONE = "secundus-vision", "us-west1-b"
API = f"https://pubsub.googleapis.com/v1/projects/{PROJECT}/"
TOPIC, SUBSCRIPTION = "topics/slices", "subscriptions/slices"
WORKLOAD = "serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com"
FAILING = 7


class Victims:
    """A cloud with machines 1 and 2, whose workloads have started, and a subscription."""

    def __init__(self, local: LocalCloud) -> None:
        self.local, self.killed = local, list[str]()
        self.ask = asker(local.cloud, PROJECT, ["pubsub.admin"], ["pubsub"], API)
        self.ask("PUT", TOPIC)
        body = {"topic": f"projects/{PROJECT}/{TOPIC}", "ackDeadlineSeconds": 60}
        self.ask("PUT", SUBSCRIPTION, body)
        bindings = [{"role": "roles/pubsub.subscriber", "members": [WORKLOAD]}]
        self.ask("POST", f"{SUBSCRIPTION}:setIamPolicy", {"policy": {"bindings": bindings}})
        for number in ("1", "2"):
            made = Instance(number, PROJECT, ZONE, f"vm-{number}", {"status": "RUNNING"})
            made.serial.append('msg="workload task started"')
            local.cloud.instances[f"projects/{PROJECT}/zones/{ZONE}/instances/{made.name}"] = made

    def kill(self, machine: Instance) -> Future[None]:
        """Note it, as if the machine had lost its power."""
        self.killed.append(machine.name)
        machine.doc["status"] = "TERMINATED"
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def publish(self, number: int) -> None:
        """A message about a slice."""
        data = base64.b64encode(json.dumps({"job": "j", "slice": number}).encode()).decode()
        self.ask("POST", f"{TOPIC}:publish", {"messages": [{"data": data}]})

    def pull(self, machine: str) -> list[str]:
        """What a machine receives with the token of its metadata server; the ack ids."""
        token = self.local.cloud.mint(WORKLOAD, machine=machine)
        answer = requests.post(
            f"{API}{SUBSCRIPTION}:pull",
            json={"maxMessages": 1},
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
        return [each["ackId"] for each in answer.json().get("receivedMessages", [])]

    def die(self, seconds: float = 2) -> Deaths:
        """One kill, if there is a machine to kill after so many seconds."""
        deaths = Deaths(self.local, seed=5, kills=1, preemptions=0, failing=FAILING)
        deaths.start()
        deaths.join(seconds)
        deaths.end()
        return deaths


@pytest.fixture
def victims(local: LocalCloud, still: None, monkeypatch: pytest.MonkeyPatch) -> Victims:
    """Two machines that may die; there is no wait before the first death."""
    del still
    monkeypatch.setattr("rehearsal.fleet.deaths.SHORTEST_SECONDS", 0.0)
    monkeypatch.setattr("rehearsal.fleet.deaths.LONGEST_SECONDS", 0.0)
    victims = Victims(local)
    monkeypatch.setattr(local.machines, "kill", victims.kill)
    return victims


def test_the_machine_that_has_a_slice_dies(victims: Victims) -> None:
    """The other one, whose workload has started too, has nothing that could be lost."""
    victims.publish(1)
    assert len(victims.pull("2")) == 1
    deaths = victims.die(60)
    assert (victims.killed, deaths.happened) == (["vm-2"], ["killed vm-2"])


def test_what_was_taken_is_delivered_again_once_somebody_gets_it(victims: Victims) -> None:
    """Not before the deadline is over."""
    victims.publish(1)
    victims.pull("2")
    (taken,) = victims.die(60).taken
    assert (victims.pull("1"), taken.delivered_again) == ([], False)
    victims.local.cloud.clock_offset += 61
    assert len(victims.pull("1")) == 1
    assert taken.delivered_again


@pytest.mark.parametrize("what", ["nothing", "acknowledged", "given back", "too often", "failing"])
def test_a_machine_is_spared_whose_death_would_show_nothing(victims: Victims, what: str) -> None:
    """Without a message, with one that fails anyway, or with one that was delivered often."""
    cloud = victims.local.cloud
    if what != "nothing":
        victims.publish(FAILING if what == "failing" else 1)
    for _ in range(MOST_DELIVERIES if what == "too often" else 0):
        victims.pull("1")
        cloud.clock_offset += 61
    ack_ids = victims.pull("1")
    if what == "acknowledged":
        victims.ask("POST", f"{SUBSCRIPTION}:acknowledge", {"ackIds": ack_ids})
    if what == "given back":
        body = {"ackIds": ack_ids, "ackDeadlineSeconds": 0}
        victims.ask("POST", f"{SUBSCRIPTION}:modifyAckDeadline", body)
    assert victims.die(0.5).taken == []
    assert victims.killed == []
