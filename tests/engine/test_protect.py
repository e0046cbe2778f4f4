"""What `protect` protects: `pulumi destroy` is refused until config no longer asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.deployed_stacks import run, urns
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine


def test_a_protected_pool_survives_destroy_until_config_unprotects_it(
    workspace: Workspace, local_cloud: LocalCloud
) -> None:
    """The preview of `destroy` fails, so that nothing is deleted, and names the command.

    With `--skip-preview` the other resources would be deleted before the pool is refused.
    """
    run(workspace, "primus", "config", "set", "--path", "image.digest", PINNED)
    run(workspace, "primus", "config", "set", "--path", "protect[0]", "pool")
    run(workspace, "primus", "up", "--yes", "--skip-preview")
    push(local_cloud.cloud)
    before = urns(run(workspace, "primus", "stack", "export"))
    refused = workspace.pulumi("primus", "destroy", "--yes")
    assert refused.returncode != 0
    assert "pulumi state unprotect" in refused.stdout + refused.stderr
    assert urns(run(workspace, "primus", "stack", "export")) == before
    run(workspace, "primus", "config", "rm", "protect")
    run(workspace, "primus", "up", "--yes", "--skip-preview")
    run(workspace, "primus", "destroy", "--yes", "--skip-preview")
