"""The published example's kind of workload runs on the local cloud as it is, under our policy.

What it takes for granted is what Confidential Space gives it: the token at its path, certificates
that TensorFlow's own Cloud Storage client finds, and the addresses that this client asks.
"""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Instance
    from rehearsal.workspace import Workspace

pytestmark = [pytest.mark.engine, pytest.mark.namespace]

PUBLISHED = Path(__file__).parent / "published"
PICTURES = 3
SECONDS = 180


def deployed(workspace: Workspace, local_cloud: LocalCloud) -> Instance:
    """The machine, once its workload has ended; Primus has built and admitted the example."""
    shutil.rmtree(workspace.program / "workload")
    shutil.copytree(PUBLISHED, workspace.program / "workload")
    for picture in sorted((workspace.program / "model" / "pictures").iterdir())[PICTURES:]:
        picture.unlink()
    # In passing, the repository and the bucket are in a multi-region, as Google allows.
    assert workspace.pulumi("primus", "config", "set", "region", "us").returncode == 0
    for company in ("primus", "secundus"):
        done = workspace.pulumi(company, "up", "--yes", "--skip-preview")
        assert done.returncode == 0, done.stdout + done.stderr
    (machine,) = local_cloud.cloud.instances.values()
    assert local_cloud.machines.finished(machine).wait(SECONDS), machine.serial
    return machine


def test_an_unchanged_workload_gets_the_model_and_predicts(
    workspace: Workspace, local_cloud: LocalCloud
) -> None:
    """Token path, TensorFlow's client, Google's Python clients: every picture gets its class."""
    machine = deployed(workspace, local_cloud)
    bucket = machine.metadata["tee-env-RESULT_URI"].removeprefix("gs://")
    written = local_cloud.cloud.buckets[bucket].objects
    assert "result" in written, machine.serial[-4:]
    model = workspace.program / "model"
    classes = json.loads((model / "manifest.json").read_text())["classes"]
    truth = json.loads((model / "pictures.json").read_text())
    found = {}
    for line in written["result"].data.decode().splitlines():
        name, _, told = line.removeprefix("Image: ").partition(", Response: ")
        found[name] = classes[ast.literal_eval(told)["predicted_class"]]
    assert len(found) == PICTURES
    assert found == {name: truth[name] for name in found}
