"""From one machine to a fleet and back, on the real engine: what goes, what comes, what stays.

One stack goes through many updates; each test continues with the stack of the last one. Machines
are on and do not boot, so that nothing happens but what the engine and Google's groups do.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest

from ops.review.preview import read
from ops.review.review import review
from policy.rules import EVERY
from rehearsal.cloud.state import StoredObject
from rehearsal.demo import inventory
from tests.engine.deployed_stacks import configure, of_working_tree, run
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rehearsal.cloud.state import Cloud, Instance
    from tests.engine.deployed_stacks import Deployed

pytestmark = pytest.mark.engine

PROJECT: Final = "secundus-vision"
TOPIC, DEAD_TOPIC = (f"projects/{PROJECT}/topics/workload-{n}" for n in ("slices", "dead-letters"))
WORK: Final = f"projects/{PROJECT}/subscriptions/workload-slices"
RESULTS, PICTURES = f"{PROJECT}-result-bucket", f"{PROJECT}-input-bucket"
SUBNETWORK: Final = f"projects/{PROJECT}/regions/us-west1/subnetworks/workload-subnet"
WORKER: Final = f"serviceAccount:workload-sa@{PROJECT}.iam.gserviceaccount.com"
SUBMITTER: Final = "user:ann@secundus.example"
PUBSUB: Final = "serviceAccount:service-222222222222@gcp-sa-pubsub.iam.gserviceaccount.com"
STORAGE: Final = "serviceAccount:service-222222222222@gs-project-accounts.iam.gserviceaccount.com"
ZONES: Final = ("us-west1-a", "us-west1-b")
DEADLINE_SECONDS: Final = 60


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployed]:
    """Primus, and Secundus with one machine and a result."""
    with of_working_tree(tmp_path_factory.mktemp("fleet"), pulumi_cli) as deployed:
        deployed.local.machines.boot = False
        workspace, cloud = deployed.workspace, deployed.local.cloud
        workspace.create_stacks()
        configure(workspace, "primus", {"image.digest": PINNED})
        for company in ("primus", "secundus"):
            up(deployed, company)
            push(cloud)
        meta = {"name": "result", "generation": "1", "metageneration": "1"}
        cloud.buckets[RESULTS].objects["result"] = StoredObject(meta, b"of one machine")
        yield deployed


def up(deployed: Deployed, company: str = "secundus", *options: str) -> None:
    """`pulumi up`, which must succeed."""
    run(deployed.workspace, company, "up", "--yes", "--skip-preview", *options)


def change(deployed: Deployed) -> None:
    """`pulumi up` of a fleet that runs: its autoscalers chose sizes since the last one."""
    up(deployed, "secundus", "--refresh")


def alarms(deployed: Deployed) -> list[str]:
    """What nobody may overlook in the preview of what is configured now."""
    shown = run(deployed.workspace, "secundus", "preview", "--json", "--show-sames")
    return [each.sentence for each in review(read(shown.encode()), EVERY).alarms]


def forget(deployed: Deployed, key: str) -> None:
    """Remove a key of stack `secundus`."""
    run(deployed.workspace, "secundus", "config", "rm", "--path", key)


def machines(cloud: Cloud) -> dict[str, Instance]:
    """The machines of groups, by name."""
    return {each.name: each for each in list(cloud.instances.values()) if each.group}


def until(condition: Callable[[], bool], what: str) -> None:
    """Return as soon as it holds: a group makes and removes its machines by itself."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS} s: {what}"
        time.sleep(0.05)


def in_zones(cloud: Cloud) -> list[str]:
    """The zone of each machine of a group, once for each machine."""
    return sorted(each.zone for each in machines(cloud).values())


def stored(cloud: Cloud) -> dict[str, tuple[str, dict[str, str]]]:
    """When each bucket of Secundus was made, and the generation of each object."""
    return {
        name: (
            cloud.buckets[name].meta["timeCreated"],
            {path: each.meta["generation"] for path, each in cloud.buckets[name].objects.items()},
        )
        for name in (RESULTS, PICTURES)
    }


def test_a_fleet_takes_the_place_of_the_machine_and_keeps_all_that_is_stored(
    deployed: Deployed,
) -> None:
    """The subnetwork grows in place: one machine needs less room."""
    cloud = deployed.local.cloud
    before = stored(cloud)
    assert [each.name for each in cloud.instances.values()] == ["workload-vm"]
    subnetwork = cloud.networking[SUBNETWORK]["id"]
    forget(deployed, "run")
    configure(
        deployed.workspace,
        "secundus",
        {
            "fleet.mostMachines": "4",
            "fleet.leastMachines": "2",
            "fleet.provisioning": "spot",
            "fleet.submitters[0]": SUBMITTER,
        },
    )
    assert alarms(deployed) == []
    up(deployed)
    until(lambda: in_zones(cloud) == ["us-west1-b"] * 2, "the least number of machines")
    assert "workload-vm" not in {each.name for each in cloud.instances.values()}
    assert stored(cloud) == before
    grown = cloud.networking[SUBNETWORK]
    assert (grown["id"], grown["ipCidrRange"]) == (subnetwork, "10.0.0.0/22")


