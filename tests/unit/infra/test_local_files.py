"""What lies on this machine's disk is checked at preview, before anything is changed."""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from typing import TYPE_CHECKING

import pytest

from infra.config import local_files
from infra.config.local_files import FilesError
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

MODEL = REPOSITORY / "model"
CONTENT = b"a model archive"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def write(folder: Path, content: bytes = CONTENT, manifest: object = None) -> tuple[Path, Path]:
    """An archive and a manifest; the manifest describes CONTENT unless another is given."""
    archive, declared = folder / "model.tar.gz", folder / "manifest.json"
    archive.write_bytes(content)
    if manifest is None:
        described = {"file": archive.name, "bytes": len(CONTENT), "sha256": SHA256}
        manifest = {"format": "litert", "archive": described}
    declared.write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    return archive, declared


def test_an_archive_that_matches_its_manifest_is_accepted(tmp_path: Path) -> None:
    """Its hash is part of the object's name and of the release condition."""
    archive, manifest = write(tmp_path)
    assert local_files.model_archive(archive, manifest) == local_files.ModelArchive(
        path=archive, sha256=SHA256, format="litert"
    )


@pytest.mark.parametrize(
    ("archive", "manifest", "kind"),
    [
        ("model.tar.gz", "manifest.json", "tensorflow-saved-model"),
        ("model-litert.tar.gz", "manifest-litert.json", "litert"),
    ],
)
def test_both_committed_archives_can_be_deployed(archive: str, manifest: str, kind: str) -> None:
    """Config model.archive and model.manifest choose one of them, and with it the engine."""
    found = local_files.model_archive(MODEL / archive, MODEL / manifest)
    assert found.format == kind


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"x", b"A" + CONTENT[1:]])
def test_an_archive_that_does_not_match_its_manifest_is_refused(
    tmp_path: Path, content: bytes
) -> None:
    """The condition would admit the wrong model."""
    with pytest.raises(FilesError, match=r"has \d+ bytes and SHA-256 [0-9a-f]{64}, but .* says"):
        local_files.model_archive(*write(tmp_path, content))


def test_a_missing_archive_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    """Without it there is nothing to release."""
    archive, manifest = write(tmp_path)
    archive.unlink()
    with pytest.raises(FilesError, match=r"cannot be read.*No such file.*`make model`"):
        local_files.model_archive(archive, manifest)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    """Without it nobody could tell whether the archive is whole."""
    archive, manifest = write(tmp_path)
    manifest.unlink()
    with pytest.raises(FilesError, match=r"model.manifest: .*No such file"):
        local_files.model_archive(archive, manifest)


@pytest.mark.parametrize(
    "manifest",
    [
        "{",
        "[]",
        "{}",
        '{"format": "litert", "archive": {"bytes": 3}}',
        '{"archive": {"bytes": 3, "sha256": ""}}',
        '{"format": "onnx", "archive": {"bytes": 3, "sha256": ""}}',
    ],
)
def test_an_invalid_manifest_is_refused(tmp_path: Path, manifest: str) -> None:
    """Also where it is no JSON, or JSON of another shape."""
    with pytest.raises(FilesError, match=r"cannot be used .*expected a JSON object"):
        local_files.model_archive(*write(tmp_path, manifest=manifest))


UPLOADED = base64.b64encode(hashlib.md5(CONTENT, usedforsecurity=False).digest()).decode()


def test_an_object_with_the_hash_of_the_file_is_accepted(tmp_path: Path) -> None:
    """Base64, as Cloud Storage gives it."""
    archive, _ = write(tmp_path)
    local_files.uploaded(archive, UPLOADED)


@pytest.mark.parametrize(
    "md5",
    ["", base64.b64encode(bytes(16)).decode(), hashlib.md5(CONTENT).hexdigest(), UPLOADED.lower()],  # noqa: S324  what the cloud would say
)
def test_an_object_with_another_hash_is_refused_with_folder_and_command(
    tmp_path: Path, md5: str
) -> None:
    """The message names the file, both hashes, the plugin's copy, and the command."""
    archive, _ = write(tmp_path)
    with pytest.raises(FilesError) as refusal:
        local_files.uploaded(archive, md5)
    said = str(refusal.value)
    assert said.startswith(f"{archive}: got an object with MD5 {md5} in the bucket, expected ")
    for part in (UPLOADED, tempfile.gettempdir(), f"pulumi-asset-{SHA256}"):
        assert part in said
    assert said.endswith("TMPDIR=$(mktemp -d) pulumi up")


def test_an_admitted_archive_with_its_hash_is_accepted(tmp_path: Path) -> None:
    """Its SHA-256 is the one that it is named by."""
    archive, _ = write(tmp_path)
    local_files.admitted_archives({SHA256: archive}, "a-bucket")


def test_an_admitted_model_without_its_archive_is_refused(tmp_path: Path) -> None:
    """All at once, with the command that gets a released archive from the bucket."""
    archive, _ = write(tmp_path)
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
