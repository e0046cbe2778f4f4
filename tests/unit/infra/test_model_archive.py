"""The model's archive and manifest are checked at preview as the enclave would check them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import model_archive
from infra.config.local_files import FilesError
from rehearsal.repository import REPOSITORY
from tests.fixtures.manifests import FULL, GOLDEN, GOOD, changed
from tests.fixtures.model_files import contents, described, write
from workload import archive, manifest

if TYPE_CHECKING:
    from pathlib import Path

MODEL = REPOSITORY / "model"
LITERT = described("litert")
FILES = contents(LITERT)


def test_a_valid_archive_is_accepted(tmp_path: Path) -> None:
    """Its hash is part of the object's name and of the release condition."""
    path, beside = write(tmp_path, LITERT)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    expected = model_archive.ModelArchive(path=path, sha256=sha256, format="litert")
    assert model_archive.model_archive(path, beside) == expected


@pytest.mark.parametrize(
    ("archive", "manifest", "kind"),
    [
        ("model.tar.gz", "manifest.json", "tensorflow-saved-model"),
        ("model-litert.tar.gz", "manifest-litert.json", "litert"),
    ],
)
def test_both_committed_archives_can_be_deployed(archive: str, manifest: str, kind: str) -> None:
    """Config model.archive and model.manifest choose one of them, and with it the engine."""
    found = model_archive.model_archive(MODEL / archive, MODEL / manifest)
    assert found.format == kind


@pytest.mark.parametrize("archive", [{"bytes": 1}, {"sha256": "a" * 64}, {"sha256": None}])
def test_an_archive_that_is_not_the_described_one_is_refused(
    archive: dict[str, Any], tmp_path: Path
) -> None:
    """The condition would admit the wrong model."""
    with pytest.raises(FilesError, match=r"has \d+ bytes and SHA-256 [0-9a-f]{64}, but .* says"):
        model_archive.model_archive(*write(tmp_path, LITERT, **archive))


