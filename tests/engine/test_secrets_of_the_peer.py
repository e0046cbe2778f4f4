"""Secundus' preview shows the whole handover, and no secret output of the peer's stack."""

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
    """Deploy Primus with one more line in its program, and without a build."""
    program = workspace.program / "__main__.py"
    program.write_text(program.read_text() + IN_STACK_PRIMUS + line + "\n")
    workspace.pulumi("primus", "config", "set", "--path", "image.digest", DIGEST)
    done = workspace.pulumi("primus", "up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr


def test_another_secret_output_of_the_peer_hides_no_part_of_the_handover(
    workspace: Workspace,
) -> None:
    """Secundus' preview shows image and metadata, and not the secret."""
    deploy_primus(workspace, f'pulumi.export("x", pulumi.Output.secret({SECRET!r}))')
    done = workspace.pulumi("secundus", "preview", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert SECRET not in done.stdout
    steps = json.loads(done.stdout)["steps"]
    (machine,) = [s["newState"] for s in steps if s["urn"].endswith(":Instance::secundus-workload")]
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
def test_a_secret_handover_is_refused(workspace: Workspace, line: str) -> None:
    """A preview that shows [secret] cannot be judged, and no value of a handover is secret."""
    deploy_primus(workspace, line)
    done = workspace.pulumi("secundus", "preview")
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert "published its 'handover' as a secret, expected plain values" in output
    assert "Traceback" not in output
