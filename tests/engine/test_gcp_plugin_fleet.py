"""The stand-in gcp plugin for Pub/Sub and groups of machines: what it sends, and what differs.

Everything here follows the source of the genuine plugin's provider, which was read and not run:
https://github.com/hashicorp/terraform-provider-google-beta.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.pulumi_plugins.gcp import resources
from rehearsal.pulumi_plugins.gcp_api import Api
from rehearsal.pulumi_plugins.gcp_groups import unique_name
from rehearsal.pulumi_plugins.gcp_resource import GcpResource
from rehearsal.pulumi_plugins.provider import UNKNOWN, ProviderError

if TYPE_CHECKING:
    from rehearsal.pulumi_plugins.provider import Json

API = Api(project="p", region="us-west1", zone="us-west1-b")
RESOURCES = {token.rpartition("/")[2]: found for token, found in resources(API).items()}
TEMPLATE, GROUP = "instanceTemplate:InstanceTemplate", "instanceGroupManager:InstanceGroupManager"
AUTOSCALER, TOPIC = "autoscaler:Autoscaler", "topic:Topic"
SUBSCRIPTION, NOTIFICATION = "subscription:Subscription", "notification:Notification"
LINK = "https://www.googleapis.com/compute/beta/"
SUBNETWORK = "projects/p/regions/us-west1/subnetworks/sub"
MADE = "projects/p/global/instanceTemplates/fleet-1"

GIVEN: dict[str, Json] = {
    TEMPLATE: {
        "namePrefix": "fleet-",
        "machineType": "n2d-standard-2",
        "disks": [{"sourceImage": "projects/i/global/images/i-1"}],
        "networkInterfaces": [{"subnetwork": SUBNETWORK, "subnetworkProject": "p"}],
        "serviceAccount": {"email": "a@b.example", "scopes": ["cloud-platform"]},
        "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
        "scheduling": {"provisioningModel": "SPOT", "automaticRestart": False},
        "metadata": {"tee-image-reference": "a@sha256:1"},
        "labels": {"a": "1"},
    },
    GROUP: {
        "name": "fleet",
        "zone": "us-west1-b",
        "baseInstanceName": "vm",
        "versions": [{"instanceTemplate": MADE}],
        "updatePolicy": {
            "type": "PROACTIVE",
            "minimalAction": "REPLACE",
            "maxUnavailablePercent": 100,
        },
    },
    AUTOSCALER: {
        "name": "fleet",
        "zone": "us-west1-b",
        "target": "projects/p/zones/us-west1-b/instanceGroupManagers/fleet",
        "autoscalingPolicy": {
            "minReplicas": 0,
            "maxReplicas": 4,
            "metrics": [{"name": "m", "filter": "f", "singleInstanceAssignment": 8}],
        },
    },
    TOPIC: {
        "name": "slices",
        "labels": {"a": "1"},
        "messageStoragePolicy": {"allowedPersistenceRegions": ["us-west1"]},
    },
    SUBSCRIPTION: {
        "name": "slices",
        "topic": "slices",
        "ackDeadlineSeconds": 60,
        "expirationPolicy": {"ttl": ""},
        "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"},
        "deadLetterPolicy": {"deadLetterTopic": "projects/p/topics/dead", "maxDeliveryAttempts": 6},
    },
    NOTIFICATION: {
        "bucket": "photos",
        "topic": "projects/p/topics/slices",
        "payloadFormat": "JSON_API_V1",
        "eventTypes": ["OBJECT_FINALIZE", "OBJECT_DELETE"],
    },
}
SENT: dict[str, Json] = {
    TEMPLATE: {
        "properties": {
            "machineType": "n2d-standard-2",
            "disks": [
                {
                    "boot": True,
                    "autoDelete": True,
                    "type": "PERSISTENT",
                    "mode": "READ_WRITE",
                    "interface": "SCSI",  # whatever Google documents of confidential machines
                    "initializeParams": {
                        "sourceImage": "projects/i/global/images/i-1",
                        "diskType": "pd-standard",
                    },
                }
            ],
            "networkInterfaces": [{"subnetwork": SUBNETWORK}],
            "serviceAccounts": [
                {
                    "email": "a@b.example",
                    "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
                }
            ],
            "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
            "scheduling": {"provisioningModel": "SPOT", "automaticRestart": False},
            "metadata": {"items": [{"key": "tee-image-reference", "value": "a@sha256:1"}]},
            "labels": {"a": "1", "goog-pulumi-provisioned": "true"},
        }
    },
    GROUP: {
        "name": "fleet",
        "baseInstanceName": "vm",
        "targetSize": 0,
        "listManagedInstancesResults": "PAGELESS",
        "versions": [{"instanceTemplate": MADE}],
        "updatePolicy": {
            "type": "PROACTIVE",
            "minimalAction": "REPLACE",
            "minReadySec": 0,
            "maxSurge": {"fixed": 0},  # danger: the API's own default is 1
            "maxUnavailable": {"percent": 100},
        },
    },
    AUTOSCALER: {
        "name": "fleet",
        "target": "projects/p/zones/us-west1-b/instanceGroupManagers/fleet",
        "autoscalingPolicy": {
            "minNumReplicas": 0,
            "maxNumReplicas": 4,
            "coolDownPeriodSec": 60,
            "mode": "ON",
            "customMetricUtilizations": [
                {"metric": "m", "filter": "f", "singleInstanceAssignment": 8}
            ],
        },
    },
    TOPIC: {
        **GIVEN[TOPIC],
        "labels": {"a": "1", "goog-pulumi-provisioned": "true"},
    },
    SUBSCRIPTION: {
        **GIVEN[SUBSCRIPTION],
        "topic": "projects/p/topics/slices",
        "expirationPolicy": {},
        "messageRetentionDuration": "604800s",
        "labels": {"goog-pulumi-provisioned": "true"},
    },
    NOTIFICATION: {
        "topic": "projects/p/topics/slices",
        "payload_format": "JSON_API_V1",
        "event_types": ["OBJECT_FINALIZE", "OBJECT_DELETE"],
    },
}


def resource(kind: str) -> GcpResource:
    """A resource type of the plugin."""
    found = RESOURCES[kind]
    assert isinstance(found, GcpResource)
    return found


def inputs(kind: str, **changed: Any) -> Json:
    """What the check makes of the given inputs, some of them changed (None: left out)."""
    news = {key: value for key, value in {**GIVEN[kind], **changed}.items() if value is not None}
    found, failures = RESOURCES[kind].check("x", news)
    assert failures == []
    return found


def state(kind: str, **live: Any) -> Json:
    """The outputs after a creation, of a cloud that answers with what it got, and with `live`."""
    made = resource(kind)
    properties = made.placed(inputs(kind), API.places())
    answer = {"selfLink": f"{LINK}x", "id": "7", **made.body(properties), **live}
    return made.outputs(answer, properties)


def diff(kind: str, before: Json, **changed: Any) -> dict[str, bool]:
    """Path -> whether its change replaces the resource."""
    found = RESOURCES[kind].diff({}, before, inputs(kind, **changed)).changes
    return {path: change.replaces for path, change in found.items()}


@pytest.mark.parametrize("kind", GIVEN)
def test_the_request_has_the_names_and_defaults_of_the_genuine_plugin(kind: str) -> None:
    """Word for word."""
    assert resource(kind).body(resource(kind).placed(inputs(kind), API.places())) == SENT[kind]


@pytest.mark.parametrize("kind", GIVEN)
def test_what_was_created_is_no_difference_afterwards(kind: str) -> None:
    """Also where the cloud's form is another one, and where it chose a value."""
    assert diff(kind, state(kind)) == {}


