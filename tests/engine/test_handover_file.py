"""Two companies, each with a backend of its own, type the commands of docs/handover.md.

The tests depend on their order.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from infra.config.problems import NAMESPACE
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud, Instance
from rehearsal.companies import two_companies
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import Workspace
from tests.engine.deployed_stacks import run, type_line, unchanged
from tests.engine.pinned import PINNED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

PAGE = (REPOSITORY / "docs" / "handover.md").read_text().partition("\n## What is refused\n")[0]
BLOCKS = re.findall(
    r"^\*\*(Secundus|Primus)\*\* .*?^```\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
)
"""Who types the commands, and the commands."""
IN_PLACE = "handover.secundus.json"


class Apart(Workspace):
    """A workspace whose companies share no backend."""

    def environment(self, company: str) -> dict[str, str]:
        """Each company's own backend."""
        own = self.folder / f"state-of-{company}"
        own.mkdir(exist_ok=True)
        return {**super().environment(company), "PULUMI_BACKEND_URL": f"file://{own}"}

    @property
    def machine(self) -> Instance:
        """The one machine in the cloud."""
        (found,) = self._cloud.cloud.instances.values()
        return found


def configure(program: Path, company: str, **changes: object) -> None:
    """Replace keys in a stack's file (None removes one)."""
    path = program / f"Pulumi.{company}.yaml"
    parsed = yaml.safe_load(path.read_text())
    for key, value in changes.items():
        parsed["config"].pop(f"{NAMESPACE}:{key}", None)
        if value is not None:
            parsed["config"][f"{NAMESPACE}:{key}"] = value
    path.write_text(yaml.safe_dump(parsed))


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Apart]:
    """Two backends; Primus knows no operator; no picture, no build, no machine that boots."""
    cloud = Cloud()
    two_companies(cloud)
    with running(cloud) as local:
        local.machines.boot = False
        workspace = Apart(tmp_path_factory.mktemp("apart") / "workspace", local, pulumi_cli)
        configure(workspace.program, "primus", operator=None, image={"digest": PINNED})
        configure(workspace.program, "secundus", author=None, pictures=None)
        workspace.create_stacks()
        yield workspace


def type_(workspace: Apart, company: str, line: str) -> None:
    """Type a line of the page as a company, with the command of this repository."""
    own = f"{shlex.quote(sys.executable)} -m ops"
    typed = re.sub(r"^\.venv/bin/confidential-inference", own, line)
    type_line(workspace, company, typed, PYTHONPATH=str(REPOSITORY))


def test_both_deploy_by_the_files_that_they_hand_over(apart: Apart) -> None:
    """Nobody types a number, and neither backend has a stack of the other company."""
    assert [company for company, _ in BLOCKS] == ["Secundus", "Primus", "Secundus"]
    for company, block in BLOCKS:
        for line in block.replace("sha256:…", PINNED).splitlines():
            type_(apart, company.lower(), line)
    published = json.loads(run(apart, "primus", "stack", "output", "handovers", "--json"))["acme"]
    assert published["operatorNumber"] == "222222222222"
    assert apart.machine.metadata["tee-image-reference"] == published["image"]
    assert {
        key.removeprefix("tee-env-"): text
        for key, text in apart.machine.metadata.items()
        if key.startswith("tee-env-MODEL_")
    } == {
        "MODEL_URI": published["modelUri"],
        "MODEL_SHA256": published["modelSha256"],
        "MODEL_AUDIENCE": published["audience"],
        "MODEL_READER": published["modelReader"],
    }


def test_from_the_file_to_a_stack_and_back_nothing_changes(apart: Apart) -> None:
    """Both ways give the same resources, so a company can move to a backend of its own."""
    handovers = json.loads(run(apart, "primus", "stack", "output", "handovers", "--json"))
    stack = {
        "urn": f"urn:pulumi:primus::{NAMESPACE}::pulumi:pulumi:Stack::{NAMESPACE}-primus",
        "type": "pulumi:pulumi:Stack",
        "outputs": {"handovers": handovers},
    }
    state = apart.folder / "peer.json"
    state.write_text(json.dumps({"version": 3, "deployment": {"resources": [stack]}}))
    with unchanged(apart.program / "Pulumi.primus.yaml"):
        run(apart, "secundus", "stack", "init", "primus")
    run(apart, "secundus", "stack", "import", "--stack", "primus", "--file", str(state))
    before = apart.machine.id
    configure(apart.program, "secundus", handover=None)
    run(apart, "secundus", "up", "--yes", "--skip-preview", "--expect-no-changes")
    configure(apart.program, "secundus", handover=IN_PLACE)
    run(apart, "secundus", "preview", "--expect-no-changes")
    assert apart.machine.id == before
