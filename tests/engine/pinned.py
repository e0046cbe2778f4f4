"""An image by its digest in config, for tests that neither build nor run an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud

PINNED = "sha256:" + "a" * 64


def push(cloud: Cloud, *digests: str) -> None:
    """Put the pinned image, or these, into each repository: a preview looks it up."""
    image = ("application/vnd.oci.image.manifest.v1+json", b"")
    for repository in cloud.repositories.values():
        repository.manifests.update(dict.fromkeys(digests or (PINNED,), image))
