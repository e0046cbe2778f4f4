"""Cloud Storage's messages about new objects, which its own account publishes to Pub/Sub."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.conftest import OWNER
from tests.cloud.rest_requests import ANYBODY, asker, message

if TYPE_CHECKING:
    from google.cloud import storage

    from rehearsal.cloud.state import Cloud
    from tests.cloud.rest_requests import Ask

API = "https://storage.googleapis.com/storage/v1/"
PUBSUB = "https://pubsub.googleapis.com/v1/projects/secundus-vision/"
TOPIC = "projects/secundus-vision/topics/slices"
AGENT = "service-111111111111@gs-project-accounts.iam.gserviceaccount.com"
CONFIGS = "b/pictures/notificationConfigs"
CONFIG: dict[str, Any] = {
    "topic": f"//pubsub.googleapis.com/{TOPIC}",
    "payload_format": "NONE",
    "event_types": ["OBJECT_FINALIZE"],
}


@pytest.fixture
def pubsub(cloud: Cloud, owner: storage.Client) -> Ask:
    """A bucket of Primus, and a topic of Secundus to which Cloud Storage may publish."""
    owner.create_bucket("pictures")
    ask = asker(cloud, "secundus-vision", ["pubsub.admin"], ["pubsub"], PUBSUB)
    assert ask("PUT", "topics/slices").status_code == 200
    assert ask("PUT", "subscriptions/slices", {"topic": TOPIC}).status_code == 200
    let_publish(ask, "roles/pubsub.publisher")
    return ask


def let_publish(pubsub: Ask, *roles: str) -> None:
    """Give Cloud Storage's account these roles on the topic, and no other ones."""
    bindings = [{"role": role, "members": [f"serviceAccount:{AGENT}"]} for role in roles]
    answer = pubsub("POST", "topics/slices:setIamPolicy", {"policy": {"bindings": bindings}})
    assert answer.status_code == 200, answer.text


def notify(pubsub: Ask, **changes: Any) -> dict[str, Any]:
    """A new notification configuration of the bucket."""
    answer = pubsub("POST", API + CONFIGS, CONFIG | changes, by=OWNER)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def received(pubsub: Ask) -> list[Any]:
    """The messages that wait in the subscription."""
    answer = pubsub("POST", "subscriptions/slices:pull", {"maxMessages": 100}).json()
    return [each["message"] for each in answer.get("receivedMessages", [])]


def test_a_new_object_is_announced(pubsub: Ask, owner: storage.Client) -> None:
    """With its name and generation as attributes, and nothing else."""
    config = notify(pubsub)
    blob = owner.bucket("pictures").blob("a/b.jpg")
    blob.upload_from_string(b"1", content_type="image/jpeg")
    (sent,) = received(pubsub)
    assert "data" not in sent
    resource = owner.get_bucket("pictures").get_blob("a/b.jpg")._properties
    assert sent["attributes"] == {
        "notificationConfig": f"projects/_/buckets/pictures/notificationConfigs/{config['id']}",
        "eventType": "OBJECT_FINALIZE",
        "payloadFormat": "NONE",
        "bucketId": "pictures",
        "objectId": "a/b.jpg",
        "objectGeneration": str(blob.generation),
        "eventTime": resource["timeCreated"],
    }


def test_an_overwritten_object_is_announced_with_the_generation_before(
    pubsub: Ask, owner: storage.Client
) -> None:
    """A copy is a new object, too; a deletion is none."""
    notify(pubsub)
    bucket = owner.bucket("pictures")
    blob = bucket.blob("one")
    blob.upload_from_string(b"1")
    first = str(blob.generation)
    blob.upload_from_string(b"2")
    bucket.blob("two").rewrite(blob)
    blob.delete()
    sent = [each["attributes"] for each in received(pubsub)]
    assert [each["objectId"] for each in sent] == ["one", "one", "two"]
    assert [each.get("overwroteGeneration") for each in sent] == [None, first, None]


def test_a_resumable_upload_is_announced_once(pubsub: Ask, owner: storage.Client) -> None:
    """When the object is whole."""
    notify(pubsub)
    blob = owner.bucket("pictures").blob("big", chunk_size=256 * 1024)
    with blob.open("wb") as target:
        target.write(b"x" * 600_000)
    blob.reload()
    (sent,) = received(pubsub)
    assert sent["attributes"]["objectGeneration"] == str(blob.generation)


