"""Every command of docs/operators.md, in its order, on the real engine and the local cloud."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from rehearsal import revisions
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import two_companies
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import Workspace
from tests.engine.deployed_stacks import run
from tests.engine.pinned import push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cloud.http.server import LocalCloud

pytestmark = pytest.mark.engine

PAGE = (REPOSITORY / "docs" / "operators.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ADD, MODEL, STOP, AGAIN, END, STAGE, DESTROY = BLOCKS
ACME = "reader-acme@primus-models.iam.gserviceaccount.com"


class Deployed(NamedTuple):
    """The deployed stack of Primus, with one picture for Secundus."""

    workspace: Workspace
    local: LocalCloud


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployed]:
    """As the README leaves it after its first step."""
    cloud = Cloud()
    two_companies(cloud)
    folder = tmp_path_factory.mktemp("page")
    program = folder / "program"
    revisions.copy_working_tree(program)
    for picture in sorted((program / "model" / "pictures").iterdir())[1:]:
        picture.unlink()
    with running(cloud) as local:
        workspace = Workspace(folder / "workspace", local, pulumi_cli, program=program)
        run(workspace, "primus", "stack", "init", "primus")
        run(workspace, "primus", "up", "--yes", "--skip-preview")
        push(cloud, *re.findall("sha256:[0-9a-f]{64}", PAGE))
        yield Deployed(workspace, local)


def type_(workspace: Workspace, block: str) -> str:
    """Type the lines of a block, each as the deployer of its stack; what the last one prints.

    A person confirms what `up` and `destroy` show; here nobody does.
    """
    printed = ""
    for line in block.splitlines():
        company = "secundus" if "--stack secundus" in line else "primus"
        confirmed = re.sub(r"^pulumi (up|destroy)", r"\g<0> --yes --skip-preview", line)
        done = subprocess.run(
            ["bash", "-ec", confirmed],
            cwd=workspace.program,
            env=workspace.environment(company),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        printed = done.stdout
    return printed


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
