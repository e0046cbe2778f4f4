"""What a simulated job costs: machines, disks and requests, by the prices of `bench.prices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench import cost, prices
from bench.fleet import facts

if TYPE_CHECKING:
    from bench.fleet.simulation import Outcome

MACHINE: Final = cost.MACHINES[0]
"""n2d-standard-2 with SEV: two vCPUs, as many as the measurements had cores."""
MILLION: Final = 1_000_000
NOTIFICATION: Final = 2_000
"""Bytes of a notification with the object's resource. Assumed."""


def hour(*, spot: bool) -> float:
    """Dollars for an hour of one machine with its disk."""
    discount = MACHINE.base.dollars * facts.DISCOUNT.value / 100 if spot else 0
    return MACHINE.hour + cost.DISK_HOUR - discount


def requests(class_a: float, class_b: float) -> float:
    """Dollars for requests to buckets."""
    return (class_a * prices.CLASS_A.dollars + class_b * prices.CLASS_B.dollars) / 1000


def dollars(outcome: Outcome, *, spot: bool = False) -> float:
    """Of the whole job. Its messages cost nothing: a job has fewer than 10 GiB of them."""
    machines = outcome.machine_seconds / 3600 * hour(spot=spot)
    return machines + requests(outcome.class_a, outcome.class_b)


def per_million(outcome: Outcome, *, spot: bool = False) -> float:
    """Of a million pictures of the job."""
    return dollars(outcome, spot=spot) * MILLION / outcome.setting.pictures


def stream_million() -> tuple[float, float]:
    """Of a million pictures of a stream, beside machines: requests, and messages.

    Each picture has a message, which is published and delivered, and an object with its record.
    """
    messages = 2 * NOTIFICATION * MILLION / 2**40 * prices.MESSAGES.dollars
    return requests(MILLION, MILLION), messages
