"""Other editions of an image: the same layers with another configuration."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rehearsal.image_builder.oci import MANIFEST, Image, digest

if TYPE_CHECKING:
    from rehearsal.cloud.state import Repository

NAME = "workload"


def edition(image: Image, **config: object) -> Image:
    """The image with another configuration, and so with another digest."""
    described = json.loads(image.blobs[image.config_digest])
    described["config"] |= config
    content = json.dumps(described).encode()
    manifest = json.loads(image.manifest)
    manifest["config"] |= {"digest": digest(content), "size": len(content)}
    blobs = {name: blob for name, blob in image.blobs.items() if name != image.config_digest}
    return Image(json.dumps(manifest).encode(), {**blobs, digest(content): content})


def store(repository: Repository, image: Image, tag: str) -> None:
    """Put an image into a repository under a tag, as a push does."""
    repository.blobs |= image.blobs
    repository.manifests[image.digest] = (MANIFEST, image.manifest)
    repository.tags[NAME, tag] = image.digest
