"""A preview shows no change that nobody made: whoever runs it, wherever, however often."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rehearsal import revisions
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.workspace import Workspace
from tests.engine.deployed_stacks import configure, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

A, B = (f"sha256:{letter * 64}" for letter in "ab")
OTHER_MODEL = "model/model-litert.tar.gz"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Workspace]:
    """Both companies with every list and mapping that a configuration can hold, after two `up`."""
    cloud = Cloud()
    two_companies(cloud)
    folder = tmp_path_factory.mktemp("quiet")
    program = folder / "program"
    revisions.copy_working_tree(program)
    with running(cloud) as local:
        local.machines.boot = False
        workspace = Workspace(folder / "workspace", local, pulumi_cli, program=program)
        workspace.create_stacks()
        sha256 = hashlib.sha256((program / OTHER_MODEL).read_bytes()).hexdigest()
        primus = {
            "image.admitAlso[0]": B,
            "image.admitAlso[1]": A,
            "hardware[0]": "GCP_INTEL_TDX",
            "hardware[1]": "GCP_AMD_SEV",
            "labels.team": "models",
            "labels.env": "prod",
            "protect[0]": "pool",
            "protect[1]": "modelBucket",
            "newLocations[0]": "us-west1",
            f"model.admitAlso.{sha256}": OTHER_MODEL,
        }
        configure(workspace, "primus", primus)
        run(workspace, "primus", "up", "--yes", "--skip-preview")
        outputs = json.loads(run(workspace, "primus", "stack", "output", "--json"))
        secundus = {
            "approvedDigests[0]": outputs["handover"]["image"].partition("@")[2],
            "approvedDigests[1]": A,
            "operators[1]": "user:zoe@secundus.example",
            "operators[2]": "user:ann@secundus.example",
            "labels.team": "vision",
            "labels.env": "prod",
        }
        configure(workspace, "secundus", secundus)
        run(workspace, "secundus", "up", "--yes", "--skip-preview")
        for company in COMPANIES:
            run(workspace, company, "up", "--yes", "--skip-preview", "--expect-no-changes")
        yield workspace


def quiet(workspace: Workspace, company: str) -> str:
    """What a preview prints that expects no change."""
    return run(workspace, company, "preview", "--expect-no-changes", "--diff")


@pytest.mark.parametrize("company", COMPANIES)
def test_a_deployed_stack_has_neither_changes_nor_warnings(
    deployed: Workspace, company: str
) -> None:
    """Whoever sees a warning in every preview reads none of them."""
    shown = quiet(deployed, company)
    assert "warning" not in shown.lower()
    assert "unchanged" in shown


def reversed_(value: Any) -> Any:
    """The same lists and mappings in another order, and digits without quotation marks."""
    if isinstance(value, dict):
        return {key: reversed_(each) for key, each in reversed(value.items())}
    if isinstance(value, list):
        return [reversed_(each) for each in reversed(value)]
    return int(value) if isinstance(value, str) and value.isdigit() else value


@pytest.mark.parametrize("company", COMPANIES)
def test_another_order_in_the_configuration_changes_nothing(
    deployed: Workspace, company: str
) -> None:
    """None of its lists is ordered."""
    path = deployed.program / f"Pulumi.{company}.yaml"
    before = path.read_text()
    path.write_text(yaml.safe_dump(reversed_(yaml.safe_load(before)), sort_keys=False))
    try:
        quiet(deployed, company)
    finally:
        path.write_text(before)


@pytest.mark.parametrize("company", COMPANIES)
def test_a_comment_in_the_program_changes_nothing(deployed: Workspace, company: str) -> None:
    """No resource depends on the text of the program."""
    with (deployed.program / "infra" / "naming.py").open("a") as file:
        file.write("# A comment.\n")
    quiet(deployed, company)


JUNK = (
    "workload/__pycache__/job.cpython-312.pyc",
    "workload/.DS_Store",
    "workload/.job.py.swp",
    "workload/job.py~",
    "model/pictures/.DS_Store",
    "model/pictures/Thumbs.db",
)


@pytest.fixture(scope="module")
def elsewhere(deployed: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Another person's checkout: other folder, umask, times, language, and what editors leave."""
    program = tmp_path_factory.mktemp("other") / "a folder of another name"
    shutil.copytree(deployed.program, program, symlinks=True)
    for name in JUNK:
        (program / name).parent.mkdir(exist_ok=True)
        (program / name).write_bytes(b"\0")
    for path in program.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o775 if path.is_dir() else 0o664)
            os.utime(path, (1, 1))
    before = deployed.program
    deployed.program = program
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("LANG", "de_DE.UTF-8"), ("LC_ALL", "C"), ("TZ", "Asia/Tokyo")):
            patch.setenv(name, value)
        yield deployed
    deployed.program = before


@pytest.mark.parametrize("company", COMPANIES)
def test_another_checkout_changes_nothing(elsewhere: Workspace, company: str) -> None:
    """Else each of two people would see the other's deployment as a change."""
    quiet(elsewhere, company)
