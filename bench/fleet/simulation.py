"""Runs one job on one fleet, from its submission until no machine is on."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import simpy

from bench.fleet.capacity import Capacity
from bench.fleet.group import Autoscaler, Group
from bench.fleet.subscription import Subscription

if TYPE_CHECKING:
    from simpy.events import ProcessGenerator

    from bench.fleet.setting import Setting


@dataclass(kw_only=True)
class Outcome:
    """What a simulation counted."""

    setting: Setting
    seconds: float = 0.0
    """from the submission to the last records"""
    records: Counter[int] = field(default_factory=Counter)
    """how often each slice was written: the precondition lets only the first one through"""
    refused: int = 0
    """records that the precondition refused"""
    dead: list[int] = field(default_factory=list)
    """slices among the dead letters"""
    preemptions: int = 0
    most: int = 0
    """machines that were on at the same time"""
    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """seconds of machines, by what they did"""
    class_a: int = 0
    """requests that list names or write records"""
    class_b: int = 0
    """requests that read a picture"""

    @property
    def rate(self) -> float:
        """Pictures a second, from the submission to the last records."""
        return self.setting.pictures / self.seconds

    @property
    def machine_seconds(self) -> float:
        """For which machines are paid."""
        return sum(self.spent.values())


class Fleet:
    """The state that all machines share."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.env = simpy.Environment()
        self.rng = random.Random(setting.seed)  # noqa: S311  a simulation, and it must repeat
        self.outcome = Outcome(setting=setting)
        self.subscription = Subscription(self.env, setting, self.rng)
        self.creations = Capacity("creation of machines", setting.creations)
        self.registry = Capacity("Artifact Registry", setting.registry)
        self.attestations = Capacity("attestation", setting.attestations)
        self.exchanges = Capacity("STS", setting.exchanges)
        self.credentials = Capacity("generateAccessToken", setting.credentials)
        self.pulls = Capacity("Pub/Sub", setting.pulls)
        self.reads = Capacity("reads of the bucket", setting.reads, setting.reads_doubling)
        self.writes = Capacity("writes to the bucket", setting.writes, setting.reads_doubling)
        self.bandwidth = Capacity("bandwidth of buckets", setting.bandwidth)
        self.groups = [Group(self, setting.most_in(zone)) for zone in range(setting.zones)]
        self.on = 0
        """machines"""
        self.finished = self.env.event()

    def watch(self, machines: int) -> None:
        """So many machines more are on, or fewer."""
        self.on += machines
        self.outcome.most = max(self.outcome.most, self.on)
        if not self.on and not self.subscription.unacknowledged:
            self.finished.succeed()

    def written(self, number: int) -> None:
        """Records of a slice arrive in the bucket."""
        if self.outcome.records[number]:
            self.outcome.refused += 1
            return
        self.outcome.records[number] += 1
        self.outcome.seconds = self.env.now

    def run(self) -> Outcome:
        """Runs until no message and no machine is left."""
        self.env.process(self._sampled(Autoscaler(self)))
        self.env.run(until=self.finished)
        self.outcome.dead = self.subscription.dead
        return self.outcome

    def _sampled(self, autoscaler: Autoscaler) -> ProcessGenerator:
        """The metric: a sample now and then, which is visible later."""
        while True:
            yield self.env.timeout(self.setting.metric_period)
            self.env.process(autoscaler.see(self.subscription.unacknowledged))


def run(setting: Setting) -> Outcome:
    """Simulates a job; the same setting gives the same outcome."""
    return Fleet(setting).run()
