"""The messages of a subscription, each of which is delivered until somebody acknowledges it.

https://docs.cloud.google.com/pubsub/docs/subscription-properties#ack-deadline
https://docs.cloud.google.com/pubsub/docs/handling-failures#subscription_retry_policy
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True, kw_only=True)
class Message:
    """What was published."""

    id: str
    data: str
    """base64"""
    attributes: Mapping[str, str]
    published: str
    """RFC 3339"""


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """How long a message waits before it is delivered again, in seconds; it doubles each time."""

    minimum: float = 0.0
    maximum: float = 0.0

    def seconds(self, attempt: int) -> float:
        """After so many deliveries; nothing before the first one."""
        if attempt == 0:
            return 0.0
        doubled: float = self.minimum * 2 ** min(attempt - 1, LARGEST_EXPONENT)
        return min(doubled, self.maximum)


LARGEST_EXPONENT: Final = 32
AT_ONCE: Final = Backoff()
"""Without a retry policy."""


@dataclass(kw_only=True)
class _Entry:
    message: Message
    attempt: int = 0
    """how often it was delivered"""
    ack_id: str = ""
    """of the last delivery; only this one counts"""
    deadline: float = 0.0
    """until then nobody else gets it"""
    machine: str = ""
    """the id of the machine that got it last; empty for anybody else"""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message on its way to one subscriber."""

    ack_id: str
    message: Message
    attempt: int


@dataclass
class Backlog:
    """Every message that is not acknowledged, in the order of publication.

    Moments are seconds on the cloud's clock.
    """

    _entries: dict[str, _Entry] = field(default_factory=dict)
    """by the message's id"""
    attempts: dict[str, int] = field(default_factory=dict)
    """how often each message was delivered, by its id; also of those that are gone"""

    def __len__(self) -> int:
        """The number of messages that are not acknowledged, delivered or not."""
        return len(self._entries)

    def add(self, message: Message) -> None:
        """Take a message that was published."""
        self._entries[message.id] = _Entry(message=message)

    def forward(self, now: float, forwarded: Callable[[Message, int], bool]) -> None:
        """Remove the messages that went to a dead letter topic.

        `forwarded` gets each message that nobody has and how often it was delivered, and returns
        whether it went there.
        """
        for entry in [each for each in self._entries.values() if each.deadline <= now]:
            if forwarded(entry.message, entry.attempt):
                del self._entries[entry.message.id]

    def pull(
        self,
        now: float,
        most: int,
        seconds: float,
        backoff: Backoff = AT_ONCE,
        machine: str = "",
    ) -> Iterator[Delivery]:
        """Deliver at most so many messages, each for so many seconds, to the machine of that id.

        A message that was delivered before has to wait first, from the end of its deadline on.
        """
        available = [
            each
            for each in self._entries.values()
            if each.deadline + backoff.seconds(each.attempt) <= now
        ]
        for entry in available[:most]:
            entry.attempt += 1
            entry.machine = machine
            self.attempts[entry.message.id] = entry.attempt
            entry.deadline = now + seconds
            entry.ack_id = f"{entry.message.id}-{secrets.token_hex(8)}"
            yield Delivery(ack_id=entry.ack_id, message=entry.message, attempt=entry.attempt)

    def in_hand(self, now: float) -> dict[str, list[Message]]:
        """The messages that each machine has at this moment, by the machine's id."""
        found: dict[str, list[Message]] = {}
        for each in list(self._entries.values()):
            if each.machine and each.deadline > now:
                found.setdefault(each.machine, []).append(each.message)
        return found

    def acknowledge(self, ack_id: str) -> None:
        """Remove a message; nothing happens if it was delivered again since, or is gone.

        After its deadline, and before it is delivered again, Google may accept that; so does this.
        https://docs.cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions/acknowledge
        """
        if (entry := self._find(ack_id)) is not None:
            del self._entries[entry.message.id]

    def modify_deadline(self, ack_id: str, now: float, seconds: float) -> None:
        """Give a delivery so many seconds from now; 0 gives the message back, with the right to it.

        Nothing happens after the deadline: somebody else may have the message.
        """
        entry = self._find(ack_id)
        if entry is not None and entry.deadline > now:
            entry.deadline = now + seconds
            if seconds == 0:
                entry.ack_id = ""

    def _find(self, ack_id: str) -> _Entry | None:
        entry = self._entries.get(ack_id.rpartition("-")[0])
        return entry if entry is not None and entry.ack_id == ack_id else None
