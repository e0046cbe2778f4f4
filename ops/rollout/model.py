"""Keeps a model's deployed archive, so that it stays stored as long as it is admitted."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, Any

from infra import naming
from infra.config.primus_settings import DEFAULT_ARCHIVE
from infra.config.releases import UNNAMED_MODEL
from infra.handover import by_operator
from ops.pulumi_command import StackError
from ops.stack_configuration import set_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ops.pulumi_command import Command


def model_key(name: str) -> str:
    """Where a model is configured."""
    return "model" if name == UNNAMED_MODEL else f"models.{name}"


def kept(
    outputs: Mapping[str, Any],
    configured: Mapping[str, object],
    stack: str,
    name: str,
    project: Path,
) -> tuple[Path, Command]:
    """Copy the deployed archive beside itself; the copy, and the command that keeps it admitted.

    StackError if the model is not deployed, or its archive is another one by now.
    """
    deployed = next(_deployed(outputs, name), None)
    if deployed is None:
        raise StackError(f"the stack {stack} has deployed no model {name!r}; nothing was changed")
    sha256, uri = deployed
    archive = project / _archive(configured, name)
    copy = archive.with_name(f"{sha256[:12]}-{archive.name}")
    if not copy.exists():
        _require(archive, sha256, uri, copy)
        shutil.copyfile(archive, copy)
    path = copy.relative_to(project) if copy.is_relative_to(project) else copy
    return copy, set_all(stack, {f"{model_key(name)}.admitAlso.{sha256}": str(path)})


def _deployed(outputs: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """SHA-256 and URI of the deployed version, as each operator with this model is told."""
    for published in by_operator(outputs).values():
        models = published.get("models", {UNNAMED_MODEL: published["modelSha256"]})
        if sha256 := models.get(name):
            yield sha256, naming.model_uri(naming.bucket_of(published["modelUri"]), sha256)


def _archive(configured: Mapping[str, object], name: str) -> str:
    return str(_settings(configured, name).get("archive") or DEFAULT_ARCHIVE)


def _settings(configured: Mapping[str, object], name: str) -> Mapping[str, object]:
    models = configured.get("models") if name != UNNAMED_MODEL else {name: configured.get("model")}
    settings = models.get(name) if isinstance(models, dict) else None
    return settings if isinstance(settings, dict) else {}


def _require(archive: Path, sha256: str, uri: str, copy: Path) -> None:
    fetch = f"gcloud storage cp {uri} {copy}"
    try:
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StackError(
            f"{archive} cannot be read ({error.strerror}), expected the deployed model; nothing was"
            f" changed. The bucket has it, get it and do this again: {fetch}"
        ) from error
    if found != sha256:
        raise StackError(
            f"{archive} has SHA-256 {found}, expected the deployed model {sha256}: it was replaced"
            f" already; nothing was changed. The bucket has it, get it and do this again: {fetch}"
        )


def admitted_beside(configured: Mapping[str, object], name: str) -> dict[str, str]:
    """The versions of a model that are configured to stay admitted: SHA-256 and archive."""
    also = _settings(configured, name).get("admitAlso")
    return {str(key): str(path) for key, path in also.items()} if isinstance(also, dict) else {}
