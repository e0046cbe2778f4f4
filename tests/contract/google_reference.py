"""The commands of gcloud and Docker that documents tell people to type, with their options.

From the reference pages (`gcloud`: https://docs.cloud.google.com/sdk/gcloud/reference/, then the
words of the command; read 2026-11-27). Where gcloud is installed, a test compares this table with
it. An entry that no document uses is an error, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDE: Final = frozenset({"--flatten", "--format", "--project"})
"""Options that every command of gcloud has."""

GCLOUD: Final[Mapping[str, frozenset[str]]] = {
    "artifacts docker images describe": frozenset(),
    "artifacts repositories add-iam-policy-binding": frozenset(
        {"--location", "--member", "--role"}
    ),
    "artifacts repositories create": frozenset({"--location", "--repository-format"}),
    "artifacts repositories delete": frozenset({"--location"}),
    "auth application-default login": frozenset(),
    "auth configure-docker": frozenset(),
    "auth login": frozenset(),
    "billing projects describe": frozenset(),
    "billing projects link": frozenset({"--billing-account"}),
    "compute images describe-from-family": frozenset(),
    "compute images list": frozenset({"--filter", "--no-standard-images", "--sort-by"}),
    "compute project-info describe": frozenset(),
    "compute regions describe": frozenset(),
    "logging read": frozenset({"--freshness"}),
    "projects add-iam-policy-binding": frozenset({"--member", "--role"}),
    "projects describe": frozenset(),
    "projects remove-iam-policy-binding": frozenset({"--member", "--role"}),
    "services enable": frozenset(),
    "services list": frozenset({"--enabled"}),
    "storage ls": frozenset(),
}

DOCKER: Final[Mapping[str, frozenset[str]]] = {
    # https://docs.docker.com/reference/cli/docker/buildx/build/
    "buildx build": frozenset(
        {"--build-arg", "--metadata-file", "--platform", "--provenance", "--push", "-t"}
    ),
    # https://docs.docker.com/reference/cli/docker/buildx/imagetools/inspect/
    "buildx imagetools inspect": frozenset({"--raw"}),
}
