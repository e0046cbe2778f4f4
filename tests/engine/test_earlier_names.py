"""An `up` from a state with the names of an earlier version replaces and deletes nothing.

The earlier state is made from today's: each renamed resource gets back the name that it had at
commit 8ff553c. `git diff 8ff553c -- infra/components` shows that no other name has changed.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine

EARLIER = {
    "::attestation-pool-suffix": "::pool-suffix",
    "::attestation-release-": "::release-",
}
"""The end of a URN today, and at commit 8ff553c."""


def run(workspace: Workspace, *command: str) -> str:
    """`pulumi` as Primus, which must succeed."""
    done = workspace.pulumi("primus", *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_update_from_the_earlier_names_replaces_nothing(
    workspace: Workspace, local_cloud: LocalCloud
) -> None:
    """Each renamed resource has the alias of its earlier name; the pool keeps its suffix."""
    run(workspace, "config", "set", "--path", "image.digest", PINNED)
    run(workspace, "up", "--yes", "--skip-preview")
    push(local_cloud.cloud)
    state = run(workspace, "stack", "export")
    for today, earlier in EARLIER.items():
        assert today in state
        state = state.replace(today, earlier)
    file = workspace.folder / "earlier.json"
    file.write_text(state)
    run(workspace, "stack", "import", "--file", str(file))
    pools = set(local_cloud.cloud.pools)
    run(workspace, "up", "--yes", "--skip-preview", "--expect-no-changes")
    assert set(local_cloud.cloud.pools) == pools
    now = json.loads(run(workspace, "stack", "export"))["deployment"]["resources"]
    names = {resource["urn"].rpartition("::")[2] for resource in now}
    assert "attestation-pool-suffix" in names
    assert "pool-suffix" not in names
