"""Secundus types docs/fleet.md: a fleet in three zones, and a job that goes through it.

On the real engine and the local cloud, with the workload's own code and LiteRT, and one picture.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from rehearsal.repository import REPOSITORY
from tests.engine.deployed_stacks import configure, of_working_tree, run, type_line
from tests.engine.page_blocks import blocks

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

PAGE: Final = (REPOSITORY / "docs" / "fleet.md").read_text()
LITERT: Final = {
    "model.archive": "model/model-litert.tar.gz",
    "model.manifest": "model/manifest-litert.json",
}
RECORDS: Final = "results.jsonl"


@pytest.mark.timeout(300)
def test_the_page_can_be_followed_to_the_records_of_a_job(tmp_path: Path, pulumi_cli: Path) -> None:
    """The file that the page names has the record of the picture; three zones have groups."""
    with of_working_tree(tmp_path, pulumi_cli) as deployed:
        workspace, cloud = deployed.workspace, deployed.local.cloud
        workspace.create_stacks()
        configure(workspace, "primus", LITERT)
        run(workspace, "primus", "up", "--yes", "--skip-preview")
        printed = {
            block.commands: type_line(
                workspace,
                block.company,
                block.commands,
                code=block.code,
                PYTHONPATH=f"{REPOSITORY}",
            )
            for block in blocks(PAGE)
        }
        assert sorted(group.zone for group in cloud.groups.values()) == [
            "us-west1-a",
            "us-west1-b",
            "us-west1-c",
        ]
        (record,) = (workspace.program / RECORDS).read_text().splitlines()
    assert json.loads(record)["topK"]
    assert (
        "0 messages published"
        in printed[".venv/bin/confidential-inference submit --missing last\n"]
    )
