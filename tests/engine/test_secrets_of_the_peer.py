"""What Secundus sees of a peer whose stack exports secrets: all that crosses, and no secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine

SECRET = "a secret of Primus' own"  # noqa: S105  it is made up
IN_STACK_PRIMUS = "\nimport pulumi\nif pulumi.get_stack() == 'primus':\n    "
DIGEST = "sha256:" + "a1" * 32


def deploy_primus(workspace: Workspace, line: str) -> None:
    """`up` of Primus with a line more in its program; a pinned image spares the build."""
    program = workspace.program / "__main__.py"
    program.write_text(program.read_text() + IN_STACK_PRIMUS + line + "\n")
    workspace.pulumi("primus", "config", "set", "--path", "image.digest", DIGEST)
    done = workspace.pulumi("primus", "up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr


def test_another_secret_output_of_the_peer_hides_nothing(workspace: Workspace) -> None:
    """Image and metadata are shown: a secret beside the handover is none of Secundus' business."""
    deploy_primus(workspace, f'pulumi.export("x", pulumi.Output.secret({SECRET!r}))')
    done = workspace.pulumi("secundus", "preview", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert SECRET not in done.stdout
    steps = json.loads(done.stdout)["steps"]
    (machine,) = [s["newState"] for s in steps if s["urn"].endswith(":Instance::workload")]
    assert machine["inputs"]["metadata"]["tee-image-reference"].endswith(DIGEST)
    assert "[secret]" not in done.stdout


@pytest.mark.parametrize(
    "line",
    [
        'pulumi.export("handover", pulumi.Output.secret({"schema": "x"}))',
        'pulumi.export("handover", {"schema": "x", "image": pulumi.Output.secret("y")})',
    ],
    ids=["as a whole", "in a part"],
)
def test_a_secret_handover_is_refused_with_the_reason(workspace: Workspace, line: str) -> None:
    """Nothing that crosses is secret, and a preview that hides it cannot be judged."""
    deploy_primus(workspace, line)
    done = workspace.pulumi("secundus", "preview")
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert "published its 'handover' as a secret, expected plain values" in told
    assert "Traceback" not in told
