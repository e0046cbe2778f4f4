"""Images as bytes: the digest depends on the content only."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from rehearsal.image_builder.oci import (
    FOLDER,
    Image,
    ImageError,
    Json,
    Reference,
    Tree,
    assemble,
    digest,
    unpack,
)

if TYPE_CHECKING:
    from pathlib import Path

TREE: Tree = {"app/main.py": (0o644, b"print()"), "app/run": (0o755, b"#!"), "empty": (FOLDER, b"")}
CONFIG: Json = {"Env": ["A=1"], "Entrypoint": ["python"]}


def build(tree: Tree = TREE, config: Json = CONFIG) -> Image:
    """A small image."""
    return assemble(tree, config, [{"created_by": "COPY"}], {"base": "none"})


def layer(image: Image) -> tarfile.TarFile:
    """The opened layer of an image."""
    address = json.loads(image.manifest)["layers"][0]["digest"]
    return tarfile.open(fileobj=io.BytesIO(gzip.decompress(image.blobs[address])))


def foreign(name: str, link: str = "") -> Image:
    """An image with a layer of one entry that another tool wrote."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = (tarfile.SYMTYPE, link) if link else (tarfile.REGTYPE, "")
        tar.addfile(entry)
    data = gzip.compress(buffer.getvalue())
    described = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(data)}
    return Image(json.dumps({"layers": [described]}).encode(), {digest(data): data})


def test_the_same_content_has_the_same_digest() -> None:
    """The order of insertion does not matter."""
    again: Tree = dict(reversed(TREE.items()))
    assert build(again, dict(reversed(CONFIG.items()))) == build()


@pytest.mark.parametrize(
    ("tree", "config"),
    [
        ({**TREE, "app/main.py": (0o644, b"print(1)")}, CONFIG),
        ({**TREE, "app/main.py": (0o755, b"print()")}, CONFIG),
        ({**TREE, "app/more.py": (0o644, b"")}, CONFIG),
        (TREE, {**CONFIG, "Entrypoint": ["python3"]}),
    ],
    ids=["content", "mode", "file", "config"],
)
def test_any_change_changes_the_digest(tree: Tree, config: Json) -> None:
    """One byte, one mode, one file, one word of the configuration."""
    assert build(tree, config).digest != build().digest


def test_the_image_has_no_data_of_the_building_machine() -> None:
    """Owner root, time stamp epoch, in each entry of the layer and in the gzip header."""
    image = build()
    with layer(image) as tar:
        found = {(e.mtime, e.uid, e.gid, e.uname, e.gname) for e in tar.getmembers()}
    assert found == {(0, 0, 0, "", "")}
    compressed = image.blobs[json.loads(image.manifest)["layers"][0]["digest"]]
    assert compressed[4:8] == bytes(4)


def test_the_manifest_has_the_right_digests_and_sizes() -> None:
    """Also the layer's uncompressed digest."""
    image = build()
    manifest = json.loads(image.manifest)
    for each in (manifest["config"], *manifest["layers"]):
        assert digest(image.blobs[each["digest"]]) == each["digest"]
        assert len(image.blobs[each["digest"]]) == each["size"]
    config = json.loads(image.blobs[image.config_digest])
    archive = gzip.decompress(image.blobs[manifest["layers"][0]["digest"]])
    assert config["rootfs"]["diff_ids"] == [digest(archive)]


def test_unpacking_restores_the_tree(tmp_path: Path) -> None:
    """Contents and the executable bit are the same; parent folders are created."""
    unpack(build(), tmp_path)
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")}
    assert found == {"app", "app/main.py", "app/run", "empty"}
    assert (tmp_path / "app/main.py").read_bytes() == b"print()"
    assert (tmp_path / "app/run").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (foreign("../outside"), "outside the destination"),
        (foreign("link", "../../outside"), "outside the destination"),
        (foreign("app/.wh.main.py"), "a layer that deletes files is not modelled"),
    ],
    ids=["path", "link", "whiteout"],
)
def test_a_layer_with_a_path_outside_is_refused(image: Image, message: str, tmp_path: Path) -> None:
    """An image must not write to other folders of this machine."""
    with pytest.raises(ImageError, match=message):
        unpack(image, tmp_path / "root")
    assert not (tmp_path / "outside").exists()


def test_a_reference_may_have_a_tag_and_a_digest() -> None:
    """Both are optional, the digest wins, and `latest` is the default."""
    name = "us-west1-docker.pkg.dev/primus-models/repo/team/workload"
    address = "sha256:" + "a" * 64
    selectors = [Reference.parse(name + end).selector for end in ("", ":v1", f":v1@{address}")]
    assert selectors == ["latest", "v1", address]
    assert Reference.parse(name).path == "primus-models/repo/team/workload"
    assert Reference.parse(name).location == "us-west1"


@pytest.mark.parametrize(
    "text",
    [
        "workload",
        "docker.io/library/python:3.13",
        "us-west1-docker.pkg.dev/p/r",
        "us-west1-docker.pkg.dev/p/r/i@sha256:abc",
        "us-west1-docker.pkg.dev/p/r/i:",
        "https://us-west1-docker.pkg.dev/p/r/i",
    ],
)
def test_an_invalid_reference_is_refused(text: str) -> None:
    """Other registries than Artifact Registry, and incomplete digests."""
    with pytest.raises(ImageError, match="invalid reference format"):
        Reference.parse(text)
