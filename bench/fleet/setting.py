"""What one simulation is of: a job, a fleet, and the figures of `facts`."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

from bench.fleet import facts


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A job on a fleet. Times are seconds, sizes bytes."""

    pictures: int
    machines: int
    """`fleet.mostMachines`"""
    rate: float
    """pictures a second of one machine"""
    picture_bytes: float
    image_bytes: float
    start: float
    """from the workload's start to its first prediction, the release of the model included"""
    pictures_per_slice: int = 4096
    zones: int = 3
    backlog_per_machine: int = 4

    boot: float = facts.BOOT.value
    pull_bytes_per_second: float = 1e6 * facts.PULL.value
    latency: float = facts.LATENCY.value
    slice_seconds: float = facts.SLICE.value
    """at the end of each slice, in which no picture is classified"""

    reads: float = facts.READS.value
    reads_doubling: float = 60 * facts.DOUBLING.value
    writes: float = facts.WRITES.value
    bandwidth: float = 1e9 / 8 * facts.BANDWIDTH.value
    pulls: float = facts.MESSAGES.value / 60
    attestations: float = facts.ATTESTATION.value
    exchanges: float = facts.EXCHANGES.value / 60
    credentials: float = facts.CREDENTIALS.value / 60
    registry: float = facts.REGISTRY.value / 60
    creations: float = facts.CREATIONS.value / 60

    metric_period: float = facts.METRIC_PERIOD.value
    metric_delay: float = facts.METRIC_DELAY.value
    stabilization: float = facts.STABILIZATION.value
    grace: float = facts.NOTICE.value
    """from the order to stop until the machine is off"""

    acknowledge_seconds: float = facts.LEASE.value
    least_backoff: float = facts.LEAST_BACKOFF.value
    most_backoff: float = facts.MOST_BACKOFF.value
    most_deliveries: int = int(facts.DELIVERIES.value)
    delivered_twice: float = facts.TWICE.value / 100

    preemptions: float = 0.0
    """of each machine in an hour, 0 for standard machines"""
    unnoticed: float = facts.UNNOTICED.value / 100
    """the share of preemptions without notice"""
    seed: int = 17

    @property
    def slices(self) -> int:
        """Of the whole job; the last one may be smaller."""
        return ceil(self.pictures / self.pictures_per_slice)

    def pictures_of(self, number: int) -> int:
        """How many pictures a slice has."""
        return min(self.pictures_per_slice, self.pictures - number * self.pictures_per_slice)

    def most_in(self, zone: int) -> int:
        """The most machines of a zone: the first zones get the remainder."""
        return self.machines // self.zones + (zone < self.machines % self.zones)


WARM = {"reads": inf, "writes": inf}
"""Of a bucket that has adapted to the load already."""