def test_each_party_may_do_its_own_part_with_the_messages(deployed: Deployed) -> None:
    """And nothing else with them."""
    cloud = deployed.local.cloud
    dead = f"projects/{PROJECT}/subscriptions/workload-dead-letters"
    held = {
        (name, binding["role"].removeprefix("roles/pubsub."), member)
        for named in (cloud.topics, cloud.subscriptions)
        for name, each in named.items()
        for binding in each.policy.bindings
        for member in binding["members"]
    }
    assert held == {
        (WORK, "subscriber", WORKER),
        (WORK, "subscriber", PUBSUB),
        (DEAD_TOPIC, "publisher", PUBSUB),
        (TOPIC, "publisher", SUBMITTER),
        (dead, "subscriber", SUBMITTER),
    }


def test_zones_and_a_stream_are_added_to_a_fleet_that_runs(deployed: Deployed) -> None:
    """The machines are divided anew; a machine that stays is not made again."""
    cloud = deployed.local.cloud
    before = {each.id for each in machines(cloud).values()}
    zones = {f"fleet.zones[{index}]": zone for index, zone in enumerate(ZONES)}
    configure(deployed.workspace, "secundus", {**zones, "fleet.stream": "true"})
    assert alarms(deployed) == []
    change(deployed)
    until(lambda: in_zones(cloud) == list(ZONES), "a machine in each zone")
    assert {each.id for each in machines(cloud).values() if each.zone == ZONES[1]} < before
    (notification,) = cloud.buckets[PICTURES].notifications.values()
    assert notification["topic"] == f"//pubsub.googleapis.com/{TOPIC}"
    assert cloud.topics[TOPIC].policy.members("roles/pubsub.publisher") == {SUBMITTER, STORAGE}


def test_a_second_preview_shows_no_change(deployed: Deployed) -> None:
    """Although the autoscalers chose sizes, Google what ends a Spot VM, and a refresh reads all."""
    run(deployed.workspace, "secundus", "preview", "--refresh", "--expect-no-changes")


def test_another_template_replaces_every_machine_at_once(deployed: Deployed) -> None:
    """The new template exists before the old one is deleted, which then no machine has."""
    cloud = deployed.local.cloud
    (old,) = cloud.templates
    before = {each.id for each in machines(cloud).values()}
    audited = len(cloud.audit)
    configure(deployed.workspace, "secundus", {"machineType": "n2d-standard-4"})
    assert alarms(deployed) == []
    change(deployed)
    (new,) = cloud.templates
    asked = [
        entry.permission.removeprefix("compute.instanceTemplates.")
        for entry in cloud.audit[audited:]
        if entry.permission.startswith("compute.instanceTemplates.")
    ]
    order = [each for each in asked if each in {"create", "delete"}]
    assert (old != new, order) == (True, ["create", "delete"])
    until(
        lambda: (
            in_zones(cloud) == list(ZONES)
            and {each.template for each in machines(cloud).values()} == {new}
        ),
        "a new machine in each zone, and no old one",
    )
    assert before.isdisjoint(each.id for each in machines(cloud).values())


def test_a_zone_and_the_stream_are_removed_from_a_fleet_that_runs(deployed: Deployed) -> None:
    """With the machines there, and the right to announce pictures."""
    cloud = deployed.local.cloud
    forget(deployed, "fleet.zones[0]")
    configure(deployed.workspace, "secundus", {"fleet.stream": "false"})
    change(deployed)
    until(lambda: in_zones(cloud) == ["us-west1-b"] * 2, "all machines in the zone that is left")
    assert {group.zone for group in cloud.groups.values()} == {ZONES[1]}
    assert {each.zone for each in cloud.autoscalers.values()} == {ZONES[1]}
    assert cloud.buckets[PICTURES].notifications == {}
    assert cloud.topics[TOPIC].policy.members("roles/pubsub.publisher") == {SUBMITTER}


def test_one_machine_takes_the_place_of_the_fleet_and_keeps_all_that_is_stored(
    deployed: Deployed,
) -> None:
    """Nothing of the fleet stays, but for the larger subnetwork, which cannot shrink."""
    cloud = deployed.local.cloud
    before, subnetwork = stored(cloud), dict(cloud.networking[SUBNETWORK])
    forget(deployed, "fleet")
    up(deployed)
    assert [each.name for each in cloud.instances.values()] == ["workload-vm"]
    of_fleet = cloud.topics, cloud.subscriptions, cloud.templates, cloud.groups, cloud.autoscalers
    assert of_fleet == ({}, {}, {}, {}, {})
    assert stored(cloud) == before
    assert cloud.networking[SUBNETWORK] == subnetwork


def test_the_end_of_a_fleet_that_runs_leaves_nothing(deployed: Deployed) -> None:
    """No message, machine or grant."""
    cloud = deployed.local.cloud
    grants = inventory.project_grants(cloud)
    configure(
        deployed.workspace,
        "secundus",
        {
            "fleet.mostMachines": "2",
            "fleet.leastMachines": "1",
            "fleet.stream": "true",
            "forceDestroy": "true",
        },
    )
    up(deployed)
    until(lambda: len(machines(cloud)) == 1, "a machine")
    run(deployed.workspace, "secundus", "destroy", "--yes", "--skip-preview")
    run(deployed.workspace, "primus", "destroy", "--yes", "--skip-preview")
    assert inventory.left(cloud, grants) == []
