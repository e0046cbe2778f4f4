"""Rules about a fleet: how large it may become, and who else could make it larger."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy.resource import UnknownError
from policy.rule import Rule
from policy.rules.machines import GROUP
from policy.rules.pinned import MOST_MACHINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy.resource import Resource

AUTOSCALER: Final = "gcp:compute/autoscaler:Autoscaler"
FLEET: Final = "confidential-inference:infra:Fleet"
NOTIFICATION: Final = "gcp:storage/notification:Notification"
QUEUE: Final = "confidential-inference:infra:WorkQueue"
SUBSCRIPTION: Final = "gcp:pubsub/subscription:Subscription"
TOPIC: Final = "gcp:pubsub/topic:Topic"

ELSEWHERE: Final = ("bigqueryConfig", "cloudStorageConfig", "pushConfig")
"""Where a subscription could send its messages by itself."""
DEAD_LETTERS: Final = ("deadLetterPolicy", "deadLetterTopic")
TOPICS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    NOTIFICATION: (("topic",),),
    SUBSCRIPTION: (("topic",), DEAD_LETTERS),
}
"""By kind, where it names a topic. It can be of any project, whose owner grants the rest:
https://docs.cloud.google.com/storage/docs/pubsub-notifications"""
KEPT_IN: Final = ("messageStoragePolicy", "allowedPersistenceRegions")
"""Where a topic says in which regions Google keeps its messages."""


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


def messages(resource: Resource) -> Iterator[str]:
    """Whether messages, which name pictures, go to whoever has a grant, and nowhere else."""
    if resource.type == TOPIC:
        regions = resource.value(*KEPT_IN)
        if not isinstance(regions, list) or len(regions) != 1:
            yield (
                f"{'.'.join(KEPT_IN)}: got {regions!r}, expected the one region of the stack:"
                " Google would keep the names of pictures in others, too"
            )
    if resource.type == SUBSCRIPTION:
        for key in ELSEWHERE:
            if resource.value(key) is not None:
                yield f"got {key}, expected none: it sends the names of pictures elsewhere"
    if resource.type in TOPICS:
        yield from _own_topics(resource)


def _own_topics(resource: Resource) -> Iterator[str]:
    queue = resource.parent
    if queue is None or queue.type != QUEUE:
        yield (
            f"got {resource.type} outside of the component {QUEUE}, expected it below one: whether"
            " its topic is one of the stack's project could not be told"
        )
        return
    own = re.compile(rf"projects/{re.escape(str(queue.value('project')))}/topics/[^/]+")
    not_known: UnknownError | None = None
    for path in TOPICS[resource.type]:
        try:
            topic = resource.value(*path)
        except UnknownError as error:
            not_known = error
            continue
        if topic is None and path == DEAD_LETTERS:  # a subscription need have none
            continue
        if not own.fullmatch(str(topic)):
            yield (
                f"{'.'.join(path)}: got {topic!r}, expected a topic of the stack's project: the"
                " owner of another one gets the names of pictures, or decides what is work"
            )
    if not_known is not None:
        raise not_known


RULES: Final = (
    Rule(
        name="fleet-limited",
        description="Each autoscaler has a maximum, and no group has a size of its own.",
        check=limited,
    ),
    Rule(
        name="fleet-messages",
        description="Messages stay in topics of the stack's project, in one region, and a"
        " subscription gives them only to members of a grant.",
        check=messages,
    ),
)
