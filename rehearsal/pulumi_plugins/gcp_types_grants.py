"""The grants of the gcp package, as data; see `gcp_types`."""

from __future__ import annotations

import re

from rehearsal.pulumi_plugins import gcp_types as types
from rehearsal.pulumi_plugins.gcp_resource_type import (
    Collection,
    ResourceType,
    Rule,
    matches,
    paths,
    words,
)
from rehearsal.pulumi_plugins.gcp_types_pubsub import PUBSUB, SUBSCRIPTION, TOPIC

MEMBER = re.compile(r"allUsers|allAuthenticatedUsers|(?!deleted:)[^:]+:.+")


def _grant(token: str, on: str, root: str, resource: str) -> ResourceType:
    """A grant on a resource; every change replaces it."""
    keys = words(f"{on} member role condition")
    full = matches(r"projects/[^/]+/serviceAccounts/[^/]+", "serviceAccountId")
    return ResourceType(
        token,
        Collection(root, resource),
        local_inputs=keys,
        outputs=paths("etag"),
        replaced_on=keys,
        removal_ignored=words("location"),
        # Others are created first: of two grants that mean the same, deleting one deletes both.
        delete_first=on == "project",
        rules=(Rule("member", MEMBER.fullmatch, 'was expected to be "type:value"'), full),
    )


BUCKET_MEMBER = _grant(
    "gcp:storage/bucketIAMMember:BucketIAMMember",
    "bucket",
    types.BUCKET.collection.root,
    "b/{bucket}",
)
REPOSITORY_MEMBER = _grant(
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
    "repository location project",
    types.REPOSITORY.collection.root,
    f"{types.REPOSITORY.collection.path}/{{repository}}",
)
PROJECT_MEMBER = _grant(
    "gcp:projects/iAMMember:IAMMember",
    "project",
    "https://cloudresourcemanager.googleapis.com/v1",
    "projects/{project}",
)
ACCOUNT_MEMBER = _grant(
    "gcp:serviceaccount/iAMMember:IAMMember", "serviceAccountId", types.IAM, "{serviceAccountId}"
)
TOPIC_MEMBER = _grant(
    "gcp:pubsub/topicIAMMember:TopicIAMMember",
    "topic project",
    PUBSUB,
    f"{TOPIC.collection.path}/{{topic}}",
)
SUBSCRIPTION_MEMBER = _grant(
    "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember",
    "subscription project",
    PUBSUB,
    f"{SUBSCRIPTION.collection.path}/{{subscription}}",
)
