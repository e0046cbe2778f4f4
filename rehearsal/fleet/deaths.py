"""Ends machines of a fleet at random moments: by loss of power, or with the notice of Spot VMs."""

from __future__ import annotations

import base64
import json
import random
import threading
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.pubsub.backlog import Backlog
    from rehearsal.cloud.state import Instance

SHORTEST_SECONDS, LONGEST_SECONDS = 0.5, 4.0
"""Between two deaths, at random."""
LOOK_SECONDS: Final = 0.1
MOST_DELIVERIES: Final = 3
"""Of six: what was delivered more often is spared, or deaths alone would make it a dead letter."""


class Taken(NamedTuple):
    """A message that a machine had when it was about to die."""

    backlog: Backlog
    message: str
    """its id"""
    attempt: int

    @property
    def delivered_again(self) -> bool:
        """Whether somebody got the message since."""
        return self.backlog.attempts[self.message] > self.attempt


class Deaths(threading.Thread):
    """Kills and preempts machines that have a slice, until so many died, or until `end`.

    A machine that has nothing else than slice `failing` is spared: that one is delivered again
    in any case.
    """

    def __init__(
        self, local: LocalCloud, seed: int, kills: int, preemptions: int, failing: int
    ) -> None:
        super().__init__(name="deaths", daemon=True)
        self.happened: list[str] = []
        """What happened to which machine, in order."""
        self.taken: list[Taken] = []
        """What the machines had."""
        self._local = local
        self._failing = failing
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
            if self._over.wait(pause) or (found := self._working()) is None:
                return
            machine, taken = found
            machines = self._local.machines
            end = machines.kill if death == "killed" else machines.preempt
            end(machine).result()
            self.taken += taken
            self.happened.append(f"{death} {machine.name}")

    def _working(self) -> tuple[Instance, list[Taken]] | None:
        """A machine that has slices, and these; None if this is over before there is one."""
        while not self._over.wait(LOOK_SECONDS):
            in_hand = self._in_hand()
            working = [
                each
                for each in list(self._local.cloud.instances.values())
                if each.doc["status"] == "RUNNING" and each.id in in_hand
            ]
            if working:
                machine = self._random.choice(working)
                return machine, in_hand[machine.id]
        return None

    def _in_hand(self) -> dict[str, list[Taken]]:
        """What may be taken from each machine, by the machine's id."""
        found: dict[str, list[Taken]] = {}
        for subscription in list(self._local.cloud.subscriptions.values()):
            backlog = subscription.backlog
            for machine, messages in backlog.in_hand(self._local.cloud.now()).items():
                for each in messages:
                    attempt = backlog.attempts[each.id]
                    number = json.loads(base64.b64decode(each.data))["slice"]
                    if attempt <= MOST_DELIVERIES and number != self._failing:
                        found.setdefault(machine, []).append(Taken(backlog, each.id, attempt))
        return found
