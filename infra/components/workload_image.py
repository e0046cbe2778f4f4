"""The workload image: built and pushed by this program, or named by its digest in config.

Only this module depends on the builder, pulumi_docker. Who is admitted by the digest is decided
elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pulumi
import pulumi_docker as docker

from infra.build_context import context_hash, set_modes
from infra.components.pinned_image import require_image
from infra.errors import ProgramError
from infra.naming import DIGEST
from infra.outputs import applied

NAME: Final = "workload"
"""The image's name inside the repository."""

CONTEXT: Final = Path("workload")

LOCKS: Final = {"tensorflow-saved-model": "requirements.txt", "litert": "requirements-litert.txt"}
"""By format of the model, the lock of the image's packages: each has one engine."""


class ImageError(ProgramError):
    """The push returned something else than the digest of the pushed image."""


@dataclass(frozen=True, kw_only=True)
class WorkloadImageArgs:
    """The image's repository, the format of its models, and its digest if it is built elsewhere."""

    repository: str
    """HOST/PROJECT/REPOSITORY"""
    repository_name: pulumi.Output[str]
    """the repository's id; unknown before it exists"""
    repository_created: pulumi.Output[str]
    """the repository's time of creation"""
    model_format: str
    digest: str | None


class WorkloadImage(pulumi.ComponentResource):
    """The one image that Primus publishes."""

    path: str
    """HOST/PROJECT/REPOSITORY/workload"""
    digest: pulumi.Output[str]

    def __init__(
        self, name: str, args: WorkloadImageArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("confidential-inference:infra:WorkloadImage", name, {}, opts)
        image = self.path = f"{args.repository}/{NAME}"
        if args.digest is not None:
            self.digest = pulumi.Output.from_input(args.digest)
            require_image(
                image, args.digest, args.repository_name, args.repository_created, parent=self
            )
        else:
            set_modes(CONTEXT)
            built = docker.Image(
                name,
                # The tag only tells people the context of the build; nothing runs by tag.
                image_name=f"{image}:{context_hash(CONTEXT)[:16]}",
                build=docker.DockerBuildArgs(
                    context=str(CONTEXT),
                    dockerfile=str(CONTEXT / "Dockerfile"),  # relative to this program
                    # The only platform of Confidential Space, on any machine that builds.
                    platform="linux/amd64",
                    args={"LOCK": LOCKS[args.model_format]},
                ),
                # No registry login here: the state would hold it. Docker uses the host's own.
                opts=pulumi.ResourceOptions(
                    parent=self,
                    # Push again into a recreated repository: the old one was deleted with its
                    # images, and no other property of this image has changed.
                    replacement_trigger=args.repository_created,
                ),
            )
            self.digest = applied(built.repo_digest, lambda text: digest_of(text, image))
        self.register_outputs({"digest": self.digest})


def digest_of(repo_digest: str, image: str) -> str:
    """The digest in `IMAGE@sha256:...`; ImageError for anything else.

    pulumi_docker can return a local image id, `<none>@<none>`, or the digest under another
    repository of the same image. A policy with any of these would admit nobody.
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
