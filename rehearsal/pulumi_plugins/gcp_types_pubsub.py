"""The resource types of Pub/Sub, as data; see `gcp_types`.

https://github.com/hashicorp/terraform-provider-google-beta/tree/main/google-beta/services/pubsub
says what replaces a resource and what the genuine plugin sends; it was read, not run.
"""

from __future__ import annotations

from rehearsal.pulumi_plugins import gcp_conversions as convert
from rehearsal.pulumi_plugins.gcp_resource_type import Collection, ResourceType, paths, words

PUBSUB = "https://pubsub.googleapis.com/v1"

TOPIC = ResourceType(
    "gcp:pubsub/topic:Topic",
    Collection(PUBSUB, "projects/{project}/topics", "name"),
    rest_paths=paths("name labels messageRetentionDuration messageStoragePolicy"),
    local_inputs=words("project"),
    from_rest={"name": convert.last},
    replaced_on=words("name project"),
    removal_ignored=words("messageStoragePolicy"),
)
SUBSCRIPTION = ResourceType(
    "gcp:pubsub/subscription:Subscription",
    Collection(PUBSUB, "projects/{project}/subscriptions", "name"),
    rest_paths=paths(
        "name topic labels ackDeadlineSeconds deadLetterPolicy expirationPolicy "
        "messageRetentionDuration retainAckedMessages retryPolicy"
    ),
    local_inputs=words("project"),
    to_rest={"expirationPolicy": convert.expiration_to_rest},
    from_rest={"expirationPolicy": convert.expiration_from_rest, "name": convert.last},
    # Danger: a topic that was deleted and made again has the same name, so this is no difference:
    # the subscription gets nothing from it. A refresh finds it (the topic is `_deleted-topic_`).
    replaced_on=words("name project topic"),
    removal_ignored=words(
        "ackDeadlineSeconds expirationPolicy retryPolicy.maximumBackoff retryPolicy.minimumBackoff"
    ),
    defaults={"messageRetentionDuration": "604800s"},
)
