"""A digest in config needs its image in the repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine

MISSING = f"image.digest: got {PINNED}, expected the digest of an image in us-west1-docker.pkg.dev/"


def test_a_pinned_image_that_is_absent_is_refused_once_the_repository_exists(
    workspace: Workspace, local_cloud: LocalCloud
) -> None:
    """The first `up` creates the repository and warns; the next ones refuse, until a push."""
    workspace.pulumi("primus", "config", "set", "--path", "image.digest", PINNED)
    first = workspace.pulumi("primus", "up", "--yes")
    assert first.returncode == 0, first.stdout + first.stderr
    assert f"warning: {MISSING}" in first.stdout
    (repository,) = local_cloud.cloud.repositories.values()
    # Read by the next refresh, as a day later
    repository.doc["createTime"] = "2026-11-01T10:00:00.123456789Z"
    assert workspace.pulumi("primus", "refresh", "--yes").returncode == 0
    for command in (("preview",), ("up", "--yes", "--skip-preview")):
        refused = workspace.pulumi("primus", *command)
        assert refused.returncode != 0
        assert MISSING in refused.stdout
        assert "docker buildx build --push" in refused.stdout
        assert "Traceback" not in refused.stdout + refused.stderr
    push(local_cloud.cloud)
    present = workspace.pulumi("primus", "preview", "--expect-no-changes")
    assert present.returncode == 0, present.stdout
    assert "image.digest" not in present.stdout
