"""The messages of a fleet: a topic with its work, one subscription, and what failed too often.

A message that nobody acknowledged is delivered again, and after six deliveries it is moved to the
dead letters, where people read it. Google forgets what waits too long: work after seven days, a
dead letter after 31. `submit --missing` publishes the slices of a job again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_gcp as gcp

from infra import naming
from infra.components import grant_wait

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.components.private_bucket import PrivateBucket

DELIVERIES: Final = 6
"""Of one message, before it is a dead letter; Google takes 5 to 100:
https://docs.cloud.google.com/pubsub/docs/dead-letter-topics"""
LEASE_SECONDS: Final = 60
"""So long a worker has a message before it must ask for more time."""
KEPT_DAYS: Final = 7
"""So long Google keeps a message that nobody acknowledges."""
DEAD_LETTERS_KEPT_DAYS: Final = 31
"""The most that Google takes:
https://docs.cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions"""


BACK_OFF: Final[gcp.pubsub.SubscriptionRetryPolicyArgsDict] = {
    "minimum_backoff": "10s",
    "maximum_backoff": "600s",
}
"""Before a message that was given back, or not acknowledged in time, is delivered again."""


@dataclass(frozen=True, kw_only=True)
class WorkQueueArgs:
    """Names, and who may do what with the messages."""

    project: str
    project_number: str
    region: str
    """where Google keeps the messages"""
    labels: Mapping[str, pulumi.Input[str]]
    topic: str
    """the topic's name, and its subscription's"""
    dead_letters: str
    """the same of the dead letters"""
    worker: pulumi.Input[str]
    """the machines' account, as a member"""
    submitters: Sequence[str]
    """members who submit jobs and read the dead letters"""
    pictures: PrivateBucket | None
    """the bucket whose new objects become messages, if there is one"""
    grant_wait: int
    """how many seconds old a grant must be before what needs it is created"""


