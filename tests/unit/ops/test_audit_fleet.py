"""What an audit says of a fleet: its groups, its limits, its machines, and who has its messages."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from ops.audit import fleet, messages, policies
from ops.audit.finding import Finding, Kind
from ops.google_api import ApiError
from ops.stack_state import Deployed
from tests.fixtures.recorded_api import Recorded

ZONE = "projects/secundus-vision/zones/us-west1-b"
GROUP, SCALER = f"{ZONE}/instanceGroupManagers/fleet", f"{ZONE}/autoscalers/fleet"
TEMPLATE = "projects/secundus-vision/global/instanceTemplates/fleet-1"
MACHINES = f"{ZONE}/instances"
MACHINE = f"{MACHINES}/workload-vm-x1y2"
TOPIC = "projects/secundus-vision/topics/slices"
SUBSCRIPTION = "projects/secundus-vision/subscriptions/slices"
DEAD = "projects/secundus-vision/topics/dead"
PROJECT = "cloudresourcemanager.googleapis.com/v1/projects/secundus-vision:getIamPolicy"
LINK = "https://www.googleapis.com/compute/v1/"
WORKER = "serviceAccount:w@secundus-vision.iam.gserviceaccount.com"


def resource(kind: str, identity: str, **properties: Any) -> Deployed:
    """One resource of a state."""
    return Deployed(type=f"gcp:{kind}", name="any", id=identity, properties=properties)


def listed(*metadata: dict[str, str]) -> dict[str, Any]:
    """The machines of the zone: one of the group, and one of somebody else."""
    own = {"name": "workload-vm-x1y2", "metadata": {"items": list(metadata)}}
    return {"items": [own, {"name": "other"}]}


STATE = (
    resource("compute/instanceTemplate:InstanceTemplate", TEMPLATE, metadata={"a": "b"}),
    resource(
        "compute/instanceGroupManager:InstanceGroupManager",
        GROUP,
        versions=[{"instanceTemplate": f"{LINK}{TEMPLATE}"}],
    ),
    resource(
        "compute/autoscaler:Autoscaler",
        SCALER,
        autoscalingPolicy={"minReplicas": 0.0, "maxReplicas": 5.0},
    ),
    resource("pubsub/topic:Topic", TOPIC),
    resource("storage/notification:Notification", "photos/notificationConfigs/1"),
    resource(
        "pubsub/subscription:Subscription",
        SUBSCRIPTION,
        deadLetterPolicy={"deadLetterTopic": DEAD, "maxDeliveryAttempts": 6},
    ),
    resource(
        "pubsub/subscriptionIAMMember:SubscriptionIAMMember",
        "x",
        subscription="slices",
        role="roles/pubsub.subscriber",
        member=WORKER,
    ),
)
COMPUTE = "compute.googleapis.com/compute/v1"
PUBSUB = "pubsub.googleapis.com/v1"
ANSWERS: dict[str, Any] = {
    f"{COMPUTE}/{GROUP}": {"versions": [{"instanceTemplate": f"{LINK}{TEMPLATE}?uniqueId=7"}]},
    f"{COMPUTE}/{GROUP}/listManagedInstances": {
        "managedInstances": [{"instance": f"{LINK}{MACHINE}"}]
    },
    f"{COMPUTE}/{MACHINES}": listed(
        {"key": "a", "value": "b"},
        {"key": "created-by", "value": GROUP},
        {"key": "instance-template", "value": TEMPLATE},
    ),
    f"{COMPUTE}/{SCALER}": {"autoscalingPolicy": {"maxNumReplicas": 5}},
    f"{PUBSUB}/{TOPIC}:getIamPolicy": {},
    f"{PUBSUB}/{TOPIC}/subscriptions": {"subscriptions": [SUBSCRIPTION]},
    f"{PUBSUB}/{SUBSCRIPTION}": {
        "topic": TOPIC,
        "pushConfig": {},
        "deadLetterPolicy": {"deadLetterTopic": DEAD, "maxDeliveryAttempts": 6},
    },
    PROJECT: {},
    f"{PUBSUB}/{SUBSCRIPTION}:getIamPolicy": {
        "bindings": [{"role": "roles/pubsub.subscriber", "members": [WORKER]}]
    },
}
"""What Google answers while everything is as deployed."""


BUCKETS = tuple(resource("storage/bucket:Bucket", name) for name in ("photos", "records"))
STORAGE = "storage.googleapis.com/storage/v1/b"
ANNOUNCED: dict[str, Any] = {
    f"{STORAGE}/photos/notificationConfigs": {
        "items": [{"id": "1", "topic": f"//pubsub.googleapis.com/{TOPIC}"}]
    },
    f"{STORAGE}/records/notificationConfigs": {},
}


def announced(answers: dict[str, Any], state: tuple[Deployed, ...]) -> list[Finding]:
    """What the audit says of the announcements of two buckets."""
    api = Recorded(ANNOUNCED | answers)
    return list(messages.announcements(api, (*BUCKETS, *state), "secundus-vision"))


def test_a_bucket_announces_its_objects_as_deployed() -> None:
    """One to the topic of the fleet, or none."""
    assert announced({}, STATE) == []
    assert announced({f"{STORAGE}/photos/notificationConfigs": {}}, ()) == []


@pytest.mark.parametrize("bucket", ["photos", "records"])
@pytest.mark.parametrize("topic", ["projects/eve/topics/x", TOPIC])
def test_a_second_announcement_of_a_bucket_is_a_difference(bucket: str, topic: str) -> None:
    """Also to the stack's own topic, by a killed update; and of a bucket that had none."""
    url = f"{STORAGE}/{bucket}/notificationConfigs"
    second = {"id": "2", "topic": f"//pubsub.googleapis.com/{topic}"}
    more = {url: {"items": [*ANNOUNCED[url].get("items", ()), second]}}
    (difference,) = announced(more, STATE)
    assert difference.kind is Kind.DIFFERENCE
    assert difference.what == f"the bucket {bucket} announces its objects to {topic}, too"
    assert difference.fix == (
        "gcloud storage buckets notifications delete"
        f" projects/_/buckets/{bucket}/notificationConfigs/2"
    )


