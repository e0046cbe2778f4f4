"""The key `fleet`: what it holds, what follows from it, and what beside it makes no sense."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import fleet_settings, secundus_settings
from infra.config.problems import NAMESPACE, SettingsError
from infra.stack_name import MAX_STAGE, parse
from tests.fixtures.stack_files import committed
from workload.fleet import jobs

if TYPE_CHECKING:
    from infra.config.secundus_settings import SecundusSettings


def secundus(fleet: object, **changes: Any) -> SecundusSettings:
    """The committed configuration with a fleet, and with some keys replaced."""
    values = {**committed("secundus"), "run": None, **changes, "fleet": fleet}
    return secundus_settings.parse(
        {key: value for key, value in values.items() if value is not None or key == "fleet"}
    )


def test_without_the_key_there_is_one_machine() -> None:
    """A stack of an earlier version stays as it is."""
    assert secundus_settings.parse(committed("secundus")).fleet is None


def test_every_key_of_a_fleet_but_the_largest_number_has_a_default() -> None:
    """How much it may cost is the company's own decision."""
    fleet = secundus({"mostMachines": 8}).fleet
    assert fleet == fleet_settings.Fleet(
        zones=("us-west1-b",),
        most_machines=8,
        least_machines=0,
        provisioning="standard",
        pictures_per_slice=4096,
        backlog_per_machine=4,
        stream=False,
        submitters=(),
    )


def test_every_key_of_a_fleet_can_be_overridden() -> None:
    """No value is ignored, whether it is a number or a text as `config set` stores it."""
    fleet = secundus(
        {
            "zones": ["us-west1-a", "us-west1-c"],
            "mostMachines": "1000",
            "leastMachines": 3,
            "provisioning": "spot",
            "picturesPerSlice": "65536",
            "backlogPerMachine": 1,
            "stream": True,
            "submitters": ["user:ann@x.example"],
        }
    ).fleet
    assert fleet == fleet_settings.Fleet(
        zones=("us-west1-a", "us-west1-c"),
        most_machines=1000,
        least_machines=3,
        provisioning="spot",
        pictures_per_slice=65_536,
        backlog_per_machine=1,
        stream=True,
        submitters=("user:ann@x.example",),
    )


@pytest.mark.parametrize(
    ("zones", "least", "most", "sizes"),
    [
        ("b", 0, 5, [(0, 5)]),
        ("ab", 1, 5, [(1, 3), (0, 2)]),
        ("abc", 5, 5, [(2, 2), (2, 2), (1, 1)]),
        ("abc", 0, 1000, [(0, 334), (0, 333), (0, 333)]),
    ],
)
def test_totals_are_divided_over_the_zones(
    zones: str, least: int, most: int, sizes: list[tuple[int, int]]
) -> None:
    """No machine is lost or invented, and the first zones get what remains."""
    names = [f"us-west1-{letter}" for letter in zones]
    fleet = secundus({"zones": names, "leastMachines": least, "mostMachines": most}).fleet
    assert fleet is not None
    assert dict(fleet.sizes()) == dict(zip(names, sizes, strict=True))


def test_each_zone_counts_only_its_share_of_the_backlog() -> None:
    """The autoscaler of each zone sees the whole subscription."""
    fleet = secundus({"zones": ["us-west1-a", "us-west1-b"], "mostMachines": 2}).fleet
    assert fleet is not None
    assert fleet.assignment == 8


def test_a_slice_is_what_the_workload_takes() -> None:
    """`infra` and `workload` import nothing of each other, so each has the numbers."""
    assert (fleet_settings.STEP, fleet_settings.MOST_PICTURES) == (jobs.STEP, jobs.MOST_PICTURES)


