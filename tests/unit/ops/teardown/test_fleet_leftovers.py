"""What is left of a fleet: it would go on to make machines, and to cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.config import secundus_settings
from ops.google_api import ApiError
from ops.teardown import leftovers
from tests.fixtures.recorded_api import Recorded
from tests.fixtures.stack_files import committed

if TYPE_CHECKING:
    from infra.config.secundus_settings import SecundusSettings

COMPUTE = "compute.googleapis.com/compute/v1/projects/secundus-vision"
PUBSUB = "pubsub.googleapis.com/v1/projects/secundus-vision"
TEMPLATES = f"{COMPUTE}/global/instanceTemplates"
NOTHING: dict[str, Any] = {
    TEMPLATES: {"items": []},
    "cloudresourcemanager.googleapis.com/v1/projects/secundus-vision:getIamPolicy": {},
}


def settings(**changes: Any) -> SecundusSettings:
    """The committed configuration with a fleet in two zones."""
    values = committed("secundus")
    values.pop("run")
    fleet = {"mostMachines": 2, "zones": ["us-west1-a", "us-west1-b"]}
    return secundus_settings.parse({**values, "fleet": fleet, **changes})


def left(answers: dict[str, Any], **changes: Any) -> list[tuple[str, str]]:
    """What is left, and how it is removed."""
    found = leftovers.of_secundus(Recorded(NOTHING | answers), settings(**changes))
    return [(each.what, each.remove or each.error) for each in found]


def of_one_machine(answers: dict[str, Any]) -> list[str]:
    """What is left of a stack that has one machine."""
    found = secundus_settings.parse(committed("secundus"))
    return [each.what for each in leftovers.of_secundus(Recorded(NOTHING | answers), found)]


def test_nothing_is_left_of_a_fleet_that_never_was() -> None:
    """Every name is asked for."""
    assert left({}) == []


def test_the_single_machine_is_found_beside_a_fleet() -> None:
    """An update to a fleet that died can have left it, and it costs."""
    ((what, removed),) = left({f"{COMPUTE}/zones/us-west1-b/instances/workload-vm": {}})
    assert what == "machine workload-vm"
    assert removed.startswith("gcloud compute instances delete workload-vm --zone us-west1-b")


def test_everything_of_a_fleet_that_is_left_is_found_in_an_order_to_remove_it() -> None:
    """A group makes machines anew; Google deletes no template that a group uses."""
    zone = f"{COMPUTE}/zones/us-west1-b"
    names = ["20261128091500000000000f0a", "eu-1", "late", ""]
    found = left(
        {
            f"{zone}/autoscalers/workload-fleet": {},
            f"{zone}/instanceGroupManagers/workload-fleet": {},
            TEMPLATES: {"items": [{"name": f"workload-fleet-{name}"} for name in names]},
            f"{PUBSUB}/subscriptions/workload-slices": {},
            f"{PUBSUB}/topics/workload-slices": {},
            f"{PUBSUB}/topics/workload-dead-letters": {},
            f"{COMPUTE}/global/networks/workload-network": {},
        }
    )
    assert [what for what, _ in found] == [
        "autoscaler workload-fleet in us-west1-b",
        "group workload-fleet in us-west1-b, with its machines",
        "template workload-fleet-20261128091500000000000f0a",
        "subscription workload-slices",
        "topic workload-slices",
        "topic workload-dead-letters",
        "network workload-network",
    ]
    removed = "gcloud compute instance-groups managed delete workload-fleet --zone us-west1-b"
    assert found[1][1].startswith(removed)


def test_templates_that_may_not_be_listed_are_not_known() -> None:
    """Not known is not the same as nothing."""
    assert left({TEMPLATES: ApiError(403, "", "denied")}) == [
        ("templates workload-fleet-…", "403 denied")
    ]


def test_one_machine_leaves_nothing_of_a_fleet() -> None:
    """Nor does an API that was never on."""
    assert of_one_machine({}) == []
    off = {
        f"{PUBSUB}/{kind}/{name}": ApiError(403, "SERVICE_DISABLED", "off")
        for kind in ("topics", "subscriptions")
        for name in ("workload-slices", "workload-dead-letters")
    }
    assert of_one_machine(off) == []


def test_a_fleet_that_is_not_configured_any_more_is_found() -> None:
    """An update that was killed can have left it, in any zone."""
    group = f"{COMPUTE}/zones/us-west1-c/instanceGroupManagers/workload-fleet"
    assert of_one_machine({f"{PUBSUB}/topics/workload-slices": {}, group: {}}) == [
        "group workload-fleet in us-west1-c, with its machines",
        "topic workload-slices",
    ]


def test_topics_that_may_not_be_asked_for_are_not_known() -> None:
    """A refusal says nothing of what is there."""
    refused = ApiError(403, "IAM_PERMISSION_DENIED", "denied")
    topic = f"{PUBSUB}/topics/workload-slices"
    assert of_one_machine({topic: refused}) == ["topic workload-slices"]


def test_a_notification_of_an_existing_bucket_to_the_topic_is_left() -> None:
    """`destroy` leaves the bucket; others may have notifications of their own."""
    bucket = "secundus-vision-input-bucket"
    topics = ("projects/secundus-vision/topics/workload-slices", "projects/others/topics/theirs")
    items = [
        {"id": f"{number}", "topic": f"//pubsub.googleapis.com/{topic}"}
        for number, topic in enumerate(topics, 1)
    ]
    url = f"storage.googleapis.com/storage/v1/b/{bucket}/notificationConfigs"
    name = f"projects/_/buckets/{bucket}/notificationConfigs/1"
    assert left({url: {"items": items}}, existing=["inputBucket"]) == [
        (
            f"notification 1 of the bucket {bucket} to the topic workload-slices",
            f"gcloud storage buckets notifications delete {name}",
        )
    ]
    assert left({url: ApiError(403, "", "denied")}) == [
        (f"notifications of the bucket {bucket}", "403 denied")
    ]
