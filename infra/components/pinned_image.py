"""Checks that the image whose digest is in config exists in the repository.

Without the check only the launcher would notice a missing image, on a machine of the other company.
A destroyed repository is deleted with its images.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import pulumi

from infra.config.problems import NAMESPACE
from infra.errors import ProgramError
from infra.outputs import run_error, warn

_ASK: Final = "gcp:artifactregistry/getDockerImage:getDockerImage"
_ABSENT: Final = re.compile(r"Error 404|not found", re.IGNORECASE)

FRESH: Final = timedelta(minutes=10)
"""The age below which this run may have created the repository; clocks can differ."""


def require_image(
    image: str,
    digest: str,
    repository: pulumi.Output[str],
    created: pulumi.Output[str],
    parent: pulumi.Resource,
    *,
    key: str = "image.digest",
) -> pulumi.Output[str]:
    """The digest, after a request for it to HOST/PROJECT/REPOSITORY/NAME.

    `key` is where the digest is configured. RunError if the image does not exist; only a warning if
    the repository is new, because nobody could push before. `repository` and `created` are unknown
    before there is a repository.
    """
    host, project, _, name = image.split("/")
    where = {
        "imageName": f"{name}@{digest}",
        "location": host.removesuffix("-docker.pkg.dev"),
        "project": project,
    }
    started = datetime.now(UTC)
    absence = _absence(image, digest, key)

    async def ask(answers: list[str]) -> str:
        repository_id, since = answers
        try:
            await pulumi.runtime.invoke_async(
                _ASK, {**where, "repositoryId": repository_id}, pulumi.InvokeOptions(parent=parent)
            )
        except Exception as error:  # noqa: BLE001  the SDK raises nothing narrower
            if not _ABSENT.search(str(error)):
                warn(f"Could not ask whether {image}@{digest} is there: {error}")
            elif started - datetime.fromisoformat(since) > FRESH:
                raise run_error(ProgramError(absence)) from None
            else:
                warn(absence)
        return digest

    return pulumi.Output.all(repository, created).apply(ask)


def _absence(image: str, digest: str, key: str) -> str:
    return (
        f"{key}: got {digest}, expected the digest of an image in {image}; there is none,"
        " and every machine that is to run it would stop with 'manifest unknown'. Push it:"
        f" docker buildx build --push -t {image}:1 workload, with the options in"
        " docs/deploy-primus.md; or have it built by the stack: pulumi config rm --stack primus"
        f" --path '{NAMESPACE}:{key}'"
    )
