"""A quota that all machines share."""

from __future__ import annotations

from math import inf, log, log2


class Capacity:
    """So many requests (or bytes) a second, given in the order in which machines ask.

    With `doubling`, the rate doubles in that many seconds, from the first request on: Cloud Storage
    adapts to a load that grows no faster.
    https://docs.cloud.google.com/storage/docs/request-rate
    """

    def __init__(self, name: str, rate: float, doubling: float = inf) -> None:
        self.name = name
        self._rate, self._doubling = rate, doubling
        self._given = 0.0
        """how much the capacity has given or let pass since the first request"""
        self._first: float | None = None

    def admit(self, now: float, amount: float) -> float:
        """The time at which the last of these requests is through."""
        if self._rate == inf:
            return now
        if self._first is None:
            self._first = now
        passed = now - self._first
        self._given = max(self._given, self._until(passed)) + amount
        return max(now, self._first + self._when(self._given))

    def _until(self, seconds: float) -> float:
        """How much it gives in the first seconds."""
        if self._doubling == inf:
            return self._rate * seconds
        return self._rate * self._doubling / log(2) * (2 ** (seconds / self._doubling) - 1)

    def _when(self, amount: float) -> float:
        """The seconds in which it gives so much."""
        if self._doubling == inf:
            return amount / self._rate
        return self._doubling * log2(1 + amount * log(2) / (self._rate * self._doubling))
