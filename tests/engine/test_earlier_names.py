"""An `up` from a state with the names of an earlier version replaces and deletes nothing.

The earlier state is made from today's: each renamed resource gets back the name that it had at
an earlier commit. The result must have the URNs that the program of that commit left behind, which
are in a fixture; the fixture says how they were captured.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from rehearsal.repository import REPOSITORY
from tests.engine.deployed_stacks import run, urns
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine

EARLIER = {
    "BucketObject::secundus-input-": "BucketObject::",
    "::(primus|secundus)-": "::",
    "::images-operator-222222222222": "::images-operator",
    "::attestation-(pool-suffix|release-)": r"::\1",
    "::(input|result)-(workload-reads|workload-writes)": r"::\2",
}
"""A part of a URN today, and at commit 8ff553c; applied in this order."""
MODEL = "model-2e7921189918"
"""The model's object at that commit."""


def test_an_update_from_the_earlier_names_replaces_nothing(
    workspace: Workspace, local_cloud: LocalCloud
) -> None:
    """Each renamed resource has the alias of its earlier name; the pool keeps its suffix."""
    earlier = json.loads((REPOSITORY / "tests/fixtures/urns_8ff553c.json").read_text())
    run(workspace, "primus", "config", "set", "--path", "image.digest", PINNED)
    for company in ("primus", "secundus"):
        run(workspace, company, "up", "--yes", "--skip-preview")
        push(local_cloud.cloud)
        today = run(workspace, company, "stack", "export")
        state = today
        for now, before in EARLIER.items():
            state = re.sub(now, before, state)
        # The model was another one; its object is named by its hash.
        state_of_then = re.sub("model-[0-9a-f]{12}", MODEL, state)
        # The reader's grant was for the whole bucket: another grant, and not an earlier name.
        state_of_then = re.sub("::model-reader-[0-9a-f]{12}", "::model-reader", state_of_then)
        assert urns(state_of_then) == set(earlier[company])
        file = workspace.folder / "earlier.json"
        file.write_text(state)
        run(workspace, company, "stack", "import", "--file", str(file))
        run(workspace, company, "up", "--yes", "--skip-preview", "--expect-no-changes")
        assert urns(run(workspace, company, "stack", "export")) == urns(today)
