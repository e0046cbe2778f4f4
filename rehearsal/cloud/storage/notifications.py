"""Messages to Pub/Sub about new objects of a bucket.

https://docs.cloud.google.com/storage/docs/pubsub-notifications
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from rehearsal.cloud.http import rest
from rehearsal.cloud.http.conventions import require_known_fields
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.pubsub import topics
from rehearsal.cloud.pubsub.backlog import Message
from rehearsal.cloud.storage import bucket_iam

if TYPE_CHECKING:
    from rehearsal.cloud.http.routing import Request
    from rehearsal.cloud.state import Bucket, Cloud, Json

AGENT: Final = "service-{number}@gs-project-accounts.iam.gserviceaccount.com"
"""Cloud Storage's own account in a project, which publishes the messages.
https://docs.cloud.google.com/storage/docs/projects#service-agents"""
EVENT: Final = "OBJECT_FINALIZE"
"""An object was written. Others are not modelled."""
FORMATS: Final = frozenset({"JSON_API_V1", "NONE"})
FIELDS: Final = frozenset({"event_types", "payload_format", "topic"})
"""Others, such as a prefix and custom attributes, are not modelled."""
PUBSUB: Final = "//pubsub.googleapis.com/"
TOPIC: Final = re.compile(f"{PUBSUB}projects/[^/]+/topics/[^/]+")


def insert(request: Request) -> Json:
    """POST /b/BUCKET/notificationConfigs: messages from now on; ApiError."""
    bucket = bucket_iam.requested(request, "storage.buckets.update")
    body = require_known_fields(request.body, FIELDS)
    if body.get("event_types") != [EVENT]:
        raise ApiError(400, f"Not modelled: event_types other than [{EVENT}].")
    if body.get("payload_format") not in FORMATS:
        raise ApiError(400, f"Invalid payload format, expected one of {sorted(FORMATS)}.")
    topic = body.get("topic", "")
    if not TOPIC.fullmatch(topic):
        raise ApiError(400, f"Invalid topic: {topic!r}, expected {TOPIC.pattern}")
    if not _may_publish(request.cloud, bucket, topic):
        raise ApiError(
            403,
            f"The service account '{_agent(request.cloud, bucket.project)}' does not have "
            f"permission to publish messages to to the Cloud Pub/Sub topic '{topic}', or that "
            "topic does not exist.",
        )
    number = str(max(map(int, bucket.notifications), default=0) + 1)
    link = f"https://www.googleapis.com/storage/v1/b/{bucket.name}/notificationConfigs/{number}"
    made = {"kind": "storage#notification", "id": number, "etag": number, "selfLink": link}
    bucket.notifications[number] = {**body, **made}
    return bucket.notifications[number]


def list_all(request: Request) -> Json:
    """GET /b/BUCKET/notificationConfigs."""
    found = list(bucket_iam.requested(request, "storage.buckets.get").notifications.values())
    return {"kind": "storage#notifications", **({"items": found} if found else {})}


def get(request: Request) -> Json:
    """GET /b/BUCKET/notificationConfigs/ID."""
    return _find(request, bucket_iam.requested(request, "storage.buckets.get"))


def delete(request: Request) -> Response:
    """DELETE /b/BUCKET/notificationConfigs/ID: no more messages."""
    bucket = bucket_iam.requested(request, "storage.buckets.update")
    del bucket.notifications[_find(request, bucket)["id"]]
    return Response(status_code=204)


def service_account(request: Request) -> Json:
    """GET /projects/PROJECT/serviceAccount: the account that publishes; ApiError."""
    cloud, reference = request.cloud, request.path["project"]
    project = cloud.project(reference)
    if project is None:
        raise ApiError(404, f"The requested project was not found: {reference}")
    resource, permission = f"projects/{project.id}", "resourcemanager.projects.get"
    bucket_iam.require(cloud, request.caller, permission, resource, (project.policy,), "project")
    return {"kind": "storage#serviceAccount", "email_address": _agent(cloud, project.id)}


def publish(cloud: Cloud, bucket: Bucket, meta: Json, overwritten: str | None) -> None:
    """Tell every topic of the bucket about a new object, and which generation it replaced.

    Nobody learns of a message that Cloud Storage's own account may no longer publish.
    """
    for config in bucket.notifications.values():
        if not _may_publish(cloud, bucket, config["topic"]):
            continue
        attributes = {
            "notificationConfig": f"projects/_/buckets/{bucket.name}/notificationConfigs/"
            f"{config['id']}",
            "eventType": EVENT,
            "payloadFormat": config["payload_format"],
            "bucketId": bucket.name,
            "objectId": meta["name"],
            "objectGeneration": meta["generation"],
            "eventTime": meta["timeCreated"],
            **({"overwroteGeneration": overwritten} if overwritten else {}),
        }
        data = json.dumps(meta).encode() if config["payload_format"] == "JSON_API_V1" else b""
        published = Message(
            id=topics.new_id(),
            data=base64.b64encode(data).decode(),
            attributes=attributes,
            published=rest.timestamp(cloud),
        )
        topics.deliver(cloud, _topic_name(config["topic"]), published)


def _find(request: Request, bucket: Bucket) -> Json:
    try:
        return bucket.notifications[request.path["notification"]]
    except KeyError:
        raise ApiError(404, "Not Found") from None


def _may_publish(cloud: Cloud, bucket: Bucket, topic: str) -> bool:
    found = cloud.topics.get(_topic_name(topic))
    member = f"serviceAccount:{_agent(cloud, bucket.project)}"
    return found is not None and topics.may_publish(cloud, member, found)


def _agent(cloud: Cloud, project: str) -> str:
    return AGENT.format(number=cloud.projects[project].number)


def _topic_name(topic: str) -> str:
    return topic.removeprefix(PUBSUB)