def test_a_notification_of_an_existing_bucket_may_be_needed_by_others() -> None:
    """The stack promises never to change that bucket, so nobody deletes it unasked."""
    existing = Deployed(type="gcp:storage/bucket:Bucket", name="any", id="photos", managed=False)
    (difference,) = messages.announcements(Recorded(ANNOUNCED), [existing], "secundus-vision")
    assert difference.fix == (
        "if nobody of yours needs it: gcloud storage buckets notifications delete"
        " projects/_/buckets/photos/notificationConfigs/1"
    )


def test_announcements_of_a_stack_without_a_fleet_are_all_differences() -> None:
    """Nobody declared them."""
    (difference,) = announced({}, ())
    assert difference.what.startswith("the bucket photos announces its objects to ")


def test_announcements_that_may_not_be_read_are_said() -> None:
    """Nobody knows then."""
    (unread,) = announced(
        {f"{STORAGE}/records/notificationConfigs": ApiError(403, "", "denied")}, STATE
    )
    assert unread.kind is Kind.NOT_READ
    assert unread.what == "the notifications of the bucket records: 403 denied"


def found(answers: dict[str, Any], state: tuple[Deployed, ...] = STATE) -> list[tuple[Kind, str]]:
    """What the audit says of groups, machines and messages."""
    api = Recorded(answers)
    every = [
        *fleet.fleets(api, state, "secundus-vision"),
        *messages.messages(api, state, "secundus-vision"),
    ]
    for guarded in policies.guarded(state):
        every += policies.compared(api, guarded, "secundus-vision")
    project = policies.of_project("secundus-vision", state)
    every += policies.compared_project(api, project, "secundus-vision")
    return [(each.kind, each.what) for each in every]


