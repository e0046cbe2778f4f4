"""What is committed as the model is what its manifest says, and packing adds nothing of its own."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from model.draw import CLASSES
from model.pack import ARCHIVE, CONVERTED, MANIFEST, archive, manifest, pack
from model.record import with_provenance
from rehearsal.repository import REPOSITORY

MODEL = REPOSITORY / "model"
MEGABYTE = 1_000_000
BESIDE = {ARCHIVE: "manifest.json", CONVERTED: "manifest-litert.json"}


@pytest.fixture(params=BESIDE)
def name(request: pytest.FixtureRequest) -> str:
    """Each archive in the repository."""
    archive_name: str = request.param
    return archive_name


@pytest.fixture
def committed(name: str) -> bytes:
    """Its bytes."""
    return (MODEL / name).read_bytes()


@pytest.fixture
def outer(name: str) -> dict[str, Any]:
    """The manifest beside it."""
    loaded: dict[str, Any] = json.loads((MODEL / BESIDE[name]).read_text())
    return loaded


def provenance() -> dict[str, Any]:
    """The record that the training script wrote."""
    loaded: dict[str, Any] = json.loads((MODEL / "provenance.json").read_text())
    return loaded


def members(packed: bytes) -> list[tarfile.TarInfo]:
    """The archive's members in their order."""
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        return tar.getmembers()


def test_manifest_names_the_committed_bytes(
    name: str, committed: bytes, outer: dict[str, Any]
) -> None:
    """Size and SHA-256 in the manifest are the archive's: Primus pins and uploads by them."""
    digest = hashlib.sha256(committed).hexdigest()
    assert outer["archive"] == {"file": name, "bytes": len(committed), "sha256": digest}


def test_manifest_inside_equals_the_one_beside(committed: bytes, outer: dict[str, Any]) -> None:
    """Whoever reads the repository reads what the enclave will read."""
    with tarfile.open(fileobj=io.BytesIO(committed), mode="r:gz") as tar:
        file = tar.extractfile("manifest.json")
        assert file is not None
        inner = json.load(file)
    del outer["archive"]
    assert inner == outer


def test_manifest_equals_the_one_that_the_code_writes(
    name: str, committed: bytes, outer: dict[str, Any]
) -> None:
    """Classes, input or schema cannot change in the code without the model being made again."""
    assert outer == json.loads(json.dumps(manifest(committed, name)))


def test_committed_archive_is_small(committed: bytes) -> None:
    """The archive stays under 4 MB: it lives in the repository."""
    assert len(committed) < 4 * MEGABYTE


def test_committed_archive_holds_only_regular_files(committed: bytes) -> None:
    """No link, device or folder entry: nothing that an unpacker must trust."""
    assert [member.name for member in members(committed) if not member.isreg()] == []


def test_committed_archive_stays_in_its_folder(name: str, committed: bytes) -> None:
    """Every path is relative, without a parent step, and one that the contract names."""
    paths = [PurePosixPath(member.name) for member in members(committed)]
    tops = {path.parts[0] for path in paths}
    assert tops == {"manifest.json", {ARCHIVE: "saved_model", CONVERTED: "model.tflite"}[name]}
    assert not any(path.is_absolute() or ".." in path.parts for path in paths)


@pytest.mark.parametrize("origin", ["committed", "packed now"])
def test_archive_holds_no_trace_of_its_packer(origin: str, committed: bytes) -> None:
    """No time, owner or permissions of the machine, in the tar or in gzip's header."""
    packed = committed if origin == "committed" else archive({"a": b"1", "b": b"2"})
    traces = {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members(packed)}
    assert traces == {(0, 0, 0, "", "", 0o644)}
    gzip_time = packed[4:8]
    assert gzip_time == bytes(4)


def saved_model(folder: Path, names: list[str], time: int) -> Path:
    """A folder with the named files, written in that order and dated alike."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {name}")
        os.utime(file, (time, time))
    return folder


def test_same_files_give_the_same_archive(tmp_path: Path) -> None:
    """Neither the order of writing nor the time of the files reaches the archive."""
    names = ["saved_model.pb", "variables/variables.index"]
    early = saved_model(tmp_path / "early", names, 1)
    late = saved_model(tmp_path / "late", names[::-1], 1_700_000_000)
    assert pack(early) == pack(late)


def test_other_content_gives_another_archive() -> None:
    """The digest names the content, not only the names of the files."""
    assert archive({"a": b"1"}) != archive({"a": b"2"})


def test_archive_is_in_order_of_name() -> None:
    """The order of the members is fixed by their names."""
    assert [member.name for member in members(archive({"b": b"", "a": b""}))] == ["a", "b"]


def test_model_has_at_least_eight_classes() -> None:
    """The story has at least eight classes, each once, and no defect comes first."""
    assert MANIFEST["classes"] == list(dict.fromkeys(CLASSES))
    assert len(CLASSES) >= 8
    assert CLASSES[0] == "clean"


def test_model_is_accurate_on_held_back_pictures() -> None:
    """The examination recorded at training has at least 97 % right, from its own counts."""
    held_back = provenance()["heldBack"]
    assert held_back["right"] / held_back["of"] >= 0.97
    assert held_back["right"] + sum(held_back["mistakes"].values()) == held_back["of"]


def test_every_class_was_examined() -> None:
    """No class hides behind the average: each was seen, each is at least 90 % right."""
    shares = provenance()["heldBack"]["perClass"]
    assert list(shares) == list(CLASSES)
    assert min(shares.values()) >= 0.9


def test_the_converted_model_comes_from_the_committed_one() -> None:
    """The archive for the second engine was made of this one, and both were found to agree."""
    litert = provenance()["litert"]
    assert litert["of"] == hashlib.sha256((MODEL / ARCHIVE).read_bytes()).hexdigest()
    assert litert["sameClass"] == litert["pictures"] == provenance()["heldBack"]["of"] + 27
    assert litert["largestDifference"] <= 7.5e-5


def test_readme_has_the_recorded_figures() -> None:
    """No figure in the README is typed by hand: the record, told again, changes nothing."""
    readme = (MODEL / "README.md").read_text()
    assert with_provenance(readme, provenance()) == readme
