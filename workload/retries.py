"""Retry only transient failures, and only for a limited time.

Two failures are transient. A service is busy or a connection breaks: that is over in moments. An
IAM grant of a minute ago is not in force yet: the launcher does not wait for grants, and Google's
403 looks like any other. Every other answer is final and is not retried, above all the refusal of
the model's owner. After many requests failed in spite of retries, the next ones are not retried, or
a run of ten thousand pictures would take ten hours to fail. `credentials` and `storage` decide
which error of which library is transient.
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
"""How long to retry a busy service: Google's own default."""

MAX_FAILURES = 32
"""Requests that may use up their retries: as many as there are concurrent downloads."""
SUCCESSES_PER_RETRY = 100
"""After so many successful requests, one more may."""

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Waits double from the first to the longest; each is random between 0 and twice that."""


class RetryBudget:
    """Limits the requests to one bucket that use up their retries; thread-safe."""

    def __init__(self) -> None:
        self._remaining = float(MAX_FAILURES)
        self._lock = threading.Lock()

    @property
    def exhausted(self) -> bool:
        """Whether no request is retried any more."""
        return self._remaining < 1

    def spend(self) -> None:
        """A request failed after all its retries."""
        self._add(-1)

    def earn(self) -> None:
        """A request succeeded."""
        self._add(1 / SUCCESSES_PER_RETRY)

    def _add(self, amount: float) -> None:
        with self._lock:
            self._remaining = min(self._remaining + amount, MAX_FAILURES)


def retry_while_busy(busy: Predicate) -> Retry:
    """Retries for two minutes while `busy` says so."""
    return _retry(busy, BUSY_SECONDS)


def retry_until_granted(busy: Predicate, forbidden: Predicate, seconds: float) -> Retry:
    """Also retries `forbidden` errors, for `seconds`; with 0 only busy services."""
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