@pytest.mark.parametrize(
    ("kind", "live"),
    [
        (GROUP, {"versions": [{"instanceTemplate": f"{LINK}{MADE}"}]}),
        (GROUP, {"targetSize": 3, "fingerprint": "f"}),
        (AUTOSCALER, {"target": f"{LINK}{GIVEN[AUTOSCALER]['target']}"}),
        (TOPIC, {"name": "projects/p/topics/slices"}),
        (NOTIFICATION, {"topic": "//pubsub.googleapis.com/projects/p/topics/slices"}),
        (NOTIFICATION, {"event_types": ["OBJECT_DELETE", "OBJECT_FINALIZE"]}),
    ],
)
def test_the_clouds_own_forms_are_no_difference(kind: str, live: Json) -> None:
    """Links, sizes that an autoscaler chose, and sets in another order."""
    assert diff(kind, state(kind, **live)) == {}


REPLACED: list[tuple[str, str, Any]] = [
    (TEMPLATE, "machineType", "n2d-standard-4"),
    (TEMPLATE, "metadata", {"tee-image-reference": "a@sha256:2"}),
    (TEMPLATE, "labels", {"a": "2"}),
    (TEMPLATE, "confidentialInstanceConfig", {"confidentialInstanceType": "TDX"}),
    (TEMPLATE, "serviceAccount", {"email": "b@b.example", "scopes": ["cloud-platform"]}),
    (TEMPLATE, "scheduling", {"provisioningModel": "STANDARD", "automaticRestart": False}),
    (TEMPLATE, "disks", [{"boot": True, "sourceImage": "projects/i/global/images/i-2"}]),
    (TEMPLATE, "namePrefix", "other-"),
    *((GROUP, key, "other") for key in ("name", "zone", "baseInstanceName")),
    *((AUTOSCALER, key, "other") for key in ("name", "zone")),
    (TOPIC, "name", "other"),
    *((SUBSCRIPTION, key, "other") for key in ("name", "topic")),
    (NOTIFICATION, "bucket", "other"),
    (NOTIFICATION, "topic", "projects/p/topics/other"),
    (NOTIFICATION, "eventTypes", ["OBJECT_FINALIZE"]),
    (NOTIFICATION, "payloadFormat", "NONE"),
    (NOTIFICATION, "objectNamePrefix", "a/"),
]