def test_a_message_may_carry_the_objects_resource(pubsub: Ask, owner: storage.Client) -> None:
    """As JSON, which our stack does not ask for."""
    notify(pubsub, payload_format="JSON_API_V1")
    owner.bucket("pictures").blob("one").upload_from_string(b"1", content_type="image/jpeg")
    (sent,) = received(pubsub)
    resource = json.loads(base64.b64decode(sent["data"]))
    assert (resource["name"], resource["contentType"]) == ("one", "image/jpeg")


def test_without_its_grant_cloud_storage_announces_nothing(
    pubsub: Ask, owner: storage.Client
) -> None:
    """The object is written, and nobody is told that the message is lost."""
    notify(pubsub)
    let_publish(pubsub)
    owner.bucket("pictures").blob("lost").upload_from_string(b"1")
    let_publish(pubsub, "roles/pubsub.publisher")
    owner.bucket("pictures").blob("found").upload_from_string(b"1")
    assert [each["attributes"]["objectId"] for each in received(pubsub)] == ["found"]


def test_a_configuration_needs_the_grant_of_cloud_storages_account(pubsub: Ask) -> None:
    """Google does not say whether the grant or the topic is missing."""
    let_publish(pubsub)
    missing = CONFIG["topic"].replace("slices", "none")
    for topic in (CONFIG["topic"], missing):
        refused = pubsub("POST", API + CONFIGS, CONFIG | {"topic": topic}, by=OWNER)
        assert message(refused, 403) == (
            f"The service account '{AGENT}' does not have permission to publish messages to to "
            f"the Cloud Pub/Sub topic '{topic}', or that topic does not exist."
        )


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"event_types": []}, "Not modelled: event_types"),
        ({"event_types": ["OBJECT_DELETE"]}, "Not modelled: event_types"),
        ({"payload_format": "XML"}, "Invalid payload format"),
        ({"topic": TOPIC}, "Invalid topic"),
        ({"object_name_prefix": "in/"}, 'Unknown name "object_name_prefix"'),
        ({"custom_attributes": {}}, 'Unknown name "custom_attributes"'),
    ],
)
def test_an_invalid_configuration_is_refused(pubsub: Ask, change: Any, refusal: str) -> None:
    """And what is not modelled."""
    assert refusal in message(pubsub("POST", API + CONFIGS, CONFIG | change, by=OWNER), 400)


def test_configurations_are_listed_and_deleted(pubsub: Ask, owner: storage.Client) -> None:
    """After that, nothing is announced."""
    assert "items" not in pubsub("GET", API + CONFIGS, by=OWNER).json()
    config = notify(pubsub)
    url = f"{API}{CONFIGS}/{config['id']}"
    assert pubsub("GET", API + CONFIGS, by=OWNER).json()["items"] == [config]
    assert pubsub("GET", url, by=OWNER).json() == config
    assert pubsub("DELETE", url, by=OWNER).status_code == 204
    for verb in ("GET", "DELETE"):
        assert pubsub(verb, url, by=OWNER).status_code == 404
    owner.bucket("pictures").blob("one").upload_from_string(b"1")
    assert received(pubsub) == []


def test_a_configuration_is_the_business_of_the_buckets_owner(pubsub: Ask) -> None:
    """Else everybody could be told of every new object."""
    for verb, url, permission in (
        ("POST", CONFIGS, "storage.buckets.update"),
        ("GET", CONFIGS, "storage.buckets.get"),
        ("GET", f"{CONFIGS}/1", "storage.buckets.get"),
        ("DELETE", f"{CONFIGS}/1", "storage.buckets.update"),
    ):
        refused = pubsub(verb, API + url, CONFIG, by=ANYBODY)
        assert f"does not have {permission} access" in message(refused, 403)


def test_the_account_that_publishes_can_be_asked_for(pubsub: Ask, cloud: Cloud) -> None:
    """By whoever may see the project."""
    url = f"{API}projects/primus-models/serviceAccount"
    refused = message(pubsub("GET", url, by=ANYBODY), 403)
    assert "does not have resourcemanager.projects.get access" in refused
    cloud.projects["primus-models"].policy.bindings = [
        {"role": "roles/browser", "members": [ANYBODY]}
    ]
    assert pubsub("GET", url, by=ANYBODY).json()["email_address"] == AGENT
    assert pubsub("GET", f"{API}projects/none/serviceAccount").status_code == 404