BAD: dict[str, tuple[object, dict[str, Any], str]] = {
    "nothing under the key": ("", {}, "fleet.mostMachines\n.*got: +nothing.*may cost"),
    "a number": (3, {}, "fleet\n.*an object with keys"),
    "no largest number": ({"zones": ["us-west1-a"]}, {}, "fleet.mostMachines\n.*got: +nothing"),
    "no machine at all": ({"mostMachines": 0}, {}, "fleet.mostMachines\n.*from 1 to 1000"),
    "too many": ({"mostMachines": 1001}, {}, "fleet.mostMachines\n.*from 1 to 1000"),
    "fewer than zones": (
        {"mostMachines": 1, "zones": ["us-west1-a", "us-west1-b"]},
        {},
        "fleet.mostMachines\n.*at least 2, one for each zone.*mostMachines' 2",
    ),
    "least above most": (
        {"mostMachines": 2, "leastMachines": 3},
        {},
        "fleet.leastMachines\n.*got: +3.*at most 2, which is mostMachines",
    ),
    "least no number": (
        {"mostMachines": 2, "leastMachines": "few"},
        {},
        "fleet.leastMachines\n.*from 0 to 1000",
    ),
    "an empty list of zones": (
        {"mostMachines": 2, "zones": []},
        {},
        r"fleet.zones\[0\]\n.*an empty list",
    ),
    "a zone of another region": (
        {"mostMachines": 2, "zones": ["us-west1-a", "us-east1-b"]},
        {},
        r"fleet.zones\[1\]\n.*a zone of region us-west1.*fleet.zones\[1\]' us-west1-b",
    ),
    "a zone that Google has not": (
        {"mostMachines": 2, "zones": ["us-west1-x"]},
        {},
        r"fleet.zones\[0\]\n.*a zone that Google has.*or: .*:newLocations\[0\]' us-west1-x",
    ),
    "a zone twice": (
        {"mostMachines": 2, "zones": ["us-west1-a", "us-west1-a"]},
        {},
        r"fleet.zones\[1\]\n.*each entry once",
    ),
    "a slice no multiple": (
        {"mostMachines": 2, "picturesPerSlice": 1000},
        {},
        "fleet.picturesPerSlice\n.*a multiple of 512.*how a job is cut",
    ),
    "a slice too large": (
        {"mostMachines": 2, "picturesPerSlice": 66_048},
        {},
        "fleet.picturesPerSlice\n.*at most 65536",
    ),
    "no backlog": (
        {"mostMachines": 2, "backlogPerMachine": 0},
        {},
        "fleet.backlogPerMachine\n.*from 1 to 1000",
    ),
    "provisioning": (
        {"mostMachines": 2, "provisioning": "preemptible"},
        {},
        "fleet.provisioning\n.*standard or spot",
    ),
    "stream": ({"mostMachines": 2, "stream": "yes"}, {}, "fleet.stream\n.*true or false"),
    "a submitter of no kind": (
        {"mostMachines": 2, "submitters": ["ann@x.example"]},
        {},
        r"fleet.submitters\[0\]\n.*user:, group: or serviceAccount:",
    ),
    "a submitter twice": (
        {"mostMachines": 2, "submitters": ["user:ann@x.example", "user:Ann@x.example"]},
        {},
        r"fleet.submitters\[1\]\n.*in whatever case.*config rm .*fleet.submitters\[1\]",
    ),
    **{
        f"a submitter that the fleet works with: {who}": (
            {"mostMachines": 2, "submitters": ["user:ann@x.example", f"serviceAccount:{who}"]},
            {},
            r"fleet.submitters\[1\]\n.*none of the accounts.*config rm .*fleet.submitters\[1\]",
        )
        for who in (
            "workload-sa@secundus-vision.iam.gserviceaccount.com",
            "Workload-SA@secundus-vision.iam.gserviceaccount.com",
            "service-222222222222@gcp-sa-pubsub.iam.gserviceaccount.com",
            "service-222222222222@gs-project-accounts.iam.gserviceaccount.com",
        )
    },
    "a misspelt key": ({"mostMachine": 2}, {}, r"fleet.mostMachine\n.*fleet.mostMachines\?"),
    "a run beside it": (
        {"mostMachines": 2},
        {"run": "1"},
        "run\n.*'1'.*what runs again is a job.*config rm .*:run'.*submit",
    ),
    "a machine's name too long": (
        {"mostMachines": 2},
        {"names": {"vm": "v" * 59}},
        "names.vm\n.*at most 58 characters in a fleet",
    ),
    "a group's name too long": (
        {"mostMachines": 2},
        {"names": {"group": "g" * 37}},
        "names.group\n.*a name of at most 36",
    ),
    "a topic that Google keeps for itself": (
        {"mostMachines": 2},
        {"names": {"topic": "google-slices"}},
        "names.topic\n.*not 'goog' first",
    ),
    "one topic for both": (
        {"mostMachines": 2},
        {"names": {"topic": "slices", "deadLetters": "slices"}},
        "names.deadLetters\n.*'slices'.*another topic than names.topic.*become work again",
    ),
}


@pytest.mark.parametrize(("fleet", "changes", "expected"), BAD.values(), ids=BAD)
def test_an_invalid_fleet_is_reported_with_consequence_and_fix(
    fleet: object, changes: dict[str, Any], expected: str
) -> None:
    """Before anything is changed, and with a command."""
    with pytest.raises(SettingsError, match=f"(?s){expected}") as caught:
        secundus(fleet, **changes)
    for problem in caught.value.problems:
        assert problem.consequence
        assert re.match(
            rf"pulumi config (set|rm) --stack secundus --path '{NAMESPACE}:", problem.fix
        )


def test_all_problems_of_a_fleet_are_reported_together() -> None:
    """One preview is enough to see them."""
    fleet = {"mostMachines": 1, "leastMachines": 2, "zones": ["us-west1-a", "us-east1-b"]}
    with pytest.raises(SettingsError) as caught:
        secundus(fleet, run="1")
    assert [problem.key for problem in caught.value.problems] == [
        "fleet.zones[1]",
        "fleet.mostMachines",
        "fleet.leastMachines",
        "run",
    ]


def test_a_stage_ends_the_names_of_a_fleet() -> None:
    """Two stages fit into one project, and the longest stage into Google's limits."""
    stage = "s" * MAX_STAGE
    values = {**committed("secundus"), "fleet": {"mostMachines": 1}}
    values.pop("run")
    names = secundus_settings.parse(values, parse(f"secundus-{stage}")).names
    assert (names.group, names.topic, names.dead_letters) == (
        f"workload-fleet-{stage}",
        f"workload-slices-{stage}",
        f"workload-dead-letters-{stage}",
    )
