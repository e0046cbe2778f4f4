"""Pulls and prepares the next work while the model is busy with the work before.

One slice is prepared ahead, not more: another machine may be idle. New pictures come one by one, so
several of them make one piece of work.
"""

from __future__ import annotations

import datetime as dt
import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from workload.errors import SliceError, SliceFailure
from workload.fleet.messages import NothingToDo, PictureMessage, SliceMessage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workload.fleet.leases import Leases
    from workload.fleet.preparation import Preparation, SliceWork, StreamWork
    from workload.fleet.subscription import Delivery, Subscription

    Work: TypeAlias = SliceWork | StreamWork
    Assigned: TypeAlias = tuple[Work, tuple[Delivery, ...]]
    """Work, and its messages: one for a slice, or one for each new picture, in order."""

PICTURES_AT_ONCE: Final = 64
"""New pictures in one piece of work: they share batches, and wait for one another."""
ALONE_FROM: Final = 3
"""From this attempt on, a new picture is classified alone: it may be the one that ends workers."""
IDLE_SECONDS: Final = 1
"""Before the next pull, if Pub/Sub answers at once that there are no messages."""
REFUSAL_SECONDS: Final = 60
"""Before the next pull, after a refusal because of what this machine is. Refusing is quick: one
machine of an old image would take the slices away from all machines of the new one."""
OLD: Final = dt.timedelta(minutes=10)
"""A message that is older than this machine's first pull, by so much, is refused without a wait: an
old job left it. A machine of an old image may still boot for so long beside the new image."""
NOT_FOR_THIS_MACHINE: Final = (
    SliceFailure.OTHER_INPUT,
    SliceFailure.OTHER_MODEL,
    SliceFailure.OTHER_IMAGE,
)


class Intake:
    """The work of one worker, in the order of its messages."""

    def __init__(
        self, subscription: Subscription, leases: Leases, preparation: Preparation
    ) -> None:
        self._subscription = subscription
        self._leases = leases
        self._preparation = preparation
        self._deliveries: deque[Delivery] = deque()
        self._old = f"{dt.datetime.now(dt.UTC) - OLD:%Y-%m-%dT%H:%M:%S}"
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
            except SliceError as error:
                self._leases.give_back([delivery.ack_id])
                if error.failure in NOT_FOR_THIS_MACHINE and not self._is_old(delivery):
                    time.sleep(REFUSAL_SECONDS)
                continue
            if assigned:
                yield assigned
            else:
                self._leases.acknowledge([delivery.ack_id])

    def _is_old(self, delivery: Delivery) -> bool:
        published = delivery.message.get("publishTime")
        return published is not None and published[: len(self._old)] < self._old

    def _work(self, delivery: Delivery) -> Assigned | None:
        """The work of a message; None if there is none to do, SliceError if it is refused."""
        match self._preparation.parse(delivery.message):
            case NothingToDo():
                return None
            case SliceMessage() as message:
                work = self._preparation.slice_work(message)
                return (work, (delivery,)) if work else None
            case PictureMessage() as message:
                return self._pictures(delivery, message)

    def _pictures(self, delivery: Delivery, first: PictureMessage) -> Assigned:
        """The work of this new picture, and of the others that wait."""
        found = [(first, delivery)]
        if _shares_batches(delivery):
            self._add_others(found)
        messages, deliveries = zip(*found, strict=True)
        return self._preparation.stream_work(messages), deliveries

    def _add_others(self, found: list[tuple[PictureMessage, Delivery]]) -> None:
        """Add new pictures, as long as there are no other messages among those that wait.

        The first pull is of one message, and each following one twice as large: so this machine
        takes few slices that other machines could work on, and gives back all but one.
        """
        while (room := PICTURES_AT_ONCE - len(found)) and not self._deliveries:
            if not self._pull(min(len(found), room), wait=False):
                return
            pulled = list(self._deliveries)
            self._deliveries.clear()
            for each in pulled:
                if (message := self._picture(each)) is not None:
                    found.append((message, each))
                elif not self._deliveries:
                    self._deliveries.append(each)
                else:
                    self._leases.give_back([each.ack_id])

    def _picture(self, delivery: Delivery) -> PictureMessage | None:
        """The new picture of a message that may share batches with others, or None."""
        try:
            message = self._preparation.parse(delivery.message)
        except SliceError:
            return None
        if isinstance(message, PictureMessage) and _shares_batches(delivery):
            return message
        return None

    def _pull(self, most: int, *, wait: bool) -> bool:
        pulled = self._subscription.pull(most, wait=wait)
        self._leases.hold(each.ack_id for each in pulled)
        self._deliveries.extend(pulled)
        return bool(pulled)


def _shares_batches(delivery: Delivery) -> bool:
    return delivery.attempt is None or delivery.attempt < ALONE_FROM
