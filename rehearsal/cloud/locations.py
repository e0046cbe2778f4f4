"""Google's locations: regions with their zones, dual-regions, multi-regions."""

from __future__ import annotations

_NUMBERS: dict[str, tuple[int, ...]] = {
    "africa-south": (1,),
    "asia-east": (1, 2),
    "asia-northeast": (1, 2, 3),
    "asia-south": (1, 2),
    "asia-southeast": (1, 2, 3),
    "australia-southeast": (1, 2),
    "europe-central": (2,),
    "europe-north": (1, 2),
    "europe-southwest": (1,),
    "europe-west": (1, 2, 3, 4, 6, 8, 9, 10, 12),
    "me-central": (1, 2),
    "me-west": (1,),
    "northamerica-northeast": (1, 2),
    "northamerica-south": (1,),
    "southamerica-east": (1,),
    "southamerica-west": (1,),
    "us-central": (1,),
    "us-east": (1, 4, 5),
    "us-south": (1,),
    "us-west": (1, 2, 3, 4),
}
_OTHER_ZONES = {"us-central1": "abcf", "us-east1": "bcd", "europe-west1": "bcd"}

REGIONS = {
    f"{area}{number}": _OTHER_ZONES.get(f"{area}{number}", "abc")
    for area, numbers in _NUMBERS.items()
    for number in numbers
}
"""Region -> the letters of its zones, without zones that are for AI only. The machine types of a
zone are not modelled. https://docs.cloud.google.com/compute/docs/regions-zones"""


def region_of(zone: str) -> str | None:
    """The region of a zone; None if Google has no such zone."""
    region, _, letter = zone.rpartition("-")
    return region if letter in list(REGIONS.get(region, "")) else None


REPOSITORY_LOCATIONS = frozenset({*REGIONS, "asia", "europe", "us"})
"""https://docs.cloud.google.com/artifact-registry/docs/repositories/repo-locations"""

BUCKET_LOCATIONS = {
    **dict.fromkeys((region.upper() for region in REGIONS), "region"),
    **dict.fromkeys(("ASIA", "EU", "US"), "multi-region"),
    **dict.fromkeys(("ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4"), "dual-region"),
}
"""Location of a bucket -> its type. https://docs.cloud.google.com/storage/docs/locations"""
