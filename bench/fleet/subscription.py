"""The subscription of a simulated fleet: deliveries, leases, redelivery, dead letters."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

    from simpy import Environment, Event
    from simpy.events import ProcessGenerator

    from bench.fleet.setting import Setting


@dataclass(kw_only=True, eq=False)
class Message:
    """One message; a slice has another one if Pub/Sub delivers it twice."""

    slice: int
    deliveries: int = 0
    delivered: float = 0.0
    """when it was delivered last"""


class Subscription:
    """Gives messages to whoever asks, the oldest first."""

    def __init__(self, env: Environment, setting: Setting, rng: random.Random) -> None:
        self._env, self._setting = env, setting
        self._ready: deque[Message] = deque()
        self._waiting: deque[Event] = deque()
        self.unacknowledged = 0
        """what the autoscaler sees: delivered but unacknowledged messages count, too"""
        self.dead: list[int] = []
        """slices among the dead letters"""
        for number in range(setting.slices):
            for _ in range(2 if rng.random() < setting.delivered_twice else 1):
                self._add(Message(slice=number))

    def _add(self, message: Message) -> None:
        self.unacknowledged += 1
        self._ready.append(message)

    def pull(self) -> Event:
        """An event with the next message as its value."""
        event = self._env.event()
        self._waiting.append(event)
        self._deliver()
        return event

    def _deliver(self) -> None:
        while self._ready and self._waiting:
            message = self._ready.popleft()
            message.deliveries += 1
            message.delivered = self._env.now
            self._waiting.popleft().succeed(message)

    def acknowledge(self, _: Message) -> None:
        """The message is done."""
        self.unacknowledged -= 1

    def withdraw(self, pulled: Event, *, noticed: bool) -> None:
        """Ends a pull: nobody waits for it, or whoever got its message is gone."""
        if pulled.triggered:
            message: Any = pulled.value
            self.give_back(message, noticed=noticed)
        else:
            self._waiting.remove(pulled)

    def give_back(self, message: Message, *, noticed: bool) -> None:
        """Delivers a message again: after its back-off, and without notice after its lease, too."""
        if message.deliveries >= self._setting.most_deliveries:
            self.dead.append(message.slice)
            self.unacknowledged -= 1
            return
        backoff = self._setting.least_backoff * 2 ** (message.deliveries - 1)
        seconds = min(backoff, self._setting.most_backoff)
        if not noticed:
            seconds += self._setting.acknowledge_seconds
        self._env.process(self._later(message, seconds))

    def _later(self, message: Message, seconds: float) -> ProcessGenerator:
        yield self._env.timeout(seconds)
        self._ready.append(message)
        self._deliver()
