"""The workload image: built and pushed by this program, or pinned by digest in config.

It owns how a digest comes to be known, and nothing of what the digest then admits. Who builds with
something else than pulumi_docker changes this module only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import pulumi_docker as docker

from infra.build_context import context_hash
from infra.components.pinned_image import require_image
from infra.errors import ProgramError
from infra.naming import DIGEST
from infra.outputs import applied

NAME: Final = "workload"
"""The image's name inside the repository."""

CONTEXT: Final = Path("workload")

LOCKS: Final = {"tensorflow-saved-model": "requirements.txt", "litert": "requirements-litert.txt"}
"""What is installed to run a model of each format: one engine, because one is enough."""


class ImageError(ProgramError):
    """The push gave back something that is not the digest of what was pushed."""


@dataclass(frozen=True, kw_only=True)
class WorkloadImageArgs:
    """Where the image is, which models it runs, and its digest if it was built elsewhere."""

    repository: str
    """HOST/PROJECT/REPOSITORY"""
    repository_name: pulumi.Output[str]
    """its id, known once it exists"""
    repository_created: pulumi.Output[str]
    """when the repository was made"""
    model_format: str
    digest: str | None


class WorkloadImage(pulumi.ComponentResource):
    """The one image that Primus publishes."""

    digest: pulumi.Output[str]
    reference: pulumi.Output[str]
    """HOST/PROJECT/REPOSITORY/workload@sha256:..."""

    def __init__(
        self, name: str, args: WorkloadImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("confidential-inference:infra:WorkloadImage", name, {}, opts)
        image = f"{args.repository}/{NAME}"
        if args.digest is not None:
            self.digest = pulumi.Output.from_input(args.digest)
            require_image(
                image, args.digest, args.repository_name, args.repository_created, parent=self
            )
        else:
            built = docker.Image(
                name,
                # The tag only tells people what it was built from; nothing is ever run by tag.
                image_name=f"{image}:{context_hash(CONTEXT)[:16]}",
                build=docker.DockerBuildArgs(
                    context=str(CONTEXT),
                    dockerfile=str(CONTEXT / "Dockerfile"),  # relative to this program
                    # Confidential Space runs nothing else, whatever the builder's own machine is.
                    platform="linux/amd64",
                    args={"LOCK": LOCKS[args.model_format]},
                ),
                # No registry login here: it would stay in the state. The host's own is used.
                opts=pulumi.ResourceOptions(
                    parent=self,
                    # Pushed again into a repository that was made anew: the old one took its images
                    # along, and nothing else about this one has changed.
                    replacement_trigger=args.repository_created,
                ),
            )
            self.digest = applied(built.repo_digest, lambda text: digest_of(text, image))
        self.reference = self.digest.apply(lambda digest: f"{image}@{digest}")
        self.register_outputs({"reference": self.reference})


def digest_of(repo_digest: str, image: str) -> str:
    """The digest in `IMAGE@sha256:...`; ImageError for anything else.

    pulumi_docker can give back a local image id, `<none>@<none>`, or the digest under another
    repository that the same image was pushed to. Pinning any of these would admit nobody.
    """
    found = re.fullmatch(f"{re.escape(image)}@({DIGEST})", repo_digest)
    if found is None:
        raise ImageError(
            f"The push of {image} gave back {repo_digest!r}, expected {image}@sha256:<64 hex"
            " digits>; nothing was admitted. Push the image with `docker buildx build --push` and"
            " pin what that prints: pulumi config set --stack primus --path"
            " 'confidential-inference:image.digest' sha256:..."
        )
    return found[1]
