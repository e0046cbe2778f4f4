"""The function by which a program looks up an image in Artifact Registry.

https://www.pulumi.com/registry/packages/gcp/api-docs/artifactregistry/getdockerimage/
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from rehearsal.pulumi_plugins import gcp_types as types
from rehearsal.pulumi_plugins.provider import ProviderError

if TYPE_CHECKING:
    from rehearsal.pulumi_plugins.gcp_api import Api
    from rehearsal.pulumi_plugins.provider import Json


def docker_image(api: Api, arguments: Json) -> Json:
    """The image of a digest, `NAME@sha256:...`; tags and bare names are not modelled."""
    name = arguments.get("imageName", "")
    if "@" not in name:
        raise ProviderError(
            f"got image {name!r}, expected NAME@sha256:...: this stand-in for the gcp plugin finds"
            " images by digest only. Use the genuine plugin for the rest."
        )
    location = {"project": api.project, "location": api.region, **arguments}
    repository = (
        f"{types.REPOSITORY.collection.path.format_map(location)}/{arguments['repositoryId']}"
    )
    url = f"{types.REPOSITORY.collection.root}/{repository}/dockerImages/{quote(name, safe='@:')}"
    found = api.call("GET", url, "reading docker image")
    return {
        "id": found["name"],
        "name": found["name"],
        "selfLink": found["uri"],
        "mediaType": found["mediaType"],
        **arguments,
    }
