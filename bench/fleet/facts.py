"""Every figure that the simulation is fed with, and whether it was measured, published or assumed.

Google's pages could not be opened on the day of writing (2026-11-28): the values are from public
copies of the pages that are linked. Quotas are defaults; a project may have others.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from bench import cost, schedule


class Origin(StrEnum):
    """Where a figure is from."""

    MEASURED = "measured"
    PUBLISHED = "published"
    OURS = "our configuration"
    ASSUMED = "assumed"


class Fact(NamedTuple):
    """A figure, and where it is from."""

    what: str
    value: float
    unit: str
    origin: Origin
    source: str
    """a link, or the reason"""


CLOUD: Final = "https://docs.cloud.google.com"
_SPOT: Final = f"{CLOUD}/compute/docs/instances/spot"
_IAM: Final = f"{CLOUD}/iam/quotas"
_METRICS: Final = f"{CLOUD}/monitoring/api/metrics_gcp_p_z"
_GROUPS: Final = f"{CLOUD}/compute/docs/instance-groups/creating-groups-of-managed-instances"
_AUTOSCALER: Final = f"{CLOUD}/compute/docs/autoscaler#stabilization_period"
_REQUESTS: Final = f"{CLOUD}/storage/docs/request-rate"

PUBLISHED: Final = Origin.PUBLISHED
ATTESTATION: Final = Fact(
    "attestation requests, each project and region",
    5,
    "a second",
    PUBLISHED,
    f"{CLOUD}/confidential-computing/confidential-space/docs/connect-external-resources",
)
EXCHANGES: Final = Fact("STS token exchanges", 6_000, "a minute", PUBLISHED, _IAM)
CREDENTIALS: Final = Fact("generateAccessToken", 60_000, "a minute", PUBLISHED, _IAM)
REGISTRY: Final = Fact(
    "Artifact Registry requests, each region",
    60_000,
    "a minute",
    PUBLISHED,
    f"{CLOUD}/artifact-registry/quotas",
)
READS: Final = Fact(
    "reads and lists of a bucket, at first", 5_000, "a second", PUBLISHED, _REQUESTS
)
WRITES: Final = Fact("writes to a bucket, at first", 1_000, "a second", PUBLISHED, _REQUESTS)
DOUBLING: Final = Fact("they may double in", 20, "minutes", PUBLISHED, _REQUESTS)
BANDWIDTH: Final = Fact(
    "bytes from buckets to machines, each project and region",
    200,
    "Gbit/s",
    PUBLISHED,
    f"{CLOUD}/storage/quotas#bandwidth",
)
MESSAGES: Final = Fact(
    "Pub/Sub pull in a small region; an answer counts 1 kB or more",
    3_000_000,
    "kB a minute",
    PUBLISHED,
    f"{CLOUD}/pubsub/quotas",
)
GROUP: Final = Fact("machines in a zonal group", 1_000, "at most", PUBLISHED, _GROUPS)
METRIC_PERIOD: Final = Fact("the backlog is sampled every", 60, "s", PUBLISHED, _METRICS)
METRIC_DELAY: Final = Fact("and is visible after at most", 120, "s", PUBLISHED, _METRICS)
STABILIZATION: Final = Fact(
    "the autoscaler takes the most of the last", 600, "s", PUBLISHED, _AUTOSCALER
)
NOTICE: Final = Fact("notice before a machine is off, at most", 30, "s", PUBLISHED, _SPOT)

_FLEET: Final = "the subscription of stack `secundus`"
LEASE: Final = Fact("acknowledgement deadline", 60, "s", Origin.OURS, _FLEET)
LEAST_BACKOFF: Final = Fact("back-off before a redelivery, at first", 10, "s", Origin.OURS, _FLEET)
MOST_BACKOFF: Final = Fact("back-off before a redelivery, at most", 600, "s", Origin.OURS, _FLEET)
DELIVERIES: Final = Fact("deliveries before the dead letters", 6, "", Origin.OURS, _FLEET)

ASSUMED: Final = Origin.ASSUMED
BOOT: Final = Fact(
    "from a machine's creation to the pull of the image",
    cost.BOOT_SECONDS,
    "s",
    ASSUMED,
    "as in the costs of the first deployment",
)
PULL: Final = Fact("pull of the image", 100, "MB/s", ASSUMED, "nobody measured it")
LAYERS: Final = Fact("requests for one pull of the image", 20, "", ASSUMED, "a dozen layers")
CREATIONS: Final = Fact(
    "machines that groups create", 300, "a minute", ASSUMED, "Google publishes no rate"
)
LATENCY: Final = Fact(
    "a request to Google", schedule.LATENCY, "s", ASSUMED, "as in the measurements at 30 ms"
)
SLICE: Final = Fact(
    "end of a slice: records and acknowledgement",
    2 * schedule.LATENCY,
    "s",
    ASSUMED,
    "two requests, as if nothing else went on meanwhile",
)
PREEMPTED: Final = Fact(
    "spot machines preempted in a day",
    15,
    "%",
    ASSUMED,
    f"the most that Google once gave as an average of preemptible machines; see <{_SPOT}>",
)
PREEMPTED_BADLY: Final = Fact(
    "spot machines preempted in a bad hour", 20, "%", ASSUMED, "a day on which zones run full"
)
UNNOTICED: Final = Fact("preemptions without notice", 10, "%", ASSUMED, "notice is best effort")
TWICE: Final = Fact("messages delivered twice", 0.1, "%", ASSUMED, "Pub/Sub: at least once")
DISCOUNT: Final = Fact(
    "off the machine's price for spot",
    60,
    "%",
    ASSUMED,
    "the least that Google once promised, now up to 91 %; the confidential surcharge stays:"
    " <https://cloud.google.com/spot-vms/pricing>",
)

EVERY: Final = (
    ATTESTATION,
    EXCHANGES,
    CREDENTIALS,
    REGISTRY,
    READS,
    WRITES,
    DOUBLING,
    BANDWIDTH,
    MESSAGES,
    GROUP,
    METRIC_PERIOD,
    METRIC_DELAY,
    STABILIZATION,
    NOTICE,
    LEASE,
    LEAST_BACKOFF,
    MOST_BACKOFF,
    DELIVERIES,
    BOOT,
    PULL,
    LAYERS,
    CREATIONS,
    LATENCY,
    SLICE,
    PREEMPTED,
    PREEMPTED_BADLY,
    UNNOTICED,
    TWICE,
    DISCOUNT,
)
"""All of this module; what was measured is read from docs/bench.md."""
