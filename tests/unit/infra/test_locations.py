"""Regions and zones that Google does not have are refused, with similar ones."""

from __future__ import annotations

import re
from typing import Any

import pytest

from infra.components.region_move import MoveError, require_agreement
from infra.config.locations import ZONES
from infra.config.problems import SettingsError
from rehearsal.cloud.locations import REGIONS
from tests.unit.infra.test_settings import primus, secundus


@pytest.mark.parametrize(
    ("got", "meant"),
    [
        ("us-wets1", "us-west1"),
        ("us-west11", "us-west1"),
        ("us-east2", "us-east"),
        ("uss-west1", "us-west1"),
        ("eu-west1", "europe-west1"),
        ("europe-west5", "europe-west"),
        ("northamerica-norteast1", "northamerica-northeast1"),
        ("antarctica-pole1", "africa-south1"),
    ],
)
def test_a_misspelt_region_is_refused_with_one_that_is_near(got: str, meant: str) -> None:
    """Google would refuse it only after everything in the old region is deleted."""
    with pytest.raises(SettingsError, match=rf"got:         '{got}'\n.*such as .*{meant}"):
        primus(region=got)


def test_the_program_and_the_local_cloud_have_the_same_regions() -> None:
    """Two tables, because the local cloud must not import the program."""
    assert ZONES == REGIONS


@pytest.mark.parametrize("region", ZONES)
def test_every_region_has_its_default_zone(region: str) -> None:
    """REGION-b, the default of `zone`."""
    assert secundus(region=region, zone=None).zone == f"{region}-b"


@pytest.mark.parametrize(
    ("region", "zone", "near"),
    [
        ("us-west1", "us-west1-z", "us-west1-a"),
        ("us-east1", "us-east1-a", "us-east1-b"),
        ("us-central1", "us-central1-d", "us-central1-f"),
    ],
)
def test_a_zone_that_the_region_does_not_have_is_refused(region: str, zone: str, near: str) -> None:
    """Google would refuse it only after the machine is deleted."""
    with pytest.raises(SettingsError, match=rf"got:         '{zone}'\n.*such as .*{near}"):
        secundus(region=region, zone=zone)


@pytest.mark.parametrize("region", ["us", "europe", "asia"])
def test_a_multi_region_is_accepted_for_primus_only(region: str) -> None:
    """Google has them for buckets and repositories, and for no machine."""
    assert primus(region=region).region == region
    with pytest.raises(SettingsError, match="a region, such as us-west1, and not a multi-region"):
        secundus(region=region)


def test_a_new_location_is_accepted_if_it_is_named() -> None:
    """The table may be older than a region of Google's."""
    opened: dict[str, Any] = {"newLocations": ["us-west9", "us-west1-d"]}
    assert primus(region="us-west9", **opened).region == "us-west9"
    assert secundus(region="us-west9", zone="us-west9-f", **opened).zone == "us-west9-f"
    assert secundus(zone="us-west1-d", **opened).zone == "us-west1-d"
    with pytest.raises(SettingsError, match="us-west8"):
        primus(region="us-west8", **opened)


def test_the_refusal_says_how_to_name_a_new_one() -> None:
    """The line can be pasted."""
    line = (
        "pulumi config set --stack primus --path 'confidential-inference:newLocations[0]' us-west9"
    )
    with pytest.raises(SettingsError, match=re.escape(line)):
        primus(region="us-west9")


def test_the_deployed_region_needs_no_agreement() -> None:
    """Nothing moves."""
    assert require_agreement("primus", "us-west1", "us-west1", "all is lost") == "us-west1"


def test_a_move_is_refused_with_what_it_costs_and_both_ways_on() -> None:
    """Got, expected, consequence, and the commands to stay and to move."""
    expected = (
        "region: got 'us-east1', expected 'us-west1'.*all is lost.*nothing was changed"
        ".*pulumi config set --stack primus 'confidential-inference:region' us-west1"
        ".*pulumi config set --stack primus 'confidential-inference:acceptLoss' us-east1"
    )
    with pytest.raises(MoveError, match="(?s)" + expected):
        require_agreement("primus", "us-east1", "us-west1", "all is lost")