@pytest.mark.parametrize(("kind", "key", "value"), REPLACED)
def test_a_change_of_these_inputs_replaces_the_resource(kind: str, key: str, value: Any) -> None:
    """Everything of a template and of a notification does."""
    found = diff(kind, state(kind), **{key: value})
    assert found
    assert all(replaces and path.startswith(key) for path, replaces in found.items())


IN_PLACE: list[tuple[str, str, Any]] = [
    (GROUP, "versions", [{"instanceTemplate": "projects/p/global/instanceTemplates/fleet-2"}]),
    (GROUP, "versions", [{"instanceTemplate": UNKNOWN}]),
    (
        GROUP,
        "updatePolicy",
        {"type": "OPPORTUNISTIC", "minimalAction": "REPLACE", "maxUnavailablePercent": 100},
    ),
    (AUTOSCALER, "target", "other"),
    (AUTOSCALER, "autoscalingPolicy", {**GIVEN[AUTOSCALER]["autoscalingPolicy"], "maxReplicas": 9}),
    (TOPIC, "labels", {"a": "2"}),
    (SUBSCRIPTION, "ackDeadlineSeconds", 30),
    (SUBSCRIPTION, "expirationPolicy", {"ttl": "86400s"}),
    (SUBSCRIPTION, "deadLetterPolicy", None),
    (SUBSCRIPTION, "retryPolicy", None),
]


@pytest.mark.parametrize(("kind", "key", "value"), IN_PLACE)
def test_a_change_of_these_inputs_is_made_in_place(kind: str, key: str, value: Any) -> None:
    """The resource stays."""
    found = diff(kind, state(kind), **{key: value})
    assert found
    assert not any(found.values())


NOT_SEEN: list[tuple[str, str]] = [
    (TEMPLATE, "confidentialInstanceConfig"),  # danger: new machines are as before
    (TEMPLATE, "scheduling"),
    (GROUP, "updatePolicy"),
    (SUBSCRIPTION, "ackDeadlineSeconds"),
    (SUBSCRIPTION, "expirationPolicy"),
]


@pytest.mark.parametrize(("kind", "key"), NOT_SEEN)
def test_the_removal_of_these_inputs_is_no_difference(kind: str, key: str) -> None:
    """The cloud keeps what it has."""
    assert diff(kind, state(kind), **{key: None}) == {}


def test_an_action_that_google_filled_in_and_the_program_lacks_replaces_a_template() -> None:
    """Danger: with Spot, every update would; no other value of the scheduling does."""
    given = GIVEN[TEMPLATE]["scheduling"]
    live = {**SENT[TEMPLATE]["properties"]}
    live["scheduling"] = {**given, "instanceTerminationAction": "STOP", "onHostMaintenance": "X"}
    before = state(TEMPLATE, properties=live)
    assert diff(TEMPLATE, before) == {"scheduling.instanceTerminationAction": True}
    assert diff(TEMPLATE, before, scheduling={**given, "instanceTerminationAction": "STOP"}) == {}


def test_a_subscription_whose_topic_was_deleted_differs_after_a_refresh() -> None:
    """It would get nothing from a new topic of that name."""
    assert diff(SUBSCRIPTION, state(SUBSCRIPTION, topic="_deleted-topic_")) == {"topic": True}


def test_a_template_that_is_named_by_its_number_is_not_a_later_one_of_its_name() -> None:
    """Without a number, or with the same one, it is."""
    before = state(GROUP, versions=[{"instanceTemplate": f"{LINK}{MADE}?uniqueId=1"}])
    for link, differs in (
        (f"{MADE}?uniqueId=2", True),
        (f"{MADE}?uniqueId=1", False),
        (MADE, False),
    ):
        assert bool(diff(GROUP, before, versions=[{"instanceTemplate": link}])) is differs
    sent = resource(GROUP).body(
        inputs(GROUP, versions=[{"instanceTemplate": f"{MADE}?uniqueId=2"}])
    )
    assert sent["versions"] == [{"instanceTemplate": "projects/p/global/instanceTemplates/2"}]