class WorkQueue(pulumi.ComponentResource):
    """Topic, subscription and dead letters, with every grant on them."""

    topic: pulumi.Output[str]
    subscription: pulumi.Output[str]
    dead_letters: pulumi.Output[str]
    """full names: projects/PROJECT/…; `dead_letters` is the subscription"""
    grants: list[pulumi.CustomResource]

    def __init__(
        self, name: str, args: WorkQueueArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        # The policy pack compares the project of each topic with it.
        inputs = {"project": args.project}
        super().__init__("confidential-inference:infra:WorkQueue", name, inputs, opts)
        self._name, self._args = name, args
        child = pulumi.ResourceOptions(parent=self)
        topic = self._topic("slices", args.topic, child)
        dead_topic = self._topic("dead-letters", args.dead_letters, child)
        dead = self._subscription(
            "dead-letters", args.dead_letters, dead_topic, child, DEAD_LETTERS_KEPT_DAYS
        )
        work = self._subscription(
            "slices",
            args.topic,
            topic,
            # A topic without a subscription loses what is published.
            pulumi.ResourceOptions(parent=self, depends_on=[dead]),
            KEPT_DAYS,
            {"dead_letter_topic": dead_topic.id, "max_delivery_attempts": DELIVERIES},
        )
        # Google makes the account of a service some time after its API is on, and nobody can grant
        # to an account before: https://docs.cloud.google.com/iam/docs/create-service-agents
        identity = gcp.projects.ServiceIdentity(
            f"{name}-pubsub", project=args.project, service="pubsub.googleapis.com", opts=child
        )
        known = pulumi.ResourceOptions(parent=self, depends_on=[identity])
        pubsub = naming.service_agent(naming.PUBSUB, args.project_number)
        self.grants = [
            self._takes("worker-takes", work, args.worker, child),
            # Without both of them Google forwards no message, and counts no deliveries:
            # https://docs.cloud.google.com/pubsub/docs/dead-letter-topics#grant_forwarding_permissions
            self._takes("pubsub-takes", work, pubsub, known),
            self._publishes("pubsub-forwards", dead_topic, pubsub, known),
        ]
        for member in args.submitters:
            self._publishes(f"submits-{member}", topic, member, child)
            self._takes(f"reads-{member}", dead, member, child)
        if args.pictures is not None:
            self._notify(topic, args.pictures)
        self.topic, self.subscription, self.dead_letters = topic.id, work.id, dead.id
        self.register_outputs({"topic": self.topic, "subscription": self.subscription})

    def _topic(self, name: str, topic: str, opts: pulumi.ResourceOptions) -> gcp.pubsub.Topic:
        return gcp.pubsub.Topic(
            f"{self._name}-{name}",
            name=topic,
            project=self._args.project,
            labels=dict(self._args.labels),
            # Otherwise Google keeps a message where it was published, anywhere in the world:
            # https://docs.cloud.google.com/pubsub/docs/resource-location-restriction
            message_storage_policy={"allowed_persistence_regions": [self._args.region]},
            opts=opts,
        )

    def _subscription(
        self,
        name: str,
        subscription: str,
        topic: gcp.pubsub.Topic,
        opts: pulumi.ResourceOptions,
        days: int,
        dead_letter_policy: gcp.pubsub.SubscriptionDeadLetterPolicyArgsDict | None = None,
    ) -> gcp.pubsub.Subscription:
        return gcp.pubsub.Subscription(
            f"{self._name}-{name}",
            name=subscription,
            project=self._args.project,
            labels=dict(self._args.labels),
            topic=topic.id,
            ack_deadline_seconds=LEASE_SECONDS,
            message_retention_duration=f"{days * 24 * 60 * 60}s",
            # Empty: never. Google would delete a subscription that nobody uses for 31 days.
            expiration_policy={"ttl": ""},
            # Not of dead letters: `results` looks at them and gives them back.
            retry_policy=BACK_OFF if dead_letter_policy else None,
            dead_letter_policy=dead_letter_policy,
            opts=opts,
        )

    def _takes(
        self,
        name: str,
        subscription: gcp.pubsub.Subscription,
        member: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.CustomResource:
        """Let a member take messages, and acknowledge them; it may not change the subscription."""
        return gcp.pubsub.SubscriptionIAMMember(
            f"{self._name}-{name}",
            project=self._args.project,
            subscription=subscription.name,
            role="roles/pubsub.subscriber",
            member=member,
            opts=opts,
        )

    def _publishes(
        self,
        name: str,
        topic: gcp.pubsub.Topic,
        member: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
    ) -> pulumi.CustomResource:
        return gcp.pubsub.TopicIAMMember(
            f"{self._name}-{name}",
            project=self._args.project,
            topic=topic.name,
            role="roles/pubsub.publisher",
            member=member,
            opts=opts,
        )

    def _notify(self, topic: gcp.pubsub.Topic, pictures: PrivateBucket) -> None:
        """Have Cloud Storage publish a message for each new object of a bucket.

        https://docs.cloud.google.com/storage/docs/pubsub-notifications
        """
        # Google makes this account when it is first asked for. The topic waits for the APIs.
        asked = gcp.storage.get_project_service_account_output(
            project=self._args.project,
            opts=pulumi.InvokeOutputOptions(parent=self, depends_on=[topic]),
        )
        granted = self._publishes(
            "storage-notifies",
            topic,
            naming.service_agent(naming.STORAGE, self._args.project_number),
            pulumi.ResourceOptions(parent=self, depends_on=[asked.apply(lambda _: topic)]),
        )
        after: list[pulumi.Input[pulumi.Resource]] = [granted]
        if self._args.grant_wait:
            after.append(
                grant_wait.known(
                    f"{self._name}-announces-granted-{self._args.topic}",
                    [granted],
                    self._args.grant_wait,
                    pulumi.ResourceOptions(parent=self),
                )
            )
        gcp.storage.Notification(
            f"{self._name}-new-pictures",
            bucket=pictures.name,
            topic=topic.id,
            # The name and the generation are enough; the rest need not be in messages.
            payload_format="NONE",
            event_types=["OBJECT_FINALIZE"],
            # Google tries whether it may publish, before it agrees.
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
