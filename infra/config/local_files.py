"""Checks files on this machine's disk: archives of admitted models, and what was uploaded."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from typing import TYPE_CHECKING

from infra.errors import ProgramError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class FilesError(ProgramError):
    """A file is missing, or has another content than declared."""


def uploaded(file: Path, md5: str) -> None:
    """Return if the cloud's MD5 of an object, in base64, is the file's; FilesError if it is not.

    The provider plugin copies a file into the temporary folder and uploads the copy. If a file
    with the copy's name exists already, it uploads that, whoever wrote it. The cloud offers MD5,
    which detects such a file unless somebody made both files, to collide. The enclave checks the
    model again, by SHA-256.
    https://github.com/pulumi/pulumi-terraform-bridge/blob/main/pkg/tfbridge/assets.go
    """
    with file.open("rb") as content:
        own = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).digest()
        content.seek(0)
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    expected = base64.b64encode(own).decode()
    if md5 != expected:
        raise FilesError(
            f"{file}: got an object with MD5 {md5} in the bucket, expected {expected}, the file's:"
            " something else was uploaded in its place, and nothing that uses it is deployed."
            f" Pulumi's provider plugin takes what stands in {tempfile.gettempdir()} as"
            f" pulumi-asset-{sha256} for the file. Find out who wrote that, then upload the file"
            " itself through a new folder that only you can write: TMPDIR=$(mktemp -d) pulumi up"
        )


def admitted_archives(archives: Mapping[str, Path], bucket: str, key: str = "model") -> None:
    """FilesError unless each archive exists and has its SHA-256: an admitted model must be stored.

    `key` is where the model is configured.

    The bucket still has an archive of an earlier release; the error has the command to get it.
    """
    problems = []
    for sha256, path in archives.items():
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            problems.append((sha256, path, f"{path} cannot be read ({error.strerror})"))
        else:
            if found != sha256:
                problems.append((sha256, path, f"{path} has SHA-256 {found}"))
    if problems:
        raise FilesError(
            f"{key}.admitAlso: a model that is admitted must be stored, or nobody could load it;"
            " nothing was changed."
            + "".join(
                f"\n  - got: {got}, expected the archive of {sha256}. If it was released before:"
                f" gcloud storage cp gs://{bucket}/models/{sha256}/model.tar.gz {path}\n"
                f"    To withdraw it: pulumi config rm --stack primus --path"
                f" 'confidential-inference:{key}.admitAlso.{sha256}'"
                for sha256, path, got in problems
            )
        )
