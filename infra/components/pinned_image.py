"""Whether an image that is pinned in config is in the repository, asked where it can be.

A digest can be admitted and handed over without an image: the launcher alone would find out, on a
machine of the other company. A repository takes its images along when it is destroyed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import pulumi

from infra.config.problems import NAMESPACE

_ASK: Final = "gcp:artifactregistry/getDockerImage:getDockerImage"
_ABSENT: Final = re.compile(r"Error 404|not found", re.IGNORECASE)

FRESH: Final = timedelta(minutes=10)
"""How old a repository may be that this very run has made, with clocks that differ."""


def require_image(
    image: str,
    digest: str,
    repository: pulumi.Output[str],
    created: pulumi.Output[str],
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """The digest, once HOST/PROJECT/REPOSITORY/NAME was asked for it.

    RunError if it is not there; but only a warning where the repository is new, because the image
    can be pushed only after it. `repository` and `created` are known once there is one to ask.
    """
    host, project, _, name = image.split("/")
    where = {
        "imageName": f"{name}@{digest}",
        "location": host.removesuffix("-docker.pkg.dev"),
        "project": project,
    }
    started = datetime.now(UTC)
    absence = _absence(image, digest)

    async def ask(answers: list[str]) -> str:
        repository_id, since = answers
        try:
            await pulumi.runtime.invoke_async(
                _ASK, {**where, "repositoryId": repository_id}, pulumi.InvokeOptions(parent=parent)
            )
        except Exception as error:  # noqa: BLE001  the SDK raises nothing narrower
            if not _ABSENT.search(str(error)):
                pulumi.log.warn(f"Could not ask whether {image}@{digest} is there: {error}")
            elif started - datetime.fromisoformat(since) > FRESH:
                raise pulumi.RunError(absence) from None
            else:
                pulumi.log.warn(absence)
        return digest

    return pulumi.Output.all(repository, created).apply(ask)


def _absence(image: str, digest: str) -> str:
    return (
        f"image.digest: got {digest}, expected the digest of an image in {image}; there is none,"
        " and every machine that is to run it would stop with 'manifest unknown'. Push it:"
        f" docker buildx build --push -t {image}:1 workload, with the options in README.md; or have"
        " it built by the stack: pulumi config rm --stack primus --path"
        f" '{NAMESPACE}:image.digest'"
    )
