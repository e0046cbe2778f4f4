"""The archives of all models, and the engine that the built image must have for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from infra.config.local_files import FilesError, admitted_archives
from infra.config.model_archive import ModelArchive, model_archive
from infra.config.releases import UNNAMED_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infra.config.primus_settings import PrimusSettings
    from infra.config.releases import Release


def of_settings(settings: PrimusSettings) -> dict[str, ModelArchive]:
    """The archives by the name of the model; FilesError with the problems of all of them."""
    found = {}
    problems = []
    for name, model in settings.all_models.items():
        unnamed = name == UNNAMED_MODEL and settings.model is not None
        key = "model" if unnamed else f"models.{name}"
        try:
            archive = model_archive(model.archive, model.manifest, key)
            admitted_archives(model.admit_also, settings.names.model_bucket, key)
        except FilesError as error:
            problems.append(str(error))
        else:
            found[name] = replace(archive, admit_also=model.admit_also)
    problems += _engines(settings.releases, found) if not problems else ()
    if problems:
        raise FilesError("\n\n".join(problems))
    return found


def built_format(releases: Sequence[Release], models: Mapping[str, ModelArchive]) -> str:
    """The format that the built image must load: that of the models of those who launch it."""
    used = [
        models[name]
        for each in releases
        if each.digest is None and not each.stopped
        for name in each.models
    ]
    return (used or list(models.values()))[0].format


def _engines(releases: Sequence[Release], models: Mapping[str, ModelArchive]) -> Iterator[str]:
    """The image that the stack builds has one engine."""
    built = built_format(releases, models)
    for each in releases:
        others = [name for name in each.models if models[name].format != built]
        if each.digest is None and others and not each.stopped:
            yield (
                f"{each.key}: the models {', '.join(others)} are of another format than {built},"
                " for which the stack builds its image; the image has one engine, and every run"
                " with these models would end with engine_missing. Name an image with the"
                " other engine: pulumi config set --stack primus --path"
                f" 'confidential-inference:{each.key}.image.digest' sha256:..."
            )
