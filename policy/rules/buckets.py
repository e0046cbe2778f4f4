"""Rules about buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy.resource import Resource

BUCKET: Final = "gcp:storage/bucket:Bucket"
_LABELLED: Final = (
    BUCKET,
    "gcp:artifactregistry/repository:Repository",
    "gcp:compute/instance:Instance",
    "gcp:compute/instanceTemplate:InstanceTemplate",
    "gcp:pubsub/subscription:Subscription",
    "gcp:pubsub/topic:Topic",
)


def private(resource: Resource) -> Iterator[str]:
    """Only the bucket's policy gives access, and never to the public."""
    if resource.type != BUCKET:
        return
    uniform = resource.value("uniformBucketLevelAccess")
    if uniform is not True:
        yield (
            f"uniformBucketLevelAccess: got {uniform!r}, expected true: objects could have grants"
            " of their own"
        )
    prevention = resource.value("publicAccessPrevention")
    if prevention != "enforced":
        yield (
            f"publicAccessPrevention: got {prevention!r}, expected 'enforced': a grant to everybody"
            " would take effect"
        )


def force_destroy(resource: Resource) -> Iterator[str]:
    """Whether `destroy` deletes objects, too."""
    if resource.type == BUCKET and resource.value("forceDestroy") is True:
        yield (
            "forceDestroy: got true, expected false: `destroy`, or a replacement, deletes the"
            " bucket with every object in it"
        )


def labelled(resource: Resource) -> Iterator[str]:
    """Whether a resource has labels."""
    if resource.type in _LABELLED and not resource.value("labels"):
        yield "got no labels, expected some: pulumi config set --path labels.team NAME"


RULES: Final = (
    Rule(
        name="bucket-private",
        description="Buckets have uniform access, and public access prevention is enforced.",
        check=private,
    ),
    Rule(
        name="bucket-force-destroy",
        description="Google refuses to delete a bucket that holds objects.",
        advisory=True,
        check=force_destroy,
    ),
    Rule(
        name="labels",
        description="Buckets, repositories, machines, topics and subscriptions have labels.",
        advisory=True,
        check=labelled,
    ),
)
