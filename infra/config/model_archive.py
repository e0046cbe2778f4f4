"""Checks the model's archive and manifest at preview, by the code that checks them in the enclave.

What the enclave would refuse is an error here, before anything is deployed. Only the operations of
the model's graph are not checked again: `pack` did that, and the enclave does. docs/manifest.md
describes both files.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, get_args

from infra.config.local_files import FilesError
from infra.untrusted_text import shown
from workload import archive, manifest
from workload.errors import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workload.manifest import Manifest

FORMATS: Final[tuple[str, ...]] = get_args(manifest.Format)
"""The formats of a model; each needs an image with another engine."""
PACK: Final = ".venv/bin/confidential-inference pack MODEL --output FOLDER"
_MODELS: Final = {"litert": "model.tflite", "tensorflow-saved-model": "saved_model/saved_model.pb"}


@dataclass(frozen=True, kw_only=True)
class ModelArchive:
    """A model archive whose bytes are the ones that its manifest declares."""

    path: Path
    sha256: str
    format: str
    admit_also: Mapping[str, Path] = field(default_factory=dict)
    """archives of other versions that stay admitted, by their SHA-256"""

    @property
    def versions(self) -> dict[str, Path]:
        """Every admitted archive, by its SHA-256."""
        return {**self.admit_also, self.sha256: self.path}


def model_archive(path: Path, manifest_path: Path, key: str = "model") -> ModelArchive:
    """The archive, if the enclave would take it and its manifest; FilesError with all problems.

    `key` is where both are configured.
    """
    declared, data, described = _described(manifest_path, key)
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except OSError as error:
        raise FilesError(
            f"{key}.archive: {path} cannot be read ({error.strerror}), expected the archive that"
            f" {manifest_path} describes; without it there is nothing to release. Pack the model:"
            f" {PACK}. Or name another: pulumi config set --stack primus --path"
            f" 'confidential-inference:{key}.archive' PATH"
        ) from error
    if size > archive.MAX_ARCHIVE:
        raise FilesError(
            f"{key}.archive: {path} has {size:,} bytes, and the workload takes at most"
            f" {archive.MAX_ARCHIVE:,}; every run with this model would end with model_too_large."
            f" Save the weights as float16, or quantize: {PACK} --engine litert --quantize float16"
        )
    if (size, sha256) != (declared.get("bytes"), declared.get("sha256")):
        raise FilesError(
            f"{key}.archive: {path} has {size} bytes and SHA-256 {sha256}, but {manifest_path} says"
            f" {declared.get('bytes')!r} bytes and {declared.get('sha256')!r}: one of the two is"
            " not what was meant, and the release condition would pin the wrong model. Restore both"
            f" with git, or make both anew: {PACK}"
        )
    _check_content(path, manifest_path, data, described, key)
    return ModelArchive(path=path, sha256=sha256, format=described.format)


def _described(path: Path, key: str) -> tuple[dict[str, Any], dict[str, Any], Manifest]:
    """What the manifest says of the archive, its other keys, and what the enclave reads in them."""
    try:
        data = json.loads(path.read_bytes())
        declared = dict(data.pop("archive"))
        return declared, data, manifest.of(data)
    except manifest.ManifestError as error:
        problems = [f"{problem}" for problem in error.problems]
    except OSError as error:
        problems = [f"the file cannot be read: {error.strerror}"]
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        problems = [f"the file: got {type(error).__name__}, expected JSON in UTF-8"]
    except (KeyError, TypeError, AttributeError, ValueError):
        problems = ["archive: got nothing, expected an object with bytes and sha256"]
    listed = "".join(f"\n  - {problem}" for problem in problems)
    raise FilesError(
        f"{key}.manifest: {path} is not a manifest that the workload takes; every run with this"
        f" model would end with model_manifest_invalid.{listed}\nMake it anew: {PACK}. Or name"
        " another: pulumi config set --stack primus --path"
        f" 'confidential-inference:{key}.manifest' PATH"
    )


def _check_content(
    path: Path, manifest_path: Path, data: dict[str, Any], described: Manifest, key: str
) -> None:
    """FilesError unless the archive holds the manifest, the model and the golden pictures."""
    needed = [_MODELS[described.format], *(each.file for each in described.golden)]
    inner = PurePosixPath(manifest.FILE)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "model")
        try:
            # Without the weights: they need no check, and gigabytes of space.
            archive.unpack(path, folder, keep=lambda each: each == inner)
            problems = [f"{each} is missing" for each in needed if not (folder / each).is_file()]
            problems += _differences(folder / inner, manifest_path, data)
        except WorkloadError as error:
            problems = [f"it is rejected: {_cause(error, folder)}"]
    if problems:
        raise FilesError(
            f"{key}.archive: {path} is not an archive that the workload takes; every run with this"
            " model would end with an error:"
            + "".join(f"\n  - {problem}" for problem in problems)
            + f"\nAn archive as TF-Hub has them, or a SavedModel that was packed by hand, must be"
            f" packed first: {PACK}"
        )


def _cause(error: WorkloadError, folder: Path) -> str:
    """Why the enclave does not unpack an archive to this folder; the enclave tells nobody."""
    cause = error.__cause__
    if isinstance(cause, OSError) and cause.filename:
        entry = shown(f"{Path(cause.filename).relative_to(folder)}")
        return f"{entry} is there twice, or as a file and as a folder"
    return shown(f"{cause or error}")


def _differences(inner: Path, manifest_path: Path, data: dict[str, Any]) -> list[str]:
    """What is wrong with the manifest within the archive; it must be the one beside it."""
    if not inner.is_file():
        return [f"{manifest.FILE} is missing"]
    with inner.open("rb") as file:
        content = file.read(manifest.MAX_BYTES + 1)
    try:
        manifest.parse(content)
    except manifest.ManifestError as error:
        return [f"its {manifest.FILE}: {problem}" for problem in error.problems]
    # The enclave takes both, so neither has `true` in the place of 1, which Python calls equal.
    own = json.loads(content)
    keys = [key for key in {**data, **own} if data.get(key) != own.get(key)]
    if keys:
        return [f"its {manifest.FILE} differs from {manifest_path} in {', '.join(keys)}"]
    return []
