"""The regions and zones that Google has, as of the date below.

Google would refuse a misspelt region only in the middle of an update, after the deletion of
everything in the old region; so a preview refuses it. `newLocations` adds what is not in the table.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from infra.config.reader import Table

AS_OF: Final = "November 2026"

ZONES: Final[dict[str, str]] = {
    **{
        f"{area}{number}": "abc"
        for area, numbers in {
            "africa-south": "1",
            "asia-east": "1 2",
            "asia-northeast": "1 2 3",
            "asia-south": "1 2",
            "asia-southeast": "1 2 3",
            "australia-southeast": "1 2",
            "europe-central": "2",
            "europe-north": "1 2",
            "europe-southwest": "1",
            "europe-west": "2 3 4 6 8 9 10 12",
            "me-central": "1 2",
            "me-west": "1",
            "northamerica-northeast": "1 2",
            "northamerica-south": "1",
            "southamerica-east": "1",
            "southamerica-west": "1",
            "us-east": "4 5",
            "us-south": "1",
            "us-west": "1 2 3 4",
        }.items()
        for number in numbers.split()
    },
    "europe-west1": "bcd",
    "us-central1": "abcf",
    "us-east1": "bcd",
}
"""Region -> the letters of its zones.
https://docs.cloud.google.com/compute/docs/regions-zones#available"""

MULTI_REGIONS: Final = ("us", "europe", "asia")
"""Where a repository and a bucket may be, and no machine:
https://docs.cloud.google.com/artifact-registry/docs/repositories/repo-locations"""


def check_region(table: Table, region: str, opened: tuple[str, ...]) -> None:
    """Report a region that Google is not known to have."""
    if region and region not in (*ZONES, *MULTI_REGIONS, *opened):
        table.refuse("region", **_unknown(table, "region", "region", region, tuple(ZONES)))


def check_zone(
    table: Table, zone: str, region: str, opened: tuple[str, ...], key: str = "zone"
) -> None:
    """Report a zone that the region is not known to have; `key` may be of an object, `a.b[0]`."""
    if not (zone and region):
        return
    above, _, own = key.rpartition(".")
    within = table.table(above) if above else table
    if not zone.startswith(region + "-"):
        within.refuse(
            own,
            got=repr(zone),
            expected=f"a zone of region {region}, where the subnet is",
            fix=table.command("set", key, f"{region}-b"),
        )
        return
    zones = tuple(f"{region}-{letter}" for letter in ZONES.get(region, ""))
    if zones and zone not in (*zones, *opened):
        within.refuse(own, got=repr(zone), **_unknown(table, "zone", key, zone, zones))


def _unknown(table: Table, kind: str, key: str, got: str, known: tuple[str, ...]) -> dict[str, str]:
    near = difflib.get_close_matches(got, known, n=4, cutoff=0.7) or list(known[:4])
    opened = table.command("set", "newLocations[0]", got)
    return {
        "expected": f"a {kind} that Google has, such as {', '.join(near)}",
        "consequence": "Google would refuse it in the middle of an update, when the old resources"
        " are already deleted",
        "fix": f"{table.command('set', key, near[0])}\n"
        f"    or:          {opened}   # if Google has opened it since {AS_OF}",
    }
