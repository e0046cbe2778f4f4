"""Rules about a fleet: how large it may become, and who else could make it larger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy.rule import Rule
from policy.rules.machines import GROUP
from policy.rules.pinned import MOST_MACHINES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy.resource import Resource

AUTOSCALER: Final = "gcp:compute/autoscaler:Autoscaler"
FLEET: Final = "confidential-inference:infra:Fleet"
SUBSCRIPTION: Final = "gcp:pubsub/subscription:Subscription"

ELSEWHERE: Final = ("bigqueryConfig", "cloudStorageConfig", "pushConfig")
"""Where a subscription could send its messages by itself."""


def limited(resource: Resource) -> Iterator[str]:
    """Whether the number of machines has a maximum."""
    if resource.type == AUTOSCALER:
        most = resource.value("autoscalingPolicy", "maxReplicas")
        if isinstance(most, bool) or not isinstance(most, int | float) or most > MOST_MACHINES:
            yield (
                f"autoscalingPolicy.maxReplicas: got {most!r}, expected a number, at most"
                f" {MOST_MACHINES}: waiting messages alone decide how many machines cost money"
            )
    if resource.type == GROUP:
        size = resource.value("targetSize")
        if size is not None:
            yield (
                f"targetSize: got {size!r}, expected none: the autoscaler, which has a maximum,"
                " decides the size of a group"
            )


def pulled(resource: Resource) -> Iterator[str]:
    """Whether messages, which name pictures, go to whoever has a grant, and nowhere else."""
    if resource.type == SUBSCRIPTION:
        for key in ELSEWHERE:
            if resource.value(key) is not None:
                yield f"got {key}, expected none: it sends the names of pictures elsewhere"


RULES: Final = (
    Rule(
        name="fleet-limited",
        description="Each autoscaler has a maximum, and no group has a size of its own.",
        check=limited,
    ),
    Rule(
        name="fleet-messages",
        description="A subscription gives its messages only to members of a grant.",
        check=pulled,
    ),
)
