"""Every command of docs/operators.md, in its order, on the real engine and the local cloud."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from rehearsal.repository import REPOSITORY
from tests.engine.deployed_stacks import of_working_tree, run, type_line
from tests.engine.pinned import push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cloud.state import Cloud
    from rehearsal.workspace import Workspace
    from tests.engine.deployed_stacks import Deployed

pytestmark = pytest.mark.engine

PAGE = (REPOSITORY / "docs" / "operators.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ADD, MODEL, STOP, AGAIN, END, STAGE, DESTROY = BLOCKS
ACME = "reader-acme@primus-models.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployed]:
    """As the README leaves it after its first step."""
    with of_working_tree(tmp_path_factory.mktemp("page"), pulumi_cli) as deployed:
        run(deployed.workspace, "primus", "stack", "init", "primus")
        run(deployed.workspace, "primus", "up", "--yes", "--skip-preview")
        push(deployed.local.cloud, *re.findall("sha256:[0-9a-f]{64}", PAGE))
        yield deployed


def type_(workspace: Workspace, block: str) -> None:
    """Type the lines of a block, each as the deployer of its stack."""
    for line in block.splitlines():
        type_line(workspace, "secundus" if "--stack secundus" in line else "primus", line)


def admitted(cloud: Cloud) -> tuple[bool, bool, int, list[str]]:
    """Provider and reader enabled; images that may act as the reader; models that it may read."""
    (provider,) = (
        each
        for name, each in cloud.providers.items()
        if "-acme-" in name and each.deleted_at is None
    )
    reader = cloud.service_accounts[ACME]
    models = [
        binding["condition"]["title"]
        for bucket in cloud.buckets.values()
        for binding in bucket.policy.bindings
        if f"serviceAccount:{ACME}" in binding["members"]
    ]
    enabled = not provider.doc.get("disabled"), not reader.disabled
    return (*enabled, len(reader.policy.bindings), models)


def others(cloud: Cloud) -> dict[str, str]:
    """All that admits somebody else than Acme."""
    return {
        name: str((each.doc, each.deleted_at))
        for stored in (cloud.providers, cloud.pools)
        for name, each in stored.items()
        if "-acme-" not in name
    } | {
        email: str((each.disabled, each.policy.bindings))
        for email, each in cloud.service_accounts.items()
        if email != ACME and "staging" not in email
    }


def test_an_operator_is_added_moved_stopped_admitted_again_and_ended(deployed: Deployed) -> None:
    """After each block of the page, and nothing that admits another operator ever changes."""
    workspace, cloud = deployed.workspace, deployed.local.cloud
    before = others(cloud)
    seen = []
    for block in (ADD, MODEL, STOP, AGAIN):
        type_(workspace, block)
        seen.append(admitted(cloud))
        assert others(cloud) == before
    assert [each[:3] for each in seen] == [
        (True, True, 1),
        (True, True, 1),
        (False, False, 0),
        (True, True, 1),
    ]
    first, small, none, again = (each[3] for each in seen)
    assert (len(first), len(small), none) == (1, 1, [])
    assert small != first
    assert again == small
    run(workspace, "primus", "preview", "--expect-no-changes")
    type_(workspace, END)
    assert ACME not in cloud.service_accounts
    assert others(cloud) == before


def test_a_staging_pair_runs_beside_production_in_the_same_projects(deployed: Deployed) -> None:
    """Nothing of production changes, and the staging machine gets staging's model."""
    workspace, local = deployed.workspace, deployed.local
    before = others(local.cloud)
    type_(workspace, STAGE)
    for company in ("primus", "secundus"):
        stack = f"{company}-staging"
        run(workspace, company, "preview", "--expect-no-changes", "--stack", stack)
    (machine,) = local.cloud.instances.values()
    assert machine.name == "workload-vm-staging"
    assert local.machines.finished(machine).wait(120), machine.serial
    results = local.cloud.buckets["secundus-vision-result-bucket-staging"].objects
    assert results["result"].data.startswith(b"Image: ")
    assert before.items() <= others(local.cloud).items()
    results.clear()
    type_(workspace, DESTROY)
    assert not [name for name in local.cloud.buckets if name.endswith("-staging")]
    assert local.cloud.buckets["primus-models-model-bucket"].objects
