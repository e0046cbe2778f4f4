"""The next `up` recovers from a machine whose creation failed after the insert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import two_companies
from rehearsal.workspace import Workspace
from tests.cloud.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

COMPUTE = "compute.googleapis.com"
MACHINE = "/instances/"


@pytest.fixture
def deployed(tmp_path: Path, pulumi_cli: Path) -> Iterator[tuple[Workspace, Cloud]]:
    """Primus is deployed; Secundus' machine was inserted, and the first read of it was refused."""
    cloud, faults = Cloud(), Faults()
    two_companies(cloud)
    with running(cloud, middleware=faults.middleware) as local:
        workspace = Workspace(tmp_path / "workspace", local, pulumi_cli)
        workspace.create_stacks()
        workspace.pulumi("secundus", "config", "rm", "pictures")
        assert workspace.pulumi("primus", "up", "--yes", "--skip-preview").returncode == 0
        faults.answer(403, COMPUTE, MACHINE)
        failed = workspace.pulumi("secundus", "up", "--yes", "--skip-preview")
        assert failed.returncode != 0
        assert "googleapi: Error 403: planned" in failed.stdout
        assert len(cloud.instances) == 1
        yield workspace, cloud


def test_the_next_up_continues_with_the_inserted_machine(deployed: tuple[Workspace, Cloud]) -> None:
    """The preview plans no replacement, `up` succeeds, and the next preview shows no change."""
    workspace, cloud = deployed
    (machine,) = cloud.instances.values()
    preview = workspace.pulumi("secundus", "preview", "--diff")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    assert "replace" not in preview.stdout
    done = workspace.pulumi("secundus", "up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(cloud.instances.values()) == [machine]
    again = workspace.pulumi("secundus", "preview", "--expect-no-changes")
    assert again.returncode == 0, again.stdout
