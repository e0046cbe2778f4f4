"""What a fleet declares: a queue, one template for all machines, a group in each zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra import naming
from tests.fixtures.submitters_grants import GRANTS
from tests.graph.mocked import HANDOVER, Declared, Graph, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    Deploy = Callable[..., Graph]

WORKER = "serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com"
PUBSUB = "serviceAccount:service-222222222222@gcp-sa-pubsub.iam.gserviceaccount.com"
STORAGE = "serviceAccount:service-222222222222@gs-project-accounts.iam.gserviceaccount.com"
SUBMITTER = "user:ann@secundus.example"
INPUT, RESULT = "secundus-vision-input-bucket", "secundus-vision-result-bucket"
ZONES = ["us-west1-a", "us-west1-b"]


@pytest.fixture
def fleet(secundus: Deploy) -> Deploy:
    """Deploys Secundus as committed with a fleet of at most 5 machines in two zones."""

    def run(*, preview: bool = False, also: dict[str, Any] | None = None, **changes: Any) -> Graph:
        table = {"mostMachines": 5, "leastMachines": 1, "zones": ZONES, **(also or {})}
        return secundus(preview=preview, **{"run": "", **changes, "fleet": table})

    return run


def kinds(graph: Graph) -> dict[str, int]:
    """How many resources of each kind of Google there are."""
    found = [r.type for r in graph.resources if r.type.startswith("gcp:")]
    return {kind.partition(":")[2]: found.count(kind) for kind in sorted(found)}


def test_a_fleet_declares_these_resources_and_no_others(secundus: Deploy, fleet: Deploy) -> None:
    """An inventory, beside that of one machine: whatever is added shows up here."""
    single, many = kinds(secundus()), kinds(fleet())
    assert single.pop("compute/instance:Instance") == 1
    assert many == {
        **single,
        "compute/autoscaler:Autoscaler": 2,
        "compute/instanceGroupManager:InstanceGroupManager": 2,
        "compute/instanceTemplate:InstanceTemplate": 1,
        "projects/service:Service": 7,
        "projects/serviceIdentity:ServiceIdentity": 1,
        "pubsub/subscription:Subscription": 2,
        "pubsub/subscriptionIAMMember:SubscriptionIAMMember": 2,
        "pubsub/topic:Topic": 2,
        "pubsub/topicIAMMember:TopicIAMMember": 1,
    }


def test_what_pins_one_machine_pins_each_of_a_fleet(secundus: Deploy, fleet: Deploy) -> None:
    """The token is the same, so the release condition admits both or neither."""
    labels = {"team": "vision"}
    machine = secundus(labels=labels).one("Instance").inputs
    template = fleet(labels=labels).one("InstanceTemplate").inputs
    alike = (
        "confidentialInstanceConfig",
        "labels",
        "machineType",
        "minCpuPlatform",
        "networkInterfaces",
        "project",
        "scheduling",
        "serviceAccount",
        "shieldedInstanceConfig",
    )
    assert {key: template[key] for key in alike} == {key: machine[key] for key in alike}
    disk = machine["bootDisk"]["initializeParams"]
    assert template["disks"] == [
        {
            "autoDelete": True,
            "boot": True,
            "diskSizeGb": disk["size"],
            "interface": "NVME",
            "diskType": disk["type"],
            "sourceImage": disk["image"],
        }
    ]
    own = {"metadata", "disks", "namePrefix", "region"}
    assert template.keys() - own <= machine.keys()


def test_a_worker_gets_one_variable_more_than_one_machine(secundus: Deploy, fleet: Deploy) -> None:
    """Where its work comes from; and no text that would run it again."""
    single = dict(secundus().one("Instance").inputs["metadata"])
    assert single.pop("run") == "1"
    assert fleet().one("InstanceTemplate").inputs["metadata"] == {
        **single,
        "tee-env-SUBSCRIPTION": "projects/secundus-vision/subscriptions/workload-slices",
    }
    assert single["tee-restart-policy"] == "Never"


def test_another_launch_is_another_template_before_the_old_one_is_deleted(fleet: Deploy) -> None:
    """Google deletes no template that a group still uses; all else is deleted first."""
    graph = fleet()
    first = {r.type: r.request.deleteBeforeReplace for r in graph.resources if "gcp:" in r.type}
    created_first = [kind for kind, deleted_first in first.items() if not deleted_first]
    assert [kind for kind in created_first if kind.startswith("gcp:")] == [
        "gcp:compute/instanceTemplate:InstanceTemplate"
    ]
    template = graph.one("InstanceTemplate").inputs
    assert template["namePrefix"] == "workload-fleet-"
    assert "name" not in template


def test_each_zone_has_a_group_that_replaces_all_its_machines_at_once(fleet: Deploy) -> None:
    """The old ones run another image, which refuses new slices."""
    graph = fleet()
    groups = {r.name: r.inputs for r in graph.all("InstanceGroupManager")}
    assert [(name, g["zone"]) for name, g in groups.items()] == [
        ("secundus-fleet-a", "us-west1-a"),
        ("secundus-fleet-b", "us-west1-b"),
    ]
    template = graph.one("InstanceTemplate")
    for group, most in zip(groups.values(), (3, 2), strict=True):
        assert group["name"] == "workload-fleet"
        assert group["baseInstanceName"] == "workload-vm"
        assert group["versions"] == [{"instanceTemplate": f"{template.name}-id"}]
        assert group["updatePolicy"] == {
            "type": "PROACTIVE",
            "minimalAction": "REPLACE",
            "replacementMethod": "SUBSTITUTE",
            "maxSurgeFixed": 0,
            "maxUnavailableFixed": most,
        }
        assert group["waitForInstances"] is False
        assert "targetSize" not in group


def test_the_autoscalers_follow_the_backlog_within_the_limits(fleet: Deploy) -> None:
    """Each sees the whole subscription, and has its share of the machines."""
    graph = fleet(also={"backlogPerMachine": 3})
    found = {r.inputs["zone"]: r.inputs for r in graph.all("Autoscaler")}
    limits = {
        zone: (each["autoscalingPolicy"]["minReplicas"], each["autoscalingPolicy"]["maxReplicas"])
        for zone, each in found.items()
    }
    assert limits == {"us-west1-a": (1, 3), "us-west1-b": (0, 2)}
    for zone, each in found.items():
        assert each["target"] == f"secundus-fleet-{zone[-1]}-id"
        assert each["autoscalingPolicy"]["metrics"] == [
            {
                "name": "pubsub.googleapis.com/subscription/num_undelivered_messages",
                "filter": "resource.type = pubsub_subscription AND"
                ' resource.label.subscription_id = "workload-slices"',
                "singleInstanceAssignment": 6,
            }
        ]


@pytest.mark.parametrize("machine", ["n2d-standard-2", "c3d-standard-4"])
def test_spot_machines_are_never_migrated_nor_restarted(fleet: Deploy, machine: str) -> None:
    """Google demands it of Spot, also of a family that it could migrate otherwise.

    The action is what Google fills in.
    """
    template = fleet(also={"provisioning": "spot"}, machineType=machine).one("InstanceTemplate")
    assert template.inputs["scheduling"] == {
        "provisioningModel": "SPOT",
        "preemptible": True,
        "automaticRestart": False,
        "onHostMaintenance": "TERMINATE",
        "instanceTerminationAction": "STOP",
    }


def test_a_message_is_kept_and_becomes_a_dead_letter_after_six_deliveries(fleet: Deploy) -> None:
    """Neither subscription ever expires, or it would forget the work."""
    graph = fleet()
    found = {r.inputs["name"]: r.inputs for r in graph.all("Subscription")}
    work, dead = found["workload-slices"], found["workload-dead-letters"]
    for each in (work, dead):
        assert each["expirationPolicy"] == {"ttl": ""}
        assert each["ackDeadlineSeconds"] == 60
    assert work["messageRetentionDuration"] == "604800s"
    # The most that Google takes: people read them, perhaps after a holiday.
    assert dead["messageRetentionDuration"] == "2678400s"
    assert work["retryPolicy"] == {"minimumBackoff": "10s", "maximumBackoff": "600s"}
    assert work["deadLetterPolicy"] == {
        "deadLetterTopic": "secundus-fleet-queue-dead-letters-id",
        "maxDeliveryAttempts": 6,
    }
    assert "deadLetterPolicy" not in dead
    # Else those that `results` looked at would be hidden from the next look for ten minutes.
    assert "retryPolicy" not in dead
    assert work["topic"] == "secundus-fleet-queue-slices-id"


def test_messages_stay_in_the_region(fleet: Deploy) -> None:
    """Those of a stream have the names of pictures."""
    for topic in fleet().all("Topic"):
        assert topic.inputs["messageStoragePolicy"] == {"allowedPersistenceRegions": ["us-west1"]}


ON = ("topic", "subscription", "bucket")


def grants(graph: Graph) -> set[tuple[str, str, str]]:
    """Every grant on a topic, a subscription or a bucket: what on, which role, to whom."""
    return {
        (str(next(g.inputs[key] for key in ON if key in g.inputs)), g.inputs["role"], who)
        for kind in ("TopicIAMMember", "SubscriptionIAMMember", "BucketIAMMember")
        for g in graph.all(kind)
        for who in [g.inputs["member"]]
    }


def test_worker_and_google_may_do_only_this_with_messages_and_objects(fleet: Deploy) -> None:
    """A worker cannot submit; and who may start a machine may do nothing of this."""
    assert grants(fleet()) == {
        ("workload-slices", "roles/pubsub.subscriber", WORKER),
        ("workload-slices", "roles/pubsub.subscriber", PUBSUB),
        ("workload-dead-letters", "roles/pubsub.publisher", PUBSUB),
        (INPUT, "roles/storage.objectViewer", WORKER),
        (RESULT, "roles/storage.objectUser", WORKER),
    }


def test_a_submitter_gets_what_submit_and_results_need(fleet: Deploy) -> None:
    """It cannot take work. tests/cloud/test_ops_fleet_submit.py shows that it is enough."""
    added = grants(fleet(also={"submitters": [SUBMITTER]})) - grants(fleet())
    assert added == {
        ("workload-slices", GRANTS["topic"], SUBMITTER),
        ("workload-dead-letters", GRANTS["dead letters"], SUBMITTER),
        (INPUT, GRANTS["input"], SUBMITTER),
        (RESULT, GRANTS["result"], SUBMITTER),
    }


def test_googles_own_account_exists_before_it_gets_a_grant(fleet: Deploy) -> None:
    """Google refuses a grant to an account that it has not made yet."""
    graph = fleet()
    identity = graph.one("ServiceIdentity")
    assert identity.inputs["service"] == "pubsub.googleapis.com"
    for kind in ("TopicIAMMember", "SubscriptionIAMMember"):
        for grant in graph.all(kind):
            waits = identity.urn in grant.dependencies
            assert waits == (grant.inputs["member"] == PUBSUB), grant.name


def test_machines_wait_for_every_grant_picture_and_the_firewall(fleet: Deploy) -> None:
    """The launcher waits for none; and the autoscaler, for the group that has them."""
    graph = fleet()
    needed = [
        *graph.all("IAMMember"),
        *graph.all("BucketIAMMember"),
        *graph.all("BucketObject"),
        *graph.all("Firewall"),
        *[g for g in graph.all("SubscriptionIAMMember") if g.inputs["member"] in (WORKER, PUBSUB)],
        *[g for g in graph.all("TopicIAMMember") if g.inputs["member"] == PUBSUB],
    ]
    assert len(needed) == 11
    for group in graph.all("InstanceGroupManager"):
        assert {r.urn for r in needed} <= group.dependencies
    groups = {group.name: group.urn for group in graph.all("InstanceGroupManager")}
    for autoscaler in graph.all("Autoscaler"):
        assert groups[autoscaler.name] in autoscaler.dependencies


def test_a_fleet_waits_until_its_grants_are_old_enough(
    fleet: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of the queue, which a stack with one machine did not have."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("infra.components.grant_wait.sleep", sleep)
    monkeypatch.setattr("infra.components.grant_wait.time", lambda: 1e9)
    graph = fleet(grantWait="300")
    made = {each.name: each.urn for each in graph.all("Stash")}
    assert sorted(made) == [
        "region",
        "secundus-fleet-granted-workload-slices",
        "secundus-granted-workload-sa",
    ]
    assert slept == [300.0, 300.0]
    for group in graph.all("InstanceGroupManager"):
        assert {urn for name, urn in made.items() if "granted" in name} <= group.dependencies


def test_the_notifications_of_a_stream_wait_until_their_grant_is_old_enough(
    fleet: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Google tries whether it may publish when the notification is made."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr("infra.components.grant_wait.sleep", sleep)
    monkeypatch.setattr("infra.components.grant_wait.time", lambda: 1e9)
    graph = fleet(grantWait="300", also={"stream": True})
    (waited,) = [each for each in graph.all("Stash") if "announces" in each.name]
    assert waited.name == "secundus-fleet-queue-announces-granted-workload-slices"
    (grant,) = [g for g in graph.all("TopicIAMMember") if g.inputs["member"] == STORAGE]
    assert grant.urn in waited.dependencies
    assert waited.urn in graph.one("Notification").dependencies
    assert slept == [300.0, 300.0, 300.0]


def test_whatever_replaces_a_template_in_use_deletes_groups_and_autoscalers_first(
    fleet: Deploy,
) -> None:
    """Google deletes no template or group in use; the engine follows properties."""
    graph = fleet()

    def behind(resource: Declared, *properties: str) -> set[str]:
        found = resource.request.propertyDependencies
        return {urn for each in properties for urn in found[each].urns}

    template = graph.one("InstanceTemplate")
    its = behind(template, "metadata", "networkInterfaces", "serviceAccount")
    assert {urn.rpartition("::")[2] for urn in its} >= {
        "secundus-input",
        "secundus-result",
        "secundus-workload",
    }
    groups = {group.name: group for group in graph.all("InstanceGroupManager")}
    for autoscaler in graph.all("Autoscaler"):
        group = groups[autoscaler.name]
        assert its <= behind(group, "zone")
        assert group.urn in behind(autoscaler, "zone")


def test_the_subnetwork_of_a_fleet_waits_for_the_buckets(fleet: Deploy, secundus: Deploy) -> None:
    """A bucket is replaced after the machines have ended, and the subnetwork after it."""
    for deploy, waits in ((fleet, True), (secundus, False)):
        graph = deploy()
        buckets = {bucket.urn for bucket in graph.all("Bucket")}
        assert (buckets <= graph.one("PrivateNetwork").dependencies) is waits


def test_a_fleet_gets_a_range_of_a_thousand_addresses(secundus: Deploy, fleet: Deploy) -> None:
    """It contains that of one machine, which a subnetwork keeps when the fleet is gone."""
    single, many = (run().one("Subnetwork") for run in (secundus, fleet))
    assert single.inputs["ipCidrRange"] == naming.ADDRESSES == "10.0.0.0/28"
    assert list(single.request.ignoreChanges) == ["ipCidrRange"]
    assert many.inputs["ipCidrRange"] == naming.FLEET_ADDRESSES == "10.0.0.0/22"
    assert list(many.request.ignoreChanges) == []


def test_without_a_stream_no_upload_becomes_a_message(fleet: Deploy) -> None:
    """Only jobs are work."""
    graph = fleet()
    assert graph.all("Notification") == []
    assert STORAGE not in {who for _, _, who in grants(graph)}


def test_a_stream_turns_each_new_picture_into_a_message(fleet: Deploy) -> None:
    """Google tries the grant before it agrees to notify."""
    graph = fleet(also={"stream": True})
    notification = graph.one("Notification")
    assert notification.inputs == {
        "bucket": "secundus-vision-input-bucket",
        "eventTypes": ["OBJECT_FINALIZE"],
        "payloadFormat": "NONE",
        "topic": "secundus-fleet-queue-slices-id",
    }
    (grant,) = [g for g in graph.all("TopicIAMMember") if g.inputs["member"] == STORAGE]
    assert (grant.inputs["topic"], grant.inputs["role"]) == (
        "workload-slices",
        "roles/pubsub.publisher",
    )
    assert grant.urn in notification.dependencies


def test_exports_say_where_work_goes_and_nothing_of_one_machine(fleet: Deploy) -> None:
    """What `submit` and `results` need."""
    assert fleet(also={"picturesPerSlice": 512}).exports == {
        "inputUri": "gs://secundus-vision-input-bucket",
        "resultUri": "gs://secundus-vision-result-bucket",
        "image": HANDOVER["image"],
        "project": "secundus-vision",
        "fleet": {
            "topic": "secundus-fleet-queue-slices-id",
            "subscription": "secundus-fleet-queue-slices-id",
            "deadLetters": "secundus-fleet-queue-dead-letters-id",
            "picturesPerSlice": 512,
            "stream": False,
            "modelSha256": HANDOVER["modelSha256"],
            "zones": ZONES,
            "group": "workload-fleet",
        },
    }


def test_the_size_of_a_fleet_is_an_input_of_its_component(fleet: Deploy) -> None:
    """A review of a preview shows it."""
    assert fleet(also={"provisioning": "spot"}).one("Fleet").inputs == {
        "mostMachines": 5,
        "leastMachines": 1,
        "provisioning": "spot",
        "projectNumber": "222222222222",
    }


def test_the_submitters_are_an_input_of_the_fleet(fleet: Deploy) -> None:
    """A review of a preview tells them from strangers."""
    inputs = fleet(also={"submitters": [SUBMITTER]}).one("Fleet").inputs
    assert inputs["submitters"] == [SUBMITTER]


def test_a_preview_of_a_new_fleet_knows_whom_it_grants_what(fleet: Deploy) -> None:
    """A review judges members; Google's own accounts are known by the project's number."""
    assert grants(fleet(preview=True, also={"stream": True})) == grants(
        fleet(also={"stream": True})
    )


def test_a_run_beside_a_fleet_is_refused_before_anything_is_declared(fleet: Deploy) -> None:
    """A new text would replace every machine in the middle of its work."""
    with pytest.raises(Refused, match="what runs again is a job") as refused:
        fleet(run="1")
    assert refused.value.declared == []
