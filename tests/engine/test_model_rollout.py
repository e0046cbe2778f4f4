"""During a rollout, the bucket holds exactly the models that the condition admits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine


def test_admitted_models_are_stored_and_a_withdrawn_model_is_deleted(
    workspace: Workspace, local_cloud: LocalCloud
) -> None:
    """At each step the condition and the bucket hold the same models."""
    model = workspace.program / "model"
    old, new = (
        json.loads((model / name).read_text())["archive"]["sha256"]
        for name in ("manifest.json", "manifest-litert.json")
    )
    steps: list[tuple[dict[str, str | None], set[str]]] = [
        ({"image.digest": PINNED}, {old}),
        (
            {
                "model.archive": "model/model-litert.tar.gz",
                "model.manifest": "model/manifest-litert.json",
                f"model.admitAlso.{old}": "model/before.tar.gz",
            },
            {old, new},
        ),
        ({f"model.admitAlso.{old}": None}, {new}),
    ]
    for changes, admitted in steps:
        for key, value in changes.items():
            command = ["rm", key] if value is None else ["set", key, value]
            done = workspace.pulumi("primus", "config", command[0], "--path", *command[1:])
            assert done.returncode == 0, done.stderr
        if admitted == {old, new}:
            (model / "model.tar.gz").rename(model / "before.tar.gz")
        done = workspace.pulumi("primus", "up", "--yes", "--skip-preview")
        assert done.returncode == 0, done.stdout
        push(local_cloud.cloud)
        (bucket,) = local_cloud.cloud.buckets.values()
        assert set(bucket.objects) == {f"models/{sha256}/model.tar.gz" for sha256 in admitted}
        (provider,) = local_cloud.cloud.providers.values()
        condition = provider.doc["attributeCondition"]
        assert {sha256 for sha256 in (old, new) if sha256 in condition} == admitted
