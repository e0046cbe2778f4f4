"""An `up` from a state with the names of an earlier version replaces and deletes nothing.

The earlier state is made from today's: each renamed resource gets back the name that it had at
commit 8ff553c. The result must have the URNs that the program of that commit left behind, which
are in a fixture; the fixture says how they were captured.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rehearsal.repository import REPOSITORY
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine

FIXTURE = REPOSITORY / "tests" / "fixtures" / "urns_8ff553c.json"

RENAMED = {
    "::attestation-pool-suffix": "::pool-suffix",
    "::attestation-release-": "::release-",
    "::input-workload-reads": "::workload-reads",
    "::result-workload-writes": "::workload-writes",
}
"""The end of a URN today, and at commit 8ff553c."""


def run(workspace: Workspace, company: str, *command: str) -> str:
    """`pulumi` as a company, which must succeed."""
    done = workspace.pulumi(company, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def urns(state: str) -> set[str]:
    """The URNs of an exported state, but for those of objects in buckets."""
    resources = json.loads(state)["deployment"]["resources"]
    return {r["urn"] for r in resources if not r["type"].endswith(":BucketObject")}


def test_an_update_from_the_earlier_names_replaces_nothing(
    workspace: Workspace, local_cloud: LocalCloud
) -> None:
    """Each renamed resource has the alias of its earlier name; the pool keeps its suffix."""
    earlier = json.loads(FIXTURE.read_text())
    run(workspace, "primus", "config", "set", "--path", "image.digest", PINNED)
    for company in ("primus", "secundus"):
        run(workspace, company, "up", "--yes", "--skip-preview")
        push(local_cloud.cloud)
        today = run(workspace, company, "stack", "export")
        state = today
        for now, before in RENAMED.items():
            state = state.replace(now, before)
        assert urns(state) == set(earlier[company])
        file = workspace.folder / "earlier.json"
        file.write_text(state)
        run(workspace, company, "stack", "import", "--file", str(file))
        run(workspace, company, "up", "--yes", "--skip-preview", "--expect-no-changes")
        assert urns(run(workspace, company, "stack", "export")) == urns(today)
