"""What is asked for again, and for how long: what can pass, and nothing else.

Two things pass. A service is too busy, or a connection breaks: that is over in moments. A grant of
a minute ago is not in force yet: the launcher waits for none, and until then Google's 403 sounds
like any other. Every other answer is one, and is not asked for twice; above all the refusal of the
model's owner. And where many requests have waited in vain, the next ones do not wait, or a run of
ten thousand pictures would take ten hours to say so. What an error of which library means is
`credentials`' and `storage`'s to say.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from google.api_core.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable

    Predicate = Callable[[Exception], bool]

BUSY = frozenset({408, 429, 500, 502, 503, 504})
"""Google's own list. https://cloud.google.com/storage/docs/retry-strategy"""

FORBIDDEN = 403

BUSY_SECONDS = 120
"""How long a service may be too busy: Google's own measure."""

MAX_FAILURES = 32
"""How many requests may each wait as long as that in vain: all that are on their way at once."""
SUCCESSES_PER_RETRY = 100
"""After so many answers, one more may."""

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Waits double from one to the other; each is random between nothing and twice its size."""


class RetryBudget:
    """With one service, in one run; several threads share it."""

    def __init__(self) -> None:
        self._remaining = float(MAX_FAILURES)
        self._lock = threading.Lock()

    @property
    def exhausted(self) -> bool:
        """Whether nothing is asked for again any more."""
        return self._remaining < 1

    def spend(self) -> None:
        """A request was given up."""
        self._add(-1)

    def earn(self) -> None:
        """A request got what it asked for."""
        self._add(1 / SUCCESSES_PER_RETRY)

    def _add(self, amount: float) -> None:
        with self._lock:
            self._remaining = min(self._remaining + amount, MAX_FAILURES)


def retry_while_busy(busy: Predicate) -> Retry:
    """Asks again for two minutes."""
    return _retry(busy, BUSY_SECONDS)


def retry_until_granted(busy: Predicate, forbidden: Predicate, seconds: float) -> Retry:
    """Asks again for `seconds` while there is no grant, too; with 0 nothing waits for a grant."""
    if not seconds:
        return retry_while_busy(busy)
    return _retry(lambda error: busy(error) or forbidden(error), seconds)


def _retry(predicate: Predicate, seconds: float) -> Retry:
    return Retry(
        predicate=predicate,
        initial=FIRST_WAIT,
        maximum=LONGEST_WAIT,
        multiplier=2,
        timeout=seconds,
    )
