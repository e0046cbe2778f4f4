"""What lies on this machine's disk is checked at preview, before anything is changed."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from typing import TYPE_CHECKING

import pytest

from infra.config import local_files
from infra.config.local_files import FilesError

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"a model archive"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def write(folder: Path) -> Path:
    """A file with CONTENT."""
    archive = folder / "model.tar.gz"
    archive.write_bytes(CONTENT)
    return archive


UPLOADED = base64.b64encode(hashlib.md5(CONTENT, usedforsecurity=False).digest()).decode()


def test_an_object_with_the_hash_of_the_file_is_accepted(tmp_path: Path) -> None:
    """Base64, as Cloud Storage gives it."""
    archive = write(tmp_path)
    local_files.uploaded(archive, UPLOADED)


@pytest.mark.parametrize(
    "md5",
    ["", base64.b64encode(bytes(16)).decode(), hashlib.md5(CONTENT).hexdigest(), UPLOADED.lower()],  # noqa: S324  what the cloud would say
)
def test_an_object_with_another_hash_is_refused_with_folder_and_command(
    tmp_path: Path, md5: str
) -> None:
    """The message names the file, both hashes, the plugin's copy, and the command."""
    archive = write(tmp_path)
    with pytest.raises(FilesError) as refusal:
        local_files.uploaded(archive, md5)
    said = str(refusal.value)
    assert said.startswith(f"{archive}: got an object with MD5 {md5} in the bucket, expected ")
    for part in (UPLOADED, tempfile.gettempdir(), f"pulumi-asset-{SHA256}"):
        assert part in said
    assert said.endswith("TMPDIR=$(mktemp -d) pulumi up")


def test_an_admitted_archive_with_its_hash_is_accepted(tmp_path: Path) -> None:
    """Its SHA-256 is the one that it is named by."""
    archive = write(tmp_path)
    local_files.admitted_archives({SHA256: archive}, "a-bucket")


def test_an_admitted_model_without_its_archive_is_refused(tmp_path: Path) -> None:
    """All at once, with the command that gets a released archive from the bucket."""
    archive = write(tmp_path)
    missing, other = "c3" * 32, "d4" * 32
    gone = tmp_path / "gone.tar.gz"
    with pytest.raises(FilesError, match="nothing was changed") as refused:
        local_files.admitted_archives({SHA256: archive, missing: gone, other: archive}, "a-bucket")
    told = str(refused.value)
    assert f"{gone} cannot be read (No such file or directory), expected the archive of" in told
    assert f"gcloud storage cp gs://a-bucket/models/{missing}/model.tar.gz {gone}" in told
    assert f"{archive} has SHA-256 {SHA256}, expected the archive of {other}" in told
    assert f"model.admitAlso.{other}'" in told
    assert f"the archive of {SHA256}" not in told
