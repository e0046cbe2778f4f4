"""The pictures as objects of the input bucket, in as few lines of a preview as possible.

Their parent is not the company, because a URN has the types of all parents. The provider detects
their content type from the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from infra.components.private_bucket import PrivateBucket
    from infra.config.picture_folder import Picture


@dataclass(frozen=True, kw_only=True)
class UploadsArgs:
    """The pictures, and their bucket."""

    bucket: PrivateBucket
    pictures: tuple[Picture, ...]


class Uploads(pulumi.ComponentResource):
    """All pictures that the stack uploads; a preview shows their number and size."""

    stored: list[pulumi.Output[pulumi.Resource]]
    """each object, once its hash is that of the file"""

    def __init__(
        self, name: str, args: UploadsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        inputs = {
            "pictures": len(args.pictures),
            "bytes": sum(picture.size for picture in args.pictures),
        }
        super().__init__("confidential-inference:infra:Uploads", name, inputs, opts)
        self.stored = [
            args.bucket.put(
                picture.name,
                picture.name,
                picture.path,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    # Its earlier name, below the bucket. Without the alias the engine would delete
                    # it as another resource, after it made the new object of the same path.
                    aliases=[pulumi.Alias(name=f"picture-{picture.name}", parent=args.bucket)],
                ),
            )
            for picture in args.pictures
        ]
        self.register_outputs({})
