"""A fleet moves to another region on the real engine, which deletes and creates all of it.

Google deletes no template that a group uses, no group that an autoscaler targets, and no subnetwork
that a machine uses. Machines are on and do not boot.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.engine.deployed_stacks import configure, of_working_tree, run
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.deployed_stacks import Deployed

pytestmark = pytest.mark.engine

DEADLINE_SECONDS: Final = 60


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployed]:
    """Primus, and Secundus with a fleet of one machine that works on new pictures, too."""
    with of_working_tree(tmp_path_factory.mktemp("move"), pulumi_cli) as deployed:
        deployed.local.machines.boot = False
        workspace = deployed.workspace
        workspace.create_stacks()
        configure(workspace, "primus", {"image.digest": PINNED})
        run(workspace, "primus", "up", "--yes", "--skip-preview")
        push(deployed.local.cloud)
        for key in ("run", "zone"):
            run(workspace, "secundus", "config", "rm", key)
        fleet = {"mostMachines": "4", "leastMachines": "1", "stream": "true"}
        keys = {f"fleet.{key}": value for key, value in fleet.items()}
        configure(workspace, "secundus", {**keys, "forceDestroy": "true"})
        run(workspace, "secundus", "up", "--yes", "--skip-preview")
        yield deployed


@pytest.mark.parametrize(
    ("region", "zones"),
    [("us-central1", []), ("us-east1", ["us-east1-c", "us-east1-d"])],
    ids=["to a zone of the same letter", "to other zones"],
)
def test_a_fleet_moves_to_another_region_in_one_update(
    deployed: Deployed, region: str, zones: list[str]
) -> None:
    """And a second update has nothing to do."""
    cloud, listed = (
        deployed.local.cloud,
        {f"fleet.zones[{n}]": each for n, each in enumerate(zones)},
    )
    configure(deployed.workspace, "secundus", {"region": region, "acceptLoss": region, **listed})
    run(deployed.workspace, "secundus", "up", "--refresh", "--yes", "--skip-preview")
    expected = zones or [f"{region}-b"]
    assert sorted(group.zone for group in cloud.groups.values()) == expected
    assert sorted(each.zone for each in cloud.autoscalers.values()) == expected
    deadline = time.monotonic() + DEADLINE_SECONDS
    # The stack's picture is uploaded anew; if the stream tells of it, each zone wants a machine.
    while not {expected[0]} <= {each.zone for each in cloud.instances.values()} <= {*expected}:
        assert time.monotonic() < deadline, "no machine in the new region"
        time.sleep(0.05)
    assert len(cloud.templates) == 1
    run(deployed.workspace, "secundus", "preview", "--refresh", "--expect-no-changes")
