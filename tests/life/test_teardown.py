"""Either company can end first, also after somebody deleted things by hand.

The tests depend on their order; they share one deployment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.administrator import Admin
from rehearsal.demo import inventory
from tests.engine.deployed_stacks import configure, of_working_tree, run, run_own
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.deployed_stacks import Deployed

pytestmark = pytest.mark.engine

RESULTS = "secundus-vision-result-bucket"
OBJECT = f"storage.googleapis.com/storage/v1/b/{RESULTS}/o"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployed]:
    """Both companies; the machine is on and writes nothing by itself."""
    with of_working_tree(tmp_path_factory.mktemp("teardown"), pulumi_cli) as deployed:
        deployed.local.machines.boot = False
        workspace = deployed.workspace
        workspace.create_stacks()
        configure(workspace, "primus", {"image.digest": PINNED})
        for company in ("primus", "secundus"):
            run(workspace, company, "up", "--yes", "--skip-preview")
            push(deployed.local.cloud)
        yield deployed


def test_the_author_can_end_first_while_a_machine_is_on(deployed: Deployed) -> None:
    """It asks nothing of the other stack, and the other stack's state stays readable."""
    (machine,) = deployed.local.cloud.instances.values()
    assert machine.doc["status"] == "RUNNING"
    run(deployed.workspace, "primus", "destroy", "--yes", "--skip-preview")
    assert {each.project for each in deployed.local.cloud.buckets.values()} == {"secundus-vision"}


def test_the_operator_ends_without_the_author_and_after_accidents(deployed: Deployed) -> None:
    """Somebody deleted the firewall rule and a picture, and a run wrote results meanwhile."""
    workspace, cloud = deployed.workspace, deployed.local.cloud
    admin = Admin(workspace.environment("secundus"))
    firewall = "projects/secundus-vision/global/firewalls/workload-deny-ingress"
    admin.call("DELETE", f"compute.googleapis.com/compute/v1/{firewall}")
    cloud.buckets["secundus-vision-input-bucket"].objects.clear()
    stopped = workspace.pulumi("secundus", "destroy", "--yes", "--skip-preview")
    assert stopped.returncode == 0, stopped.stdout
    assert inventory.left(cloud, inventory.project_grants(cloud)) == []


def test_a_destroy_that_results_stopped_goes_on_after_empty(deployed: Deployed) -> None:
    """No resource is deployed again for it, and no machine boots."""
    workspace, cloud = deployed.workspace, deployed.local.cloud
    for company in ("primus", "secundus"):
        run(workspace, company, "up", "--yes", "--skip-preview")
        push(cloud)
    session = Admin(workspace.environment("secundus"))
    session.session.post(
        f"https://storage.googleapis.com/upload/storage/v1/b/{RESULTS}/o",
        params={"uploadType": "multipart", "name": "result"},
        data=(
            b"--x\r\nContent-Type: application/json\r\n\r\n{}\r\n"
            b"--x\r\nContent-Type: text/plain\r\n\r\nImage: a\r\n--x--\r\n"
        ),
        headers={
            "Authorization": f"Bearer {session.token}",
            "Content-Type": "multipart/related; boundary=x",
        },
        timeout=30,
    ).raise_for_status()
    stopped = workspace.pulumi("secundus", "destroy", "--yes", "--skip-preview")
    assert stopped.returncode != 0
    assert "force_destroy" in stopped.stdout + stopped.stderr
    run(workspace, "primus", "destroy", "--yes", "--skip-preview")
    assert "1 object deleted" in run_own(workspace, "secundus", "empty", "--yes")
    assert not cloud.instances
    run(workspace, "secundus", "destroy", "--yes", "--skip-preview")
    assert not cloud.buckets
