"""Packs the archive that Primus uploads, and the manifest that describes it.

The same files always give the same archive, so that its SHA-256 identifies the model.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from model.draw import CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SIDE = 128
"""Width and height of the network's input in pixels."""
RANGE = (-1.0, 1.0)
"""The input for pixel values 0 and 255."""

ARCHIVE = "model.tar.gz"
CONVERTED = "model-litert.tar.gz"

MANIFEST: dict[str, Any] = {
    "schema": "confidential-inference/model/v2",
    "name": "surface-inspection",
    "format": "tensorflow-saved-model",
    "signature": "serving_default",
    "input": {
        "width": SIDE,
        "height": SIDE,
        "channels": "RGB",
        "range": list(RANGE),
        "resize": "bilinear",
    },
    "output": {"scores": "probabilities"},
    "topK": 5,
    "classes": list(CLASSES),
}
"""What the workload needs to use the model; `manifest.json` in the archive."""

MANIFESTS = {ARCHIVE: MANIFEST, CONVERTED: MANIFEST | {"format": "litert"}}
"""The manifest of each archive; they differ only in the format."""


def pack(saved_model: Path) -> bytes:
    """The archive: the manifest and every file of the folder, without traces of the packer."""
    files = {
        f"saved_model/{path.relative_to(saved_model).as_posix()}": path.read_bytes()
        for path in saved_model.rglob("*")
        if path.is_file()
    }
    return archive({"manifest.json": json_text(MANIFEST).encode(), **files})


def pack_converted(model: bytes) -> bytes:
    """The archive of a LiteRT model: the manifest and one file."""
    inner_manifest = json_text(MANIFESTS[CONVERTED]).encode()
    return archive({"manifest.json": inner_manifest, "model.tflite": model})


def archive(files: Mapping[str, bytes]) -> bytes:
    """A gzipped tar of regular files in order of name, without time, owner or permissions."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as writer:
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            writer.addfile(member, io.BytesIO(files[name]))
    return gzip.compress(tar.getvalue(), compresslevel=9, mtime=0)


def unpack(packed: bytes, folder: Path | str) -> None:
    """Unpacks our own archive into a folder; `workload.archive` is for archives of others."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")


def manifest(packed: bytes, file: str = ARCHIVE) -> dict[str, Any]:
    """The manifest beside the archive: the one inside, plus size and SHA-256 of the archive."""
    digest = hashlib.sha256(packed).hexdigest()
    return {**MANIFESTS[file], "archive": {"file": file, "bytes": len(packed), "sha256": digest}}


def json_text(value: object) -> str:
    """JSON as in the files of this folder."""
    return json.dumps(value, indent=2) + "\n"
