"""The messages that a machine has, until it acknowledges them or must stop."""

from __future__ import annotations

import subprocess
import sys
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from workload.errors import Failure, WorkloadError
from workload.fleet.leases import EXTENSION_SECONDS, LEASE_SECONDS, Leases
from workload.fleet.subscription import EXTENSION_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Sequence


class Machine:
    """Leases whose thread makes one step when the test says so."""

    def __init__(self) -> None:
        self.asked: SimpleQueue[tuple[list[str], int] | str] = SimpleQueue()
        self.steps: SimpleQueue[str] = SimpleQueue()
        self.acknowledged: list[str] = []
        self.busy = False
        self.error: Exception | None = None
        self.waits: list[float] = []
        self.leases = Leases(self, lambda: self.asked.put("stopped"), self._stopped)  # type: ignore[arg-type]  # the methods of a subscription

    def extend(self, ack_ids: Sequence[str], seconds: int) -> None:
        """Records the request; fails if Pub/Sub is busy."""
        self.asked.put((list(ack_ids), seconds))
        if self.error:
            raise self.error
        if self.busy:
            raise WorkloadError(Failure.SUBSCRIPTION_NOT_USABLE)

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Records the request; fails if Pub/Sub is busy."""
        if self.busy:
            raise WorkloadError(Failure.SUBSCRIPTION_NOT_USABLE)
        self.acknowledged += ack_ids

    def _stopped(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return self.steps.get() == "stop"


@pytest.fixture
def machine() -> Machine:
    """A machine with three messages."""
    machine = Machine()
    machine.leases.hold(["a", "b", "c"])
    return machine


def test_every_message_is_extended_until_its_work_is_done(machine: Machine) -> None:
    """Not those that were acknowledged or given back."""
    machine.leases.acknowledge(["a"])
    machine.leases.give_back(["b"])
    assert machine.asked.get() == (["b"], 0)
    machine.steps.put("time passes")
    assert machine.asked.get() == (["c"], LEASE_SECONDS)
    assert machine.acknowledged == ["a"]
    assert machine.waits[0] == EXTENSION_SECONDS


def test_a_failed_extension_is_tried_again(machine: Machine) -> None:
    """Two may fail by a timeout before the deadline passes."""
    assert LEASE_SECONDS > 3 * EXTENSION_SECONDS + 2 * EXTENSION_TIMEOUT
    machine.busy = True
    machine.steps.put("time passes")
    machine.steps.put("time passes")
    assert [machine.asked.get(), machine.asked.get()] == [(["a", "b", "c"], LEASE_SECONDS)] * 2


def test_a_machine_that_must_stop_gives_everything_back_first(machine: Machine) -> None:
    """At once, in the thread that extends: the others are busy with their work."""
    machine.steps.put("stop")
    assert [machine.asked.get(), machine.asked.get()] == [(["a", "b", "c"], 0), "stopped"]


def test_a_machine_stops_even_if_pubsub_is_busy(machine: Machine) -> None:
    """Then the deadlines pass."""
    machine.busy = True
    machine.steps.put("stop")
    assert [machine.asked.get(), machine.asked.get()][1] == "stopped"


def test_what_could_not_be_acknowledged_is_still_extended(machine: Machine) -> None:
    """The worker fails, and then gives it back."""
    machine.busy = True
    with pytest.raises(WorkloadError, match="subscription_not_usable"):
        machine.leases.acknowledge(["a"])
    machine.steps.put("time passes")
    assert machine.asked.get() == (["a", "b", "c"], LEASE_SECONDS)


def test_what_is_delivered_after_the_end_is_given_back(machine: Machine) -> None:
    """A pull may be on its way when the machine must stop."""
    machine.leases.end()
    machine.leases.hold(["late"])
    assert [machine.asked.get(), machine.asked.get()] == [(["a", "b", "c"], 0), (["late"], 0)]


def test_no_error_ends_the_thread_that_waits_for_sigterm(machine: Machine) -> None:
    """Whatever a library raises: without that thread nobody would notice the machine's end."""
    machine.error = RuntimeError()
    machine.steps.put("time passes")
    machine.steps.put("stop")
    assert [machine.asked.get() for _ in range(3)][2] == "stopped"


SIGTERM = """
import os, signal, sys, threading
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
from workload.fleet.leases import Leases
class Subscription:
    def extend(self, ack_ids, seconds):
        print(ack_ids, seconds, flush=True)
Leases(Subscription(), lambda: os._exit(0)).hold(["a"])
print("ready", flush=True)
threading.Event().wait()
"""


def test_sigterm_stops_a_machine_whatever_its_main_thread_does() -> None:
    """Python runs no handler while that thread is inside a library; so there is no handler."""
    command = [sys.executable, "-c", SIGTERM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.stdout.read() == "['a'] 0\n"
    assert process.returncode == 0