def test_a_fleet_as_deployed_has_no_difference() -> None:
    """Google's own metadata of a group's machine is none."""
    assert found(ANSWERS) == []


TEMPLATES = "makes machines from other-1, deployed was fleet-1"
CHANGES: dict[str, tuple[str, Any, str]] = {
    "another template": (
        f"{COMPUTE}/{GROUP}",
        {"versions": [{"instanceTemplate": f"{LINK}other-1"}]},
        f"the group fleet in us-west1-b {TEMPLATES}",
    ),
    "another template, in the older form": (
        f"{COMPUTE}/{GROUP}",
        {"instanceTemplate": f"{LINK}other-1"},
        f"the group fleet in us-west1-b {TEMPLATES}",
    ),
    "overridden": (
        f"{COMPUTE}/{GROUP}",
        {**ANSWERS[f"{COMPUTE}/{GROUP}"], "allInstancesConfig": {"properties": {}}},
        "the group fleet in us-west1-b has values that override its template",
    ),
    "no group": (f"{COMPUTE}/{GROUP}", None, "the group fleet in us-west1-b is gone"),
    "no autoscaler": (f"{COMPUTE}/{SCALER}", None, "the autoscaler fleet in us-west1-b is gone"),
    "more machines": (
        f"{COMPUTE}/{SCALER}",
        {"autoscalingPolicy": {"maxNumReplicas": 500}},
        "maxNumReplicas of the autoscaler fleet in us-west1-b was changed by hand: got 500",
    ),
    "machines without work": (
        f"{COMPUTE}/{SCALER}",
        {"autoscalingPolicy": {"maxNumReplicas": 5, "minNumReplicas": 3}},
        "minNumReplicas of the autoscaler fleet in us-west1-b was changed by hand: got 3",
    ),
    "metadata of a machine": (
        f"{COMPUTE}/{MACHINES}",
        listed({"key": "a", "value": "c"}),
        "metadata of the machine workload-vm-x1y2 was changed by hand: a",
    ),
    "a publisher": (
        f"{PUBSUB}/{TOPIC}:getIamPolicy",
        {"bindings": [{"role": "roles/pubsub.publisher", "members": ["user:eve@x.example"]}]},
        "user:eve@x.example has roles/pubsub.publisher on the topic slices, and the stack did not",
    ),
    "a publisher on the project": (
        PROJECT,
        {"bindings": [{"role": "roles/pubsub.publisher", "members": ["user:eve@x.example"]}]},
        "user:eve@x.example has roles/pubsub.publisher on the project secundus-vision, and the",
    ),
    "a subscriber on the project": (
        PROJECT,
        {"bindings": [{"role": "roles/pubsub.subscriber", "members": ["user:eve@x.example"]}]},
        "user:eve@x.example has roles/pubsub.subscriber on the project secundus-vision, and the",
    ),
    "messages sent elsewhere": (
        f"{PUBSUB}/{SUBSCRIPTION}",
        ANSWERS[f"{PUBSUB}/{SUBSCRIPTION}"]
        | {"pushConfig": {"pushEndpoint": "https://eve.example"}},
        "the subscription slices sends its messages elsewhere (pushConfig)",
    ),
    "other dead letters": (
        f"{PUBSUB}/{SUBSCRIPTION}",
        {"topic": TOPIC, "deadLetterPolicy": {"deadLetterTopic": "projects/eve/topics/dead"}},
        "the subscription slices gives its dead letters to projects/eve/topics/dead, deployed",
    ),
    "no subscription": (
        f"{PUBSUB}/{SUBSCRIPTION}",
        None,
        "the subscription slices is gone",
    ),
    "another subscription": (
        f"{PUBSUB}/{TOPIC}/subscriptions",
        {"subscriptions": [SUBSCRIPTION, "projects/eve/subscriptions/copy"]},
        "the topic slices has another subscription, projects/eve/subscriptions/copy",
    ),
    "a grant gone": (
        f"{PUBSUB}/{SUBSCRIPTION}:getIamPolicy",
        {},
        f"{WORKER} has no longer roles/pubsub.subscriber on the subscription slices",
    ),
}


