"""The groups of a simulated fleet, one for each zone, and their autoscaler."""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import TYPE_CHECKING

from bench.fleet.machine import Machine

if TYPE_CHECKING:
    from simpy.events import ProcessGenerator

    from bench.fleet.simulation import Fleet


class Group:
    """The machines of one zone: as many as its target, whatever happens to them."""

    def __init__(self, fleet: Fleet, most: int) -> None:
        self._fleet = fleet
        self.most = most
        self._target = 0
        self._machines: list[Machine] = []

    def resize(self, target: int) -> None:
        """Creates machines, or stops some: which ones, Google does not say."""
        self._target = target
        while len(self._machines) < target:
            self._machines.append(Machine(self._fleet, self))
        surplus = len(self._machines) - target
        for machine in self._fleet.rng.sample(self._machines, max(0, surplus)):
            self._machines.remove(machine)
            machine.stop(noticed=True)

    def ended(self, machine: Machine) -> None:
        """A machine is off that the group did not stop: another one takes its place."""
        if machine in self._machines:
            self._machines.remove(machine)
            self.resize(self._target)


class Autoscaler:
    """Follows the backlog: the most of what was wanted in the stabilization period.

    Each zone has its own in truth; all see the same backlog at the same time.
    https://docs.cloud.google.com/compute/docs/autoscaler/understanding-autoscaler-decisions
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._wanted: deque[tuple[float, int]] = deque()

    def see(self, backlog: int) -> ProcessGenerator:
        """A sample, which is visible after a while."""
        setting, env = self._fleet.setting, self._fleet.env
        yield env.timeout(setting.metric_delay)
        # single_instance_assignment: each zone sees the whole backlog, and takes its share.
        wanted = ceil(backlog / (setting.backlog_per_machine * setting.zones))
        self._wanted.append((env.now, wanted))
        while self._wanted[0][0] < env.now - setting.stabilization:
            self._wanted.popleft()
        most = max(wanted for _, wanted in self._wanted)
        for group in self._fleet.groups:
            group.resize(min(most, group.most))
