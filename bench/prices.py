"""What Google asks for, in US dollars: list prices on demand in us-west1, without taxes.

The pages themselves could not be opened while this was written (2026-11-27): each price is from a
public copy of the page, and `seen` says of which day, where that is known.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Price(NamedTuple):
    """A price, and where it is from."""

    what: str
    dollars: float
    per: str
    page: str
    """Google's own page of this price"""
    seen: str
    """the day of the copy"""


MACHINES: Final = "https://cloud.google.com/products/compute/pricing/general-purpose"
CONFIDENTIAL: Final = "https://cloud.google.com/confidential-computing/confidential-vm/pricing"
DISKS: Final = "https://cloud.google.com/compute/disks-image-pricing"
STORAGE: Final = "https://cloud.google.com/storage/pricing"
REGISTRY: Final = "https://cloud.google.com/artifact-registry/pricing"
PUBSUB: Final = "https://cloud.google.com/pubsub/pricing"
LOGGING: Final = "https://cloud.google.com/products/observability/pricing"

N2D: Final = Price("n2d-standard-2", 0.084492, "hour", MACHINES, "2026-08-06")
C3: Final = Price("c3-standard-4", 0.201608, "hour", MACHINES, "2026-08-30")
SEV_CPU: Final = Price("SEV, each vCPU", 0.005479, "hour", CONFIDENTIAL, "2026-08-06")
SEV_GIB: Final = Price("SEV, each GiB of memory", 0.0007342, "hour", CONFIDENTIAL, "2026-08-06")
TDX_CPU: Final = Price("TDX, each vCPU", 0.0033982, "hour", CONFIDENTIAL, "2026-08-30")
TDX_GIB: Final = Price("TDX, each GiB of memory", 0.0004555, "hour", CONFIDENTIAL, "2026-08-30")
DISK: Final = Price("balanced disk, each GiB", 0.000136986, "hour", DISKS, "2026-08-30")
STORED: Final = Price("bucket, each GiB", 0.02, "month", STORAGE, "2026-09-20")
CLASS_A: Final = Price("upload or list (class A)", 0.005, "1,000", STORAGE, "2026-09-20")
CLASS_B: Final = Price("read (class B)", 0.0004, "1,000", STORAGE, "2026-09-20")
IMAGES: Final = Price("images above 0.5 GiB, each GiB", 0.10, "month", REGISTRY, "undated")
MESSAGES: Final = Price("messages above 10 GiB a month, each TiB", 40, "once", PUBSUB, "2026-09-20")
LOGS: Final = Price("logs above 50 GiB a month, each GiB", 0.50, "once", LOGGING, "2026-09-12")

EVERY: Final = (
    N2D,
    C3,
    SEV_CPU,
    SEV_GIB,
    TDX_CPU,
    TDX_GIB,
    DISK,
    STORED,
    CLASS_A,
    CLASS_B,
    IMAGES,
    MESSAGES,
    LOGS,
)