def test_an_archive_that_is_too_large_for_the_workload_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every run would download it in vain."""
    path, beside = write(tmp_path, LITERT)
    size = path.stat().st_size
    monkeypatch.setattr(archive, "MAX_ARCHIVE", size)
    model_archive.model_archive(path, beside)
    monkeypatch.setattr(archive, "MAX_ARCHIVE", size - 1)
    with pytest.raises(FilesError, match=f"has {size:,} bytes, and the workload takes at most"):
        model_archive.model_archive(path, beside)


def test_a_missing_archive_is_refused_with_the_command_that_packs_one(tmp_path: Path) -> None:
    """Without it there is nothing to release."""
    path, beside = write(tmp_path, LITERT)
    path.unlink()
    with pytest.raises(FilesError, match=r"No such file.*confidential-inference pack MODEL"):
        model_archive.model_archive(path, beside)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "the file cannot be read: No such file"),
        ("{", "the file: got JSONDecodeError, expected JSON"),
        ("[" * 100_000, "the file: got RecursionError, expected JSON"),
        ("[]", "archive: got nothing, expected an object"),
        (json.dumps(GOOD), "archive: got nothing, expected an object"),
        (json.dumps({**GOOD, "archive": 7}), "archive: got nothing, expected an object"),
    ],
)
def test_an_unreadable_manifest_is_refused(
    content: str | None, problem: str, tmp_path: Path
) -> None:
    """Also where it is JSON of another shape."""
    path, beside = write(tmp_path, LITERT)
    beside.unlink()
    if content is not None:
        beside.write_text(content)
    with pytest.raises(FilesError) as refusal:
        model_archive.model_archive(path, beside)
    assert f"  - {problem}" in f"{refusal.value}"
    assert "pack MODEL --output FOLDER" in f"{refusal.value}"


def test_every_problem_of_a_manifest_is_named(tmp_path: Path) -> None:
    """As the enclave would find it, which then tells nobody."""
    wrong = changed(changed(LITERT, "input.range", [1, 0]), "topK", 99)
    with pytest.raises(FilesError) as refusal:
        model_archive.model_archive(*write(tmp_path, wrong))
    said = f"{refusal.value}"
    assert "every run with this model would end with model_manifest_invalid" in said
    assert "  - input.range: got [1, 0], expected the input for pixel value 0" in said
    assert "  - topK: got 99, expected a whole number from 1 to 3" in said


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"manifest.json": FILES["manifest.json"]}, "model.tflite is missing"),
        ({"model.tflite": b""}, "manifest.json is missing"),
        (
            {**FILES, "manifest.json": b"{"},
            "its manifest.json: the file: got JSONDecodeError, expected JSON",
        ),
        (
            {**FILES, "manifest.json": b"[]"},
            "its manifest.json: the file: got [], expected an object",
        ),
        (
            {**FILES, "manifest.json": b" " * (manifest.MAX_BYTES + 1)},
            "its manifest.json: the file: got a larger file, expected at most",
        ),
        (
            {**FILES, "manifest.json": json.dumps({**LITERT, "topK": True}).encode()},
            "its manifest.json: topK: got true, expected a whole number",
        ),
        (
            {**FILES, "manifest.json": json.dumps({**LITERT, "metadata": {"a": 1}}).encode()},
            "in metadata",
        ),
        (
            {**FILES, "manifest.json": json.dumps({**LITERT, "topK": 1, "name": "x"}).encode()},
            "in name, topK",
        ),
        ({"./saved_model.pb": b"a hub module"}, "model.tflite is missing"),
        ({**FILES, "../x": b"1"}, "it is rejected: a path that leaves the folder"),
        (
            {**FILES, "model.tflite/x": b"1"},
            "it is rejected: model.tflite is there twice, or as a file and as a folder",
        ),
        ({**FILES, "a/b": b"1", "a": b"1"}, "it is rejected: a is there twice, or as"),
        ({**FILES, "a/b": b"1", "a//b": b"1"}, "it is rejected: a/b is there twice, or as"),
        ({**FILES, ".": b"1"}, "it is rejected: . is there twice, or as"),
    ],
)
def test_an_archive_that_the_enclave_would_refuse_is_refused(
    files: dict[str, bytes], problem: str, tmp_path: Path
) -> None:
    """Before anything is deployed, with what is wrong and how to pack the model."""
    with pytest.raises(FilesError) as refusal:
        model_archive.model_archive(*write(tmp_path, LITERT, files))
    assert problem in f"{refusal.value}"
    assert "pack MODEL --output FOLDER" in f"{refusal.value}"


def test_golden_pictures_must_be_in_the_archive(tmp_path: Path) -> None:
    """A run would end before it classifies anything."""
    golden = {**LITERT, "golden": [GOLDEN]}
    files = {**FILES, "manifest.json": json.dumps(golden).encode()}
    with pytest.raises(FilesError, match=r"golden/00\.png is missing"):
        model_archive.model_archive(*write(tmp_path, golden, files))
    path, beside = write(tmp_path, golden, {**files, "golden/00.png": b"a picture"})
    assert model_archive.model_archive(path, beside).format == "litert"


def test_a_full_manifest_is_accepted(tmp_path: Path) -> None:
    """Every key."""
    files = {**FILES, "manifest.json": json.dumps(FULL).encode(), "golden/00.png": b"a picture"}
    assert model_archive.model_archive(*write(tmp_path, FULL, files)).format == "litert"


def in_reverse(value: Any) -> Any:
    """The same JSON with the keys of every object in another order."""
    if isinstance(value, dict):
        return {key: in_reverse(each) for key, each in reversed(value.items())}
    return value


WITH_NOTES = {**LITERT, "metadata": {"loss": float("nan"), "epochs": 3, "at": {"b": 1, "a": 2}}}


@pytest.mark.parametrize(
    "inner",
    [
        json.dumps(in_reverse(WITH_NOTES)),
        json.dumps(WITH_NOTES).replace("-1.0", "-1").replace("1.0", "1"),
        json.dumps(WITH_NOTES, indent=2),
    ],
    ids=["order", "numbers", "spaces"],
)
def test_the_same_manifest_written_otherwise_is_the_same(inner: str, tmp_path: Path) -> None:
    """Tools that format JSON sort keys and write 1 for 1.0; the enclave takes both."""
    assert inner != json.dumps(WITH_NOTES)
    files = {**FILES, "manifest.json": inner.encode()}
    path, beside = write(tmp_path, WITH_NOTES, files)
    assert model_archive.model_archive(path, beside).format == "litert"


def test_nesting_of_any_depth_ends_with_an_error_for_the_reader(tmp_path: Path) -> None:
    """Python reads some depths that it cannot write into an error any more."""
    for depth in range(850, 1001):
        nested = f'{json.dumps(LITERT)[:-1]}, "x": {"[" * depth}{"]" * depth}}}'
        path, beside = write(tmp_path, LITERT, {**FILES, "manifest.json": nested.encode()})
        with pytest.raises(FilesError, match=r"its manifest\.json: "):
            model_archive.model_archive(path, beside)
