"""Keeps the messages that this machine works on, and gives them back when the machine must stop.

Pub/Sub delivers a message to another machine if its deadline passes. A slice may take longer than
one deadline, so a thread extends all of them. The same thread waits for SIGTERM: Google sends it
before it preempts or deletes a machine, and the launcher passes it on. Then other machines get the
messages at once, not only after their deadlines. Nothing is lost if a machine is killed without
notice: its messages are delivered again, and records are written only once.
"""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from workload.fleet.subscription import Subscription

LEASE_SECONDS: Final = 60
"""Like the deadline of the subscription: a killed machine's messages come back after it."""
EXTENSION_SECONDS: Final = 12
"""Between extensions: two may fail by a timeout before a deadline passes."""


def sigterm(seconds: float) -> bool:
    """Waits for SIGTERM; whether it came. All threads must block it."""
    return signal.sigtimedwait({signal.SIGTERM}, seconds) is not None


class Leases:
    """The messages that this machine has."""

    def __init__(
        self,
        subscription: Subscription,
        on_stop: Callable[[], None],
        stopped: Callable[[float], bool] = sigterm,
    ) -> None:
        """Calls `on_stop` in the thread that extends, after all messages are given back.

        `stopped` waits so many seconds for the machine's end, and tells whether it came.
        """
        self._subscription = subscription
        self._on_stop = on_stop
        self._stopped = stopped
        self._held: set[str] = set()
        self._ended = False
        self._lock = threading.Lock()
        threading.Thread(target=self._extend, name="leases", daemon=True).start()

    def hold(self, ack_ids: Iterable[str]) -> None:
        """These messages were delivered to this machine."""
        new = set(ack_ids)
        with self._lock:
            self._held |= new
            ended = self._ended
        if ended:
            self.give_back(sorted(new))

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Their work is done; SUBSCRIPTION_NOT_USABLE."""
        self._subscription.acknowledge(ack_ids)
        self._forget(ack_ids)

    def give_back(self, ack_ids: Sequence[str]) -> None:
        """Their work is not done. If that fails, their deadlines pass."""
        self._forget(ack_ids)
        with suppress(Exception):  # whatever it is, this thread has more to do
            if ack_ids:
                self._subscription.extend(ack_ids, 0)

    def end(self) -> None:
        """Gives everything back, also what is delivered from now on."""
        with self._lock:
            self._ended = True
            held = sorted(self._held)
        self.give_back(held)

    def _forget(self, ack_ids: Iterable[str]) -> None:
        with self._lock:
            self._held -= set(ack_ids)

    def _extend(self) -> None:
        while not self._stopped(EXTENSION_SECONDS):
            with self._lock:
                held = sorted(self._held)
            with suppress(Exception):  # this thread must not die: it waits for SIGTERM, too
                if held:
                    self._subscription.extend(held, LEASE_SECONDS)
        self.end()
        self._on_stop()