@pytest.mark.parametrize("output", ["name", "selfLink", "selfLinkUnique"])
def test_a_templates_name_is_unknown_in_a_preview(output: str) -> None:
    """It is made up at the creation."""
    assert RESOURCES[TEMPLATE].plan(inputs(TEMPLATE), None)[output] == UNKNOWN


@pytest.mark.parametrize(("prefix", "characters"), [("a" * 37, 26), ("a" * 38, 9), ("a" * 54, 9)])
def test_a_made_up_name_is_unique_and_fits(prefix: str, characters: int) -> None:
    """At most 63 characters."""
    made = [unique_name(prefix) for _ in range(100)]  # most of them in the same tenth of a ms
    assert len(set(made)) == len(made)
    assert re.fullmatch(rf"{prefix}[0-9a-f]{{{characters}}}", made[0])
    assert len(made[0]) <= 63


@pytest.mark.parametrize("kind", [TEMPLATE, NOTIFICATION])
def test_these_are_created_before_the_old_one_is_deleted(kind: str) -> None:
    """Their names are new each time. The other types are deleted first."""
    key, value = {TEMPLATE: ("machineType", "x"), NOTIFICATION: ("bucket", "x")}[kind]
    found = RESOURCES[kind].diff({}, state(kind), inputs(kind, **{key: value}))
    assert not found.delete_before_replace
    assert RESOURCES[GROUP].diff({}, state(GROUP), inputs(GROUP, zone="x")).delete_before_replace


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        (GROUP, {"autoHealingPolicies": {"healthCheck": "c", "initialDelaySec": 9}}),
        (GROUP, {"versions": [{"instanceTemplate": MADE, "targetSize": {"fixed": 1}}]}),
        (
            AUTOSCALER,
            {
                "autoscalingPolicy": {
                    **GIVEN[AUTOSCALER]["autoscalingPolicy"],
                    "scalingSchedules": [],
                }
            },
        ),
        (TEMPLATE, {"name": "fleet"}),
        (TEMPLATE, {"disks": [{"sourceImage": "i", "deviceName": "d"}]}),
        (SUBSCRIPTION, {"filter": "attributes.a"}),
    ],
)
def test_an_unsupported_argument_is_refused_before_any_request(kind: str, changed: Json) -> None:
    """None of them is dropped silently."""
    with pytest.raises(ProviderError, match="does not send to the cloud: nothing was changed"):
        resource(kind).body(inputs(kind, **changed) | {"project": "p"})


def test_a_change_of_a_group_sends_what_changed_and_the_states_fingerprint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Danger: after a change by hand that fingerprint is the old one, and Google refuses it."""
    sent: list[Any] = []
    monkeypatch.setattr(
        resource(GROUP), "send", lambda verb, path, *_, json: sent.append((verb, path, json))
    )
    versions = [{"instanceTemplate": "projects/p/global/instanceTemplates/fleet-2"}]
    resource(GROUP).patch("g", {"fingerprint": "f"}, inputs(GROUP, versions=versions), ["versions"])
    assert sent == [("PATCH", "g", {"fingerprint": "f", "versions": versions})]


def test_a_change_of_an_autoscaler_sends_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the collection, by PUT."""
    sent: list[Any] = []
    monkeypatch.setattr(
        resource(AUTOSCALER),
        "send",
        lambda verb, path, *_, json, params: sent.append((verb, path, json, params)),
    )
    resource(AUTOSCALER).patch("z/autoscalers/fleet", {}, inputs(AUTOSCALER), ["target"])
    body, where = SENT[AUTOSCALER], {"autoscaler": "fleet"}
    assert sent == [("PUT", "z/autoscalers", body, where)]


def test_a_change_of_a_subscription_wraps_what_can_be_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Google takes no name and no topic here; the mask is in the query."""
    sent: list[Any] = []
    monkeypatch.setattr(
        resource(SUBSCRIPTION),
        "send",
        lambda verb, path, *_, json, params: sent.append((verb, path, json, params)),
    )
    properties = resource(SUBSCRIPTION).placed(inputs(SUBSCRIPTION), API.places())
    resource(SUBSCRIPTION).patch("s", {}, properties, ["ackDeadlineSeconds"])
    body = {key: v for key, v in SENT[SUBSCRIPTION].items() if key not in {"name", "topic"}}
    mask = {"updateMask": "ackDeadlineSeconds"}
    assert sent == [("PATCH", "s", {"subscription": body}, mask)]
