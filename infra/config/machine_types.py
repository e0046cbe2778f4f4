"""Which machines can attest, and how Google wants each of them scheduled: a table, nothing else.

https://docs.cloud.google.com/confidential-computing/confidential-vm/docs/supported-configurations
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

CONFIDENTIAL_TYPES: Final = ("SEV", "TDX")

WITHOUT_TOKEN: Final = {
    "SEV_SNP": "Google's attestation service issues no token for AMD SEV-SNP"
    " (UNSUPPORTED_CC_TECHNOLOGY), so the workload could never get the model",
}
"""Types that Compute Engine would accept and that lead nowhere."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One machine family under one confidential type."""

    confidential_type: str
    machine_types: str
    """a regular expression"""
    example: str
    min_cpu_platform: str | None
    disk: str = "pd-balanced"
    """the kind of boot disk; newer families take no Persistent Disk"""
    maintenance: str
    """MIGRATE or TERMINATE; only n2d with SEV can be migrated while it runs"""


FAMILIES: Final = (
    Family(
        confidential_type="SEV",
        machine_types=r"n2d-(standard|highmem|highcpu)-[0-9]+",
        example="n2d-standard-2",
        # SEV exists on Rome too, but MIGRATE is allowed from Milan on only.
        min_cpu_platform="AMD Milan",
        maintenance="MIGRATE",
    ),
    Family(
        confidential_type="SEV",
        machine_types=r"c2d-(standard|highmem|highcpu)-[0-9]+",
        example="c2d-standard-2",
        min_cpu_platform="AMD Milan",
        maintenance="TERMINATE",
    ),
    Family(
        confidential_type="SEV",
        machine_types=r"c3d-(standard|highmem|highcpu)-[0-9]+",
        example="c3d-standard-4",
        min_cpu_platform=None,  # always AMD Genoa; naming it is an error
        maintenance="TERMINATE",
    ),
    Family(
        confidential_type="SEV",
        machine_types=r"c4d-(standard|highmem|highcpu)-[0-9]+",
        example="c4d-standard-2",
        min_cpu_platform=None,  # always AMD Turin
        # https://docs.cloud.google.com/compute/docs/general-purpose-machines#c4d_disks
        disk="hyperdisk-balanced",
        maintenance="TERMINATE",
    ),
    Family(
        confidential_type="TDX",
        machine_types=r"c3-standard-(4|8|22|44|88|176)",
        example="c3-standard-4",
        min_cpu_platform=None,  # always Sapphire Rapids
        maintenance="TERMINATE",
    ),
)

DEFAULT_MACHINE: Final = {"SEV": "n2d-standard-2", "TDX": "c3-standard-4"}


def family(confidential_type: str, machine_type: str) -> Family:
    """The row for a machine under a confidential type; LookupError where the two do not fit."""
    for row in FAMILIES:
        if row.confidential_type == confidential_type and re.fullmatch(
            row.machine_types, machine_type
        ):
            return row
    raise LookupError(f"no {machine_type} attests with {confidential_type}")


def fits(confidential_type: str, machine_type: str) -> bool:
    """Whether a machine can attest under a confidential type."""
    try:
        family(confidential_type, machine_type)
    except LookupError:
        return False
    return True


def examples(confidential_type: str) -> str:
    """Machine types that fit a confidential type, one of each family, for people."""
    return ", ".join(f.example for f in FAMILIES if f.confidential_type == confidential_type)
