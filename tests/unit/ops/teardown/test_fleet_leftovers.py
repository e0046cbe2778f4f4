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


def test_nothing_is_left_of_a_fleet_that_never_was() -> None:
    """And nobody asks for a single machine."""
    assert left({f"{COMPUTE}/zones/us-west1-b/instances/workload-vm": {}}) == []


def test_everything_of_a_fleet_that_is_left_is_found_in_an_order_to_remove_it() -> None:
    """A group makes machines anew; Google deletes no template that a group uses."""
    zone = f"{COMPUTE}/zones/us-west1-b"
    names = ["workload-fleet-20261128", "workload-fleet-eu-1", "workload-fleet-", "other-1"]
    found = left(
        {
            f"{zone}/autoscalers/workload-fleet": {},
            f"{zone}/instanceGroupManagers/workload-fleet": {},
            TEMPLATES: {"items": [{"name": name} for name in names]},
            f"{PUBSUB}/subscriptions/workload-slices": {},
            f"{PUBSUB}/topics/workload-slices": {},
            f"{PUBSUB}/topics/workload-dead-letters": {},
            f"{COMPUTE}/global/networks/workload-network": {},
        }
    )
    assert [what for what, _ in found] == [
        "autoscaler workload-fleet in us-west1-b",
        "group workload-fleet in us-west1-b, with its machines",
        "template workload-fleet-20261128",
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
    """A stack without one is not asked for topics and groups."""
    values = committed("secundus")
    answers = NOTHING | {f"{PUBSUB}/topics/workload-slices": {}}
    found = leftovers.of_secundus(Recorded(answers), secundus_settings.parse(values))
    assert list(found) == []
