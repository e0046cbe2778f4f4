"""One simulated machine: it starts, takes slices until it is stopped, and gives back the rest."""

from __future__ import annotations

from collections import defaultdict
from math import ceil
from typing import TYPE_CHECKING

import simpy

from bench.cost import NAMES_PER_PAGE
from bench.fleet import facts

if TYPE_CHECKING:
    from simpy import Event
    from simpy.events import ProcessGenerator

    from bench.fleet.capacity import Capacity
    from bench.fleet.group import Group
    from bench.fleet.simulation import Fleet
    from bench.fleet.subscription import Message

BLOCK = 2048
"""Pictures that are one event of the simulation, for its speed: half of a slice by default."""
ATTESTATIONS = 2
"""A challenge, and its verification."""
HOUR = 3600

BOOT, START, WORK, IDLE, STOP = "boot and pull", "release of the model", "work", "idle", "stop"
REDONE, SLICE = "work that is lost", "ends of slices"


class Machine:
    """Holds at most two messages: the slice at work, and the next one, which it lists meanwhile."""

    def __init__(self, fleet: Fleet, group: Group) -> None:
        self._fleet, self._group = fleet, group
        self._setting, self._env = fleet.setting, fleet.env
        self._current: Message | None = None
        self._next: Event | None = None
        self._stopped = False
        self._process = self._env.process(self._life())
        if self._setting.preemptions:
            self._env.process(self._preempted())

    def stop(self, *, noticed: bool) -> None:
        """With notice, the workload gives back what it holds; without, its leases run out."""
        if not self._stopped:
            self._stopped = True
            self._process.interrupt(noticed)

    def _preempted(self) -> ProcessGenerator:
        yield self._env.timeout(self._fleet.rng.expovariate(self._setting.preemptions / HOUR))
        if not self._stopped:
            self._fleet.outcome.preemptions += 1
            self.stop(noticed=self._fleet.rng.random() >= self._setting.unnoticed)

    def _life(self) -> ProcessGenerator:
        is_on = False
        try:
            yield self._env.timeout(self._fleet.creations.admit(self._env.now, 1) - self._env.now)
            is_on = True
            self._fleet.watch(1)
            yield from self._start()
            while True:
                yield from self._slice()
        except simpy.Interrupt as interrupt:
            noticed = bool(interrupt.cause)
            if self._current:
                self._fleet.subscription.give_back(self._current, noticed=noticed)
            if self._next:
                self._fleet.subscription.withdraw(self._next, noticed=noticed)
        if is_on and noticed:
            yield from self._spend(STOP, self._setting.grace)
        self._group.ended(self)
        if is_on:
            self._fleet.watch(-1)

    def _start(self) -> ProcessGenerator:
        setting, fleet = self._setting, self._fleet
        yield from self._spend(BOOT, setting.boot)
        yield from self._wait(fleet.attestations, ATTESTATIONS)
        yield from self._wait(fleet.registry, facts.LAYERS.value)
        yield from self._spend(BOOT, setting.image_bytes / setting.pull_bytes_per_second)
        yield from self._wait(fleet.exchanges, 1)
        yield from self._wait(fleet.credentials, 1)
        yield from self._spend(START, setting.start)

    def _slice(self) -> ProcessGenerator:
        fleet, began = self._fleet, self._env.now
        if self._next is None:
            self._next = self._pull()
        try:
            message: Message = yield self._next
        finally:
            fleet.outcome.spent[IDLE] += self._env.now - began
        self._current, self._next = message, None
        began, spent = self._env.now, defaultdict[str, float](float)
        try:
            yield from self._classify(message, spent)
        except simpy.Interrupt:
            fleet.outcome.spent[REDONE] += self._env.now - began
            raise
        for what, seconds in spent.items():
            fleet.outcome.spent[what] += seconds
        self._current = None
        fleet.written(message.slice)
        fleet.subscription.acknowledge(message)

    def _pull(self) -> Event:
        self._fleet.pulls.admit(self._env.now, 1)
        return self._fleet.subscription.pull()

    def _classify(self, message: Message, spent: defaultdict[str, float]) -> ProcessGenerator:
        fleet, setting, env = self._fleet, self._setting, self._env
        pictures = setting.pictures_of(message.slice)
        lists = ceil(pictures / NAMES_PER_PAGE)
        # It was listed while the slice before was at work, if there was time.
        listed = message.delivered + setting.latency * lists
        fleet.reads.admit(env.now, lists)
        fleet.outcome.class_a += lists + 1
        fleet.outcome.class_b += pictures
        unlisted = max(0.0, listed - env.now)
        spent[SLICE] += unlisted
        yield env.timeout(unlisted)
        self._next = self._pull()
        for first in range(0, pictures, BLOCK):
            block = min(BLOCK, pictures - first)
            own = block / setting.rate
            waits = [
                (capacity.admit(env.now, amount) - env.now, capacity.name)
                for capacity, amount in (
                    (fleet.reads, block),
                    (fleet.bandwidth, block * setting.picture_bytes),
                )
            ]
            longest, name = max(waits)
            spent[WORK] += own
            # Pictures of the next block are read while those of this one are classified.
            spent[f"wait for {name}"] += max(0.0, longest - own)
            yield env.timeout(max(own, longest))
        written = fleet.writes.admit(env.now, 1) - env.now
        spent[SLICE] += max(setting.slice_seconds, written)
        yield env.timeout(max(setting.slice_seconds, written))

    def _wait(self, capacity: Capacity, amount: float) -> ProcessGenerator:
        ready = capacity.admit(self._env.now, amount)
        yield from self._spend(f"wait for {capacity.name}", ready - self._env.now)

    def _spend(self, what: str, seconds: float) -> ProcessGenerator:
        began = self._env.now
        try:
            yield self._env.timeout(seconds)
        finally:
            self._fleet.outcome.spent[what] += self._env.now - began
