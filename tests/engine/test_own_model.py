"""The published example's model, packed and released by the lines of docs/models.md."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rehearsal.repository import REPOSITORY

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of TensorFlow's own dependencies
    from bench.models import hub_module, networks

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.workspace import Workspace

pytestmark = [
    pytest.mark.engine,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SECONDS = 240
HUB = "mobilenet_v1_100_128_classification_5.tar.gz"


def lines() -> list[list[str]]:
    """The three commands of the document."""
    text = (REPOSITORY / "docs" / "models.md").read_text(encoding="utf-8")
    section = text.partition("## The published example's model")[2]
    return [shlex.split(line) for line in section.split("```")[1].strip().splitlines()]


def test_the_published_examples_model_gives_its_form_of_results(
    workspace: Workspace, local_cloud: LocalCloud, tmp_path: Path
) -> None:
    """A TF-Hub archive of MobileNet V1 1.0/128 with 1,001 logits: the raw scores are in `result`.

    Weights are random; the labels are as many as ImageNet's, two names of it twice.
    """
    network = networks.application(
        "MobileNet", input_shape=(128, 128, 3), classes=1001, classifier_activation=None
    )
    (workspace.program / HUB).write_bytes(hub_module.archive(network, tmp_path).read_bytes())
    names = ["background", *(f"class {number}" for number in range(996)), *["crane", "maillot"] * 2]
    (workspace.program / "ImageNetLabels.txt").write_text("\n".join(names) + "\n")
    pack, *released = lines()
    assert pack[0].endswith("/confidential-inference")
    done = subprocess.run(
        [sys.executable, "-m", "ops", *pack[1:]],
        cwd=workspace.program,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for command in released:
        arguments = [part.replace("$PWD", str(workspace.program)) for part in command[1:]]
        configured = workspace.pulumi("primus", *arguments)
        assert configured.returncode == 0, configured.stderr
    for company in ("primus", "secundus"):
        up = workspace.pulumi(company, "up", "--yes", "--skip-preview")
        assert up.returncode == 0, up.stdout + up.stderr
    (machine,) = local_cloud.cloud.instances.values()
    assert local_cloud.machines.finished(machine).wait(SECONDS), machine.serial
    bucket = machine.metadata["tee-env-RESULT_URI"].removeprefix("gs://")
    written = local_cloud.cloud.buckets[bucket].objects
    summary = json.loads(written["summary.json"].data)
    assert summary["scores"] == "logits"
    answers = {}
    for line in written["result"].data.decode().splitlines():
        name, _, response = line.removeprefix("Image: ").partition(", Response: ")
        answers[name] = ast.literal_eval(response)
    assert len(answers) == summary["classified"] == 27
    scores = np.array(
        [[each["score"] for each in a["top_k_predictions"]] for a in answers.values()]
    )
    assert scores.shape == (27, 5)
    assert scores.max() > 1  # logits, as in the example, where they reach 12
    assert len({answer["predicted_class"] for answer in answers.values()}) > 1