@pytest.mark.parametrize(("url", "answer", "said"), CHANGES.values(), ids=CHANGES)
def test_a_change_of_a_fleet_by_hand_is_a_difference(url: str, answer: Any, said: str) -> None:
    """One, with the words for people."""
    answers = deepcopy(ANSWERS) | {url: answer}
    if answer is None:
        del answers[url]
    ((kind, what),) = found(answers)
    assert kind is Kind.DIFFERENCE
    assert what.startswith(said)


def test_a_machine_that_a_group_has_just_replaced_is_no_difference() -> None:
    """It is gone between two requests."""
    assert found(ANSWERS | {f"{COMPUTE}/{MACHINES}": {}}) == []


@pytest.mark.parametrize("url", [f"{COMPUTE}/{GROUP}", f"{COMPUTE}/{MACHINES}"])
def test_what_google_refuses_is_not_read(url: str) -> None:
    """Nobody knows, and the audit says so."""
    ((kind, what),) = found(ANSWERS | {url: ApiError(403, "", "denied")})
    assert kind is Kind.NOT_READ
    assert what == "the group fleet in us-west1-b: 403 denied"


@pytest.mark.parametrize("role", ["roles/pubsub.admin", "roles/pubsub.editor"])
def test_who_administers_messages_is_listed(role: str) -> None:
    """The deployer is one, so it is no difference."""
    who = {"bindings": [{"role": role, "members": ["user:d@x.example"]}]}
    ((kind, what),) = found(ANSWERS | {PROJECT: who})
    assert kind is Kind.ADMINISTRATOR
    assert what == f"user:d@x.example has {role} on the project secundus-vision"


def test_messages_of_others_in_the_project_are_none_of_a_stack_without_a_fleet() -> None:
    """Other programs may use Pub/Sub."""
    who = {"bindings": [{"role": "roles/pubsub.publisher", "members": ["user:a@x.example"]}]}
    assert found({PROJECT: who}, ()) == []


def managed(**state: Any) -> dict[str, Any]:
    """Everything as deployed, but for a machine with other metadata, which its group lists so."""
    managed = {"managedInstances": [{"instance": f"{LINK}{MACHINE}", **state}]}
    return ANSWERS | {
        f"{COMPUTE}/{GROUP}/listManagedInstances": managed,
        f"{COMPUTE}/{MACHINES}": listed({"key": "a", "value": "old"}),
    }


@pytest.mark.parametrize(
    "state",
    [
        {"currentAction": "DELETING", "version": {"instanceTemplate": f"{LINK}{TEMPLATE}"}},
        {"currentAction": "RECREATING"},
        {"currentAction": "NONE", "version": {"instanceTemplate": f"{LINK}fleet-0"}},
    ],
)
def test_a_machine_that_is_about_to_be_replaced_is_no_difference(state: dict[str, Any]) -> None:
    """In a rollout every machine has the metadata of the template before."""
    ((kind, what),) = found(managed(**state))
    assert kind is Kind.PENDING
    assert "workload-vm-x1y2 of the group fleet in us-west1-b is not yet replaced" in what


def test_a_machine_of_the_deployed_template_is_compared_and_mended() -> None:
    """By a command that can be typed."""
    version = {"instanceTemplate": f"{LINK}{TEMPLATE}?uniqueId=7"}
    answers = managed(currentAction="NONE", version=version)
    (difference,) = fleet.fleets(Recorded(answers), STATE, "secundus-vision")
    assert difference.kind is Kind.DIFFERENCE
    assert difference.fix == (
        "gcloud compute instance-groups managed recreate-instances fleet --zone us-west1-b"
        " --project secundus-vision --instances workload-vm-x1y2"
    )
