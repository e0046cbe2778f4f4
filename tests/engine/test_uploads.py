"""A file planted in the temporary folder is uploaded in place of ours, and detected."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from infra.config.picture_folder import ENDINGS
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import two_companies
from rehearsal.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cloud.http.server import LocalCloud

pytestmark = pytest.mark.engine

PLANTED = b"planted by somebody else on this machine"


@pytest.fixture(scope="module")
def local() -> Iterator[LocalCloud]:
    """A running cloud with the two companies' empty projects."""
    cloud = Cloud()
    two_companies(cloud)
    with running(cloud) as started:
        yield started


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, local: LocalCloud, pulumi_cli: Path
) -> Workspace:
    """The program with one picture, and both stacks created."""
    workspace = Workspace(tmp_path_factory.mktemp("uploads") / "workspace", local, pulumi_cli)
    pictures = workspace.program / "model" / "pictures"
    for picture in sorted(p for p in pictures.iterdir() if p.suffix in ENDINGS)[1:]:
        picture.unlink()
    workspace.create_stacks()
    return workspace


def plant(workspace: Workspace, file: Path) -> Path:
    """Put another file where the plugin will look for its copy of this one."""
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    copy = workspace.folder / "tmp" / f"pulumi-asset-{sha256}"
    copy.write_bytes(PLANTED)
    return copy


def up(workspace: Workspace, company: str) -> str:
    """The output of `pulumi up`, which must fail."""
    done = workspace.pulumi(company, "up", "--yes", "--skip-preview")
    assert done.returncode != 0
    return done.stdout


def test_a_planted_model_is_detected_and_not_released(shared: Workspace, local: LocalCloud) -> None:
    """It is in the bucket, but no provider, grant or handover is created before it is replaced."""
    model = shared.program / "model" / "model.tar.gz"
    copy = plant(shared, model)
    output = up(shared, "primus")
    assert f"{model.relative_to(shared.program)}: got an object with MD5" in output
    assert str(copy.parent) in output
    assert copy.name in output
    assert "TMPDIR=$(mktemp -d) pulumi up" in output
    cloud = local.cloud
    (bucket,) = cloud.buckets.values()
    assert [stored.data for stored in bucket.objects.values()] == [PLANTED]
    assert (cloud.pools, cloud.providers) == ({}, {})
    assert shared.pulumi("primus", "stack", "output", "handover").returncode != 0

    again = shared.pulumi("primus", "preview")
    assert again.returncode != 0
    assert "got an object with MD5" in again.stdout + again.stderr

    copy.unlink()  # as a new folder does
    done = shared.pulumi("primus", "up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [stored.data for stored in bucket.objects.values()] == [model.read_bytes()]
    assert len(cloud.providers) == 1


def test_a_planted_picture_is_detected_and_not_classified(
    shared: Workspace, local: LocalCloud
) -> None:
    """No machine boots before every picture in the bucket equals its file."""
    (picture,) = (shared.program / "model" / "pictures").iterdir()
    copy = plant(shared, picture)
    assert f"{picture.name}: got an object with MD5" in up(shared, "secundus")
    assert local.cloud.instances == {}
    copy.unlink()
    done = shared.pulumi("secundus", "up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    assert local.cloud.buckets["secundus-vision-input-bucket"].objects[picture.name].data != PLANTED
    assert len(local.cloud.instances) == 1


def test_a_changed_picture_replaces_its_object_only(shared: Workspace) -> None:
    """The reason is `source`. The machine depends on all pictures, and is not changed."""
    (picture,) = (shared.program / "model" / "pictures").iterdir()
    picture.write_bytes(picture.read_bytes() + b"\0")
    done = shared.pulumi("secundus", "preview", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    steps = json.loads(done.stdout)["steps"]
    google = [step for step in steps if "gcp:" in step["urn"].split("::")[2]]
    changed = [step for step in google if step["op"] != "same"]
    assert [step["op"] for step in changed] == ["replace"]
    assert changed[0]["urn"].endswith(picture.name)
    assert changed[0]["replaceReasons"] == ["source"]
