"""Ends machines of a fleet at random moments: by loss of power, or with the notice of Spot VMs."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Instance

STARTED: Final = 'msg="workload task started"'
"""The launcher's line on the serial console."""
SHORTEST_SECONDS, LONGEST_SECONDS = 0.5, 4.0
"""Between two deaths, at random."""
LOOK_SECONDS: Final = 0.1


class Deaths(threading.Thread):
    """Kills and preempts machines whose workload runs, until so many died, or until `end`."""

    def __init__(self, local: LocalCloud, seed: int, kills: int, preemptions: int) -> None:
        super().__init__(name="deaths", daemon=True)
        self.happened: list[str] = []
        """What happened to which machine, in order."""
        self._local = local
        # Not for secrets: the seed repeats the moments, as far as the machines' speed allows.
        self._random = random.Random(seed)  # noqa: S311
        self._next = ["killed"] * kills + ["preempted"] * preemptions
        self._random.shuffle(self._next)
        self._over = threading.Event()

    def end(self) -> None:
        """End no more machines."""
        self._over.set()
        self.join()

    def run(self) -> None:
        """Wait, choose a machine, end it; again."""
        for death in self._next:
            pause = self._random.uniform(SHORTEST_SECONDS, LONGEST_SECONDS)
            if self._over.wait(pause) or (machine := self._working()) is None:
                return
            machines = self._local.machines
            end = machines.kill if death == "killed" else machines.preempt
            end(machine).result()
            self.happened.append(f"{death} {machine.name}")

    def _working(self) -> Instance | None:
        """A machine whose workload has started; None if this is over before there is one."""
        while not self._over.wait(LOOK_SECONDS):
            working = [
                each
                for each in list(self._local.cloud.instances.values())
                if each.doc["status"] == "RUNNING" and any(STARTED in s for s in each.serial)
            ]
            if working:
                return self._random.choice(working)
        return None
