"""Pulls and prepares the next work while the model is busy with the work before.

One slice is prepared ahead, not more: another machine may be idle. New pictures come one by one, so
several of them make one piece of work.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from workload.errors import SliceError
from workload.fleet.messages import NothingToDo, PictureMessage, SliceMessage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workload.fleet.leases import Leases
    from workload.fleet.preparation import Preparation, SliceWork, StreamWork
    from workload.fleet.subscription import Delivery, Subscription

    Work: TypeAlias = SliceWork | StreamWork
    Assigned: TypeAlias = tuple[Work, tuple[str, ...]]
    """Work, and the ids that acknowledge its messages."""

PICTURES_AT_ONCE: Final = 64
"""New pictures in one piece of work: they share batches, and wait for one another."""
IDLE_SECONDS: Final = 1
"""Before the next pull, if Pub/Sub answers at once that there are no messages."""


class Intake:
    """The work of one worker, in the order of its messages."""

    def __init__(
        self, subscription: Subscription, leases: Leases, preparation: Preparation
    ) -> None:
        self._subscription = subscription
        self._leases = leases
        self._preparation = preparation
        self._deliveries: deque[Delivery] = deque()
        self._ready: queue.SimpleQueue[Assigned | Exception] = queue.SimpleQueue()
        self._wanted = threading.Semaphore(1)
        threading.Thread(target=self._prepare, name="intake", daemon=True).start()

    def next(self, *, wait: bool) -> Assigned | None:
        """The next work; None if none is ready, and the caller does not `wait`.

        Raises what ended the preparation, for example SUBSCRIPTION_NOT_USABLE, but only to a caller
        that waits: another one has work to complete first.
        """
        try:
            ready = self._ready.get(block=wait)
        except queue.Empty:
            return None
        if isinstance(ready, Exception):
            if wait:
                raise ready
            self._ready.put(ready)
            return None
        self._wanted.release()
        return ready

    def _prepare(self) -> None:
        try:
            for assigned in self._assigned():
                self._ready.put(assigned)
                self._wanted.acquire()
        except Exception as error:  # noqa: BLE001  the worker's thread raises it
            self._ready.put(error)

    def _assigned(self) -> Iterator[Assigned]:
        self._wanted.acquire()
        while True:
            if not self._deliveries and not self._pull(1, wait=True):
                time.sleep(IDLE_SECONDS)
                continue
            delivery = self._deliveries.popleft()
            try:
                assigned = self._work(delivery)
            except SliceError:
                self._leases.give_back([delivery.ack_id])
                continue
            if assigned:
                yield assigned
            else:
                self._leases.acknowledge([delivery.ack_id])

    def _work(self, delivery: Delivery) -> Assigned | None:
        """The work of a message; None if there is none to do, SliceError if it is refused."""
        match self._preparation.parse(delivery.message):
            case NothingToDo():
                return None
            case SliceMessage() as message:
                work = self._preparation.slice_work(message)
                return (work, (delivery.ack_id,)) if work else None
            case PictureMessage() as message:
                return self._pictures(delivery, message)

    def _pictures(self, delivery: Delivery, first: PictureMessage) -> Assigned:
        """The work of this new picture, and of the others that wait."""
        self._pull(PICTURES_AT_ONCE - 1, wait=False)
        others, found, ack_ids = list(self._deliveries), [first], [delivery.ack_id]
        self._deliveries.clear()
        for other in others:
            try:
                message = self._preparation.parse(other.message)
            except SliceError:
                message = NothingToDo()
            if isinstance(message, PictureMessage):
                found.append(message)
                ack_ids.append(other.ack_id)
            else:
                self._deliveries.append(other)
        return self._preparation.stream_work(found), tuple(ack_ids)

    def _pull(self, most: int, *, wait: bool) -> bool:
        pulled = self._subscription.pull(most, wait=wait)
        self._leases.hold(each.ack_id for each in pulled)
        self._deliveries.extend(pulled)
        return bool(pulled)
