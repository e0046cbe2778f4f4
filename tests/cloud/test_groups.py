"""Templates, managed instance groups and autoscalers: the requests, and what the groups do."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.cloud.compute.group_controller import GroupController
from rehearsal.cloud.iam.roles import ROLES as ROLES_BY_NAME
from rehearsal.cloud.pubsub.backlog import Message
from rehearsal.cloud.state import Subscription
from tests.cloud.rest_requests import asker, message
from tests.cloud.test_compute import API, DEPLOYER, IMAGES, LINK, MACHINE, PROJECT, WORKLOAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Cloud, Group, Instance
    from tests.cloud.rest_requests import Ask

pytestmark = pytest.mark.usefixtures("still")

ROLES = ("compute.instanceAdmin.v1", "compute.networkAdmin")
ZONE = "/zones/us-west1-b"
TEMPLATES, GROUPS, SCALERS = (
    "/global/instanceTemplates",
    f"{ZONE}/instanceGroupManagers",
    f"{ZONE}/autoscalers",
)
GROUP, SCALER = f"{GROUPS}/workload-fleet", f"{SCALERS}/workload-fleet"
SUBNETWORK = "/regions/us-west1/subnetworks/enclave"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/workload-slices"

PROPERTIES: dict[str, Any] = {
    **{key: value for key, value in MACHINE.items() if key != "name"},
    "machineType": "n2d-standard-2",
}
POLICY: dict[str, Any] = {
    "type": "PROACTIVE",
    "minimalAction": "REPLACE",
    "replacementMethod": "SUBSTITUTE",
    "maxSurge": {"fixed": 0},
    "maxUnavailable": {"fixed": 3},
}
AUTOSCALER: dict[str, Any] = {
    "name": "workload-fleet",
    "target": f"projects/{PROJECT}{GROUP}",
    "autoscalingPolicy": {
        "minNumReplicas": 0,
        "maxNumReplicas": 3,
        "coolDownPeriodSec": 60,
        "customMetricUtilizations": [
            {
                "metric": "pubsub.googleapis.com/subscription/num_undelivered_messages",
                "filter": "resource.type = pubsub_subscription AND "
                'resource.label.subscription_id = "workload-slices"',
                "singleInstanceAssignment": 4,
            }
        ],
    },
}


def template(name: str = "first", **changes: Any) -> dict[str, Any]:
    """A request for a template."""
    return {"name": name, "properties": PROPERTIES | changes}


def group(**changes: Any) -> dict[str, Any]:
    """A request for a group of the first template."""
    body = {
        "name": "workload-fleet",
        "baseInstanceName": "workload-vm",
        "versions": [{"instanceTemplate": f"projects/{PROJECT}{TEMPLATES}/first"}],
        "updatePolicy": POLICY,
        "targetSize": 0,
    }
    return body | changes


def changed(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of a request with another value; None removes it."""
    result = copy.deepcopy(body)
    *steps, last = path.split(".")
    inner: Any = result
    for step in steps:
        inner = inner[int(step) if step.isdecimal() else step]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return result


class Switches:
    """The power of machines that run nothing; a test says when one has shut down."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.announced: list[str] = []

    def start(self, instance: Instance) -> None:
        """Note it."""
        self.started.append(instance.name)

    def stop(self, instance: Instance) -> None:
        """Nothing has to be powered off."""

    def begin_shutdown(self, instance: Instance) -> None:
        """Note it; the machine goes on until the test ends it."""
        instance.doc["status"] = "STOPPING"
        self.announced.append(instance.name)


class Fleet:
    """What a group does, step by step, in a cloud whose own controller is paused."""

    def __init__(self, local: LocalCloud, switches: Switches, ask: Ask) -> None:
        self.cloud, self.switches, self.ask = local.cloud, switches, ask
        self.controller = GroupController(local.cloud, switches)
        self.key = f"projects/{PROJECT}{GROUP}"

    @property
    def group(self) -> Group:
        """The group."""
        return self.cloud.groups[self.key]

    def machines(self) -> dict[str, Instance]:
        """The machines that there are, by name."""
        return {each.name: each for each in self.cloud.instances.values()}

    def step(self, seconds: float = 0.0) -> dict[str, Instance]:
        """The machines after some time and one step."""
        self.cloud.clock_offset += seconds
        self.controller.step()
        return self.machines()

    def end(self, *names: str) -> None:
        """The machines, or all that are STOPPING, are off."""
        for name, instance in self.machines().items():
            if name in names or (not names and instance.doc["status"] == "STOPPING"):
                instance.doc["status"] = "TERMINATED"

    def resize(self, size: int) -> dict[str, Instance]:
        """The machines after a change of the size."""
        assert self.ask("PATCH", GROUP, {"targetSize": size}).status_code == 200
        return self.step()

    def load(self, messages: int) -> None:
        """So many messages wait for an acknowledgement."""
        subscription = Subscription(SUBSCRIPTION, PROJECT, {"topic": "t"})
        for number in range(messages):
            text = Message(id=str(number), data="", attributes={}, published="")
            subscription.backlog.add(text)
        self.cloud.subscriptions[SUBSCRIPTION] = subscription


@pytest.fixture
def switches(local: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Switches:
    """The local cloud's machines run nothing, and its own controller is paused."""
    switches = Switches()
    monkeypatch.setattr(local.groups, "paused", True)
    for name in ("start", "stop", "begin_shutdown"):
        monkeypatch.setattr(local.machines, name, getattr(switches, name))
    return switches


@pytest.fixture
def ask(cloud: Cloud, switches: Switches) -> Iterator[Ask]:
    """Requests by Secundus' deployer, who may act as the workload's account."""
    del switches
    cloud.service_accounts[WORKLOAD].policy.bindings = [
        {"role": "roles/iam.serviceAccountUser", "members": [DEPLOYER]}
    ]
    ask = asker(cloud, PROJECT, ROLES, ["compute"], API + PROJECT)
    network = {"name": "enclave", "autoCreateSubnetworks": False}
    subnetwork = {
        "name": "enclave",
        "network": f"projects/{PROJECT}/global/networks/enclave",
        "ipCidrRange": "10.0.0.0/28",
    }
    assert ask("POST", "/global/networks", network).status_code == 200
    assert ask("POST", "/regions/us-west1/subnetworks", subnetwork).status_code == 200
    yield ask
    cloud.autoscalers.clear()
    cloud.groups.clear()  # before the local cloud's own controller goes on


@pytest.fixture
def fleet(local: LocalCloud, switches: Switches, ask: Ask) -> Fleet:
    """A group of no machine, and no autoscaler."""
    assert ask("POST", TEMPLATES, template()).status_code == 200
    assert ask("POST", GROUPS, group()).status_code == 200
    return Fleet(local, switches, ask)


@pytest.fixture
def scaled(fleet: Fleet) -> Fleet:
    """A group with an autoscaler, and a subscription without messages."""
    fleet.load(0)
    assert fleet.ask("POST", SCALERS, AUTOSCALER).status_code == 200
    return fleet


# Templates -------------------------------------------------------------------------------------


def test_a_template_has_the_properties_and_the_links_of_what_they_name(ask: Ask) -> None:
    """It shows its boot image, as no machine does."""
    ask("POST", TEMPLATES, template())
    shown = ask("GET", f"{TEMPLATES}/first").json()
    properties = shown["properties"]
    assert shown["selfLink"] == f"{LINK}projects/{PROJECT}{TEMPLATES}/first"
    assert properties["machineType"] == "n2d-standard-2"
    assert properties["metadata"] == MACHINE["metadata"]
    image = properties["disks"][0]["initializeParams"]["sourceImage"]
    assert image == f"{LINK}{IMAGES}/confidential-space-260800"
    assert properties["networkInterfaces"][0]["subnetwork"].endswith(PROJECT + SUBNETWORK)
    assert ask("POST", TEMPLATES, template()).status_code == 409


@pytest.mark.parametrize(
    ("given", "action"),
    [
        ({"provisioningModel": "SPOT"}, "STOP"),
        ({"provisioningModel": "SPOT", "instanceTerminationAction": "DELETE"}, "DELETE"),
        ({"onHostMaintenance": "TERMINATE"}, None),
    ],
)
def test_a_spot_machine_is_stopped_unless_its_template_says_otherwise(
    ask: Ask, given: dict[str, str], action: str | None
) -> None:
    """Google fills it in; a standard machine has no such action."""
    ask("POST", TEMPLATES, template(scheduling=given))
    shown = ask("GET", f"{TEMPLATES}/first").json()["properties"]["scheduling"]
    assert shown.get("instanceTerminationAction") == action


def test_the_templates_of_a_project_can_be_listed(ask: Ask, cloud: Cloud) -> None:
    """All of them and no other project's; a part of them is refused."""
    assert "items" not in ask("GET", TEMPLATES).json()
    for name in ("first", "second"):
        ask("POST", TEMPLATES, template(name))
    cloud.templates[f"projects/primus-models{TEMPLATES}/third"] = {"name": "third"}
    assert [each["name"] for each in ask("GET", TEMPLATES).json()["items"]] == ["first", "second"]
    assert "Not modelled" in message(ask("GET", f"{TEMPLATES}?maxResults=1"), 400)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"machineType": "z9-standard-2"}, "properties.machineType': 'z9-standard-2'"),
        ({"machineType": f"{ZONE[1:]}/machineTypes/n2d-standard-2"}, "not a link"),
        ({"confidentialInstanceConfig": {"confidentialInstanceType": "TDX"}}, "n2d offers"),
        ({"scheduling": {"instanceTerminationAction": "STOP"}}, "must use the Spot"),
        ({"networkInterfaces": [{"subnetwork": "regions/us-west1/subnetworks/x"}]}, "cannot be"),
        ({"disks": [{"boot": True, "initializeParams": {"sourceImage": "x"}}]}, "cannot be found"),
        (
            {
                "disks": [
                    {"boot": True, "initializeParams": {"diskType": "zones/z/diskTypes/pd-ssd"}}
                ]
            },
            "not a link",
        ),
        ({"guestAccelerators": []}, 'Unknown name "guestAccelerators"'),
    ],
)
def test_a_template_is_checked_as_a_machine_is(
    ask: Ask, cloud: Cloud, change: Any, refusal: str
) -> None:
    """Hardware, image and network; and it names nothing of one zone."""
    assert refusal in message(ask("POST", TEMPLATES, template(**change)), 400)
    assert cloud.templates == {}


def test_a_template_needs_act_as_on_its_account(ask: Ask, cloud: Cloud) -> None:
    """Else everybody who may make templates could run as every account."""
    cloud.service_accounts[WORKLOAD].policy.bindings = []
    refused = message(ask("POST", TEMPLATES, template()), 400)
    assert f"does not have access to service account '{WORKLOAD}'" in refused


def test_a_template_in_use_cannot_be_deleted(fleet: Fleet) -> None:
    """Before its group, it can be deleted by nobody; afterwards it is gone."""
    answer = fleet.ask("DELETE", f"{TEMPLATES}/first")
    assert message(answer, 400) == (
        f"The instance_template resource 'projects/{PROJECT}{TEMPLATES}/first' is already being "
        f"used by 'projects/{PROJECT}{GROUP}'"
    )
    assert answer.json()["error"]["errors"][0]["reason"] == "resourceInUseByAnotherResource"
    fleet.ask("DELETE", GROUP)
    fleet.step()
    assert fleet.ask("DELETE", f"{TEMPLATES}/first").status_code == 200
    assert fleet.ask("GET", f"{TEMPLATES}/first").status_code == 404


# Groups ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "refusal"),
    [
        ("baseInstanceName", "x" * 59, "at most 58 characters"),
        ("versions", [], "Exactly one version"),
        ("versions.0.instanceTemplate", "global/instanceTemplates/none", "cannot be found"),
        ("targetSize", 1001, "0 to 1000"),
        ("updatePolicy.type", "OPPORTUNISTIC", "Only PROACTIVE"),
        ("updatePolicy.maxSurge.fixed", 1, "Only {'fixed': 0} is modelled"),
        ("updatePolicy.maxSurge", None, "Only {'fixed': 0} is modelled"),
        ("updatePolicy.maxUnavailable", {"percent": 100}, "Only a fixed number is modelled"),
        ("updatePolicy.maxUnavailable.fixed", 0, "must be greater than 0"),
        ("updatePolicy.replacementMethod", "RECREATE", "Only SUBSTITUTE is modelled"),
        ("updatePolicy.minReadySec", 1, "Only 0 is modelled"),
        ("statefulPolicy", {}, 'Unknown name "statefulPolicy"'),
    ],
)
def test_an_invalid_group_is_refused(ask: Ask, path: str, value: object, refusal: str) -> None:
    """Names, sizes, and what is not modelled."""
    ask("POST", TEMPLATES, template())
    assert refusal in message(ask("POST", GROUPS, changed(group(), path, value)), 400)


@pytest.mark.parametrize(
    ("path", "body", "missing", "on"),
    [
        (GROUPS, group(), "compute.instanceTemplates.useReadOnly", f"{TEMPLATES}/first"),
        (SCALERS, AUTOSCALER, "compute.instanceGroupManagers.use", GROUP),
    ],
)
def test_to_use_a_resource_is_a_permission_on_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, path: str, body: Any, missing: str, on: str
) -> None:
    """To make groups and autoscalers is another permission."""
    may = ("compute.*.create", "compute.disks.create")
    monkeypatch.setitem(ROLES_BY_NAME, "roles/compute.instanceAdmin.v1", may)
    body = body | {"name": "second"}
    refused = message(fleet.ask("POST", path, body), 403)
    assert refused == f"Required '{missing}' permission for 'projects/{PROJECT}{on}'"


def test_a_group_makes_ordinary_machines_of_its_template(fleet: Fleet) -> None:
    """Each with a name, an address and an id of its own; and they say who made them."""
    made = fleet.resize(2)
    assert sorted(fleet.switches.started) == sorted(made)
    shown = [fleet.ask("GET", f"{ZONE}/instances/{name}").json() for name in made]
    for each in shown:
        stem, _, end = each["name"].rpartition("-")
        assert (stem, len(end), each["status"]) == ("workload-vm", 4, "RUNNING")
        assert each["machineType"].endswith(f"{ZONE}/machineTypes/n2d-standard-2")
        metadata = {item["key"]: item["value"] for item in each["metadata"]["items"]}
        assert metadata == {
            "tee-restart-policy": "Never",
            "created-by": f"projects/222222222222{GROUP}",
            "instance-template": f"projects/222222222222{TEMPLATES}/first",
        }
    for field in ("id", "name"):
        assert len({each[field] for each in shown}) == 2
    assert len({each["networkInterfaces"][0]["networkIP"] for each in shown}) == 2
    assert fleet.step().keys() == made.keys()


def test_a_machine_that_is_off_is_made_anew_under_its_name(fleet: Fleet) -> None:
    """After a while, as another machine with another id."""
    ((name, old),) = fleet.resize(1).items()
    fleet.end(name)
    assert fleet.step()[name] is old
    new = fleet.step(fleet.controller.repair_seconds)[name]
    assert (new.doc["status"], new.id != old.id) == ("RUNNING", True)
    assert fleet.switches.started == [name, name]


def test_a_deleted_machine_of_a_group_gets_notice_and_comes_again(fleet: Fleet) -> None:
    """The group, not the operator, says how many machines there are."""
    ((name, _),) = fleet.resize(1).items()
    assert fleet.ask("DELETE", f"{ZONE}/instances/{name}").status_code == 200
    assert fleet.switches.announced == [name]
    assert fleet.step()[name].doc["status"] == "STOPPING"
    fleet.end()
    fleet.step()
    assert fleet.step(fleet.controller.repair_seconds)[name].doc["status"] == "RUNNING"


def test_a_smaller_group_shuts_down_its_newest_machines(fleet: Fleet) -> None:
    """With notice; they are gone when they are off."""
    first, second, third = fleet.resize(3)
    assert len(fleet.resize(1)) == 3
    assert fleet.switches.announced == [second, third]
    fleet.end()
    assert list(fleet.step(fleet.controller.repair_seconds)) == [first]
    assert len(fleet.switches.started) == 3


def test_a_smaller_group_lets_go_first_of_what_is_off(fleet: Fleet) -> None:
    """No machine that works is shut down for one that does not."""
    first, second = fleet.resize(2)
    fleet.end(first)
    assert list(fleet.resize(1)) == [second]
    assert fleet.switches.announced == []


def test_machines_of_another_template_are_replaced_at_once(fleet: Fleet) -> None:
    """All of them, with notice; the new ones have other names."""
    old = fleet.resize(2)
    fleet.ask("POST", TEMPLATES, template("second", machineType="n2d-standard-4"))
    versions = [{"instanceTemplate": "global/instanceTemplates/second"}]
    assert fleet.ask("PATCH", GROUP, {"versions": versions}).ok
    fleet.step()
    assert sorted(fleet.switches.announced) == sorted(old)
    fleet.end()
    fleet.step()
    new = fleet.step(fleet.controller.repair_seconds)
    assert (new.keys() & old.keys(), len(new)) == (set(), 2)
    types = {each.doc["machineType"].rpartition("/")[2] for each in new.values()}
    assert types == {"n2d-standard-4"}
    assert fleet.ask("DELETE", f"{TEMPLATES}/first").status_code == 200


def test_a_machine_of_another_template_makes_room_first(fleet: Fleet) -> None:
    """No new machine comes while the old ones end."""
    old = fleet.resize(2)
    fleet.ask("POST", TEMPLATES, template("second"))
    versions = [{"instanceTemplate": "global/instanceTemplates/second"}]
    assert fleet.ask("PATCH", GROUP, {"versions": versions}).ok
    assert fleet.step().keys() == old.keys()
    fleet.end()
    fleet.step()
    assert len(fleet.step().keys() - old.keys()) == 2


def test_a_group_is_stable_when_it_has_what_it_wants(fleet: Fleet) -> None:
    """And says what it is about to do."""
    ((name, _),) = fleet.resize(1).items()
    assert fleet.ask("GET", GROUP).json()["status"]["isStable"] is True
    fleet.ask("PATCH", GROUP, {"targetSize": 0})
    assert fleet.ask("GET", GROUP).json()["status"]["isStable"] is False
    fleet.step()
    shown = fleet.ask("GET", GROUP).json()
    assert (shown["targetSize"], shown["currentActions"]["deleting"]) == (0, 1)
    assert shown["instanceTemplate"] == f"{LINK}projects/{PROJECT}{TEMPLATES}/first"
    fleet.end(name)
    fleet.step()
    assert fleet.ask("GET", GROUP).json()["status"]["isStable"] is True


def test_the_machines_of_a_group_can_be_listed(fleet: Fleet) -> None:
    """Those that are on, and those that are about to be made."""
    assert fleet.ask("POST", f"{GROUP}/listManagedInstances").json() == {}
    ((name, instance),) = fleet.resize(1).items()
    (listed,) = fleet.ask("POST", f"{GROUP}/listManagedInstances").json()["managedInstances"]
    assert listed == {
        "name": name,
        "instance": f"{LINK}projects/{PROJECT}{ZONE}/instances/{name}",
        "id": instance.id,
        "instanceStatus": "RUNNING",
        "currentAction": "NONE",
    }


def test_a_group_changes_only_with_its_current_fingerprint(fleet: Fleet) -> None:
    """If the client sends one."""
    current = fleet.ask("GET", GROUP).json()["fingerprint"]
    change = {"description": "new", "fingerprint": current}
    assert fleet.ask("PATCH", GROUP, change).status_code == 200
    assert "current fingerprint" in message(fleet.ask("PATCH", GROUP, change), 412)


def test_an_autoscaler_that_changes_the_size_changes_the_fingerprint(fleet: Fleet) -> None:
    """So a change with what a client read before is refused, until it reads again.

    https://github.com/DefangLabs/pulumi-defang/issues/370
    """
    assert fleet.ask("POST", SCALERS, AUTOSCALER).status_code == 200
    fleet.load(4)
    before = fleet.ask("GET", GROUP).json()["fingerprint"]
    fleet.step()
    after = fleet.ask("GET", GROUP).json()["fingerprint"]
    change = {"description": "new"}
    message(fleet.ask("PATCH", GROUP, {**change, "fingerprint": before}), 412)
    assert fleet.ask("PATCH", GROUP, {**change, "fingerprint": after}).status_code == 200


def test_a_deleted_group_is_gone_once_its_machines_are_off(fleet: Fleet) -> None:
    """The operation lasts as long, so that what they use can be deleted next."""
    fleet.resize(2)
    operation = fleet.ask("DELETE", GROUP).json()
    path = f"{ZONE}/operations/{operation['name']}"
    fleet.step()
    assert len(fleet.switches.announced) == 2
    assert fleet.ask("GET", path).json()["status"] == "RUNNING"
    assert fleet.ask("DELETE", GROUP).json()["name"] == operation["name"]
    fleet.end()
    assert fleet.step() == {}
    assert fleet.ask("GET", path).json()["status"] == "DONE"
    assert fleet.ask("GET", GROUP).status_code == 404
    assert fleet.ask("DELETE", SUBNETWORK).status_code == 200


def test_a_subnetwork_without_addresses_limits_the_group(fleet: Fleet) -> None:
    """It has 16, and Google keeps four; the group tries again."""
    assert len(fleet.resize(14)) == 12
    assert fleet.group.error == f"IP space of 'projects/{PROJECT}{SUBNETWORK}' is exhausted."
    listed = fleet.ask("POST", f"{GROUP}/listManagedInstances").json()["managedInstances"]
    errors = [each["lastAttempt"]["errors"]["errors"] for each in listed if "id" not in each]
    assert errors == [[{"message": fleet.group.error}]] * 2
    assert len(fleet.resize(12)) == 12
    assert fleet.group.error == ""


def test_a_machine_that_is_made_anew_needs_no_second_address(fleet: Fleet) -> None:
    """It gets one although no address is free: the machine before it has given one back."""
    name = next(iter(fleet.resize(12)))
    fleet.end(name)
    fleet.step()
    assert fleet.step(fleet.controller.repair_seconds)[name].doc["status"] == "RUNNING"


def test_the_local_cloud_steps_by_itself(
    fleet: Fleet, local: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to tell it that something has changed."""
    stepped = threading.Event()

    def start(_instance: Instance) -> None:
        stepped.set()

    monkeypatch.setattr(local.machines, "start", start)
    fleet.group.doc["targetSize"] = 1
    monkeypatch.setattr(local.groups, "paused", False)
    assert stepped.wait(10)
    monkeypatch.setattr(local.groups, "paused", True)


# Autoscalers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("messages", "size"), [(0, 0), (1, 1), (4, 1), (5, 2), (12, 3), (1000, 3)])
def test_the_size_follows_the_messages(scaled: Fleet, messages: int, size: int) -> None:
    """One machine for every four, within the bounds."""
    scaled.load(messages)
    assert len(scaled.step()) == size
    assert scaled.group.doc["targetSize"] == size


def test_delivered_messages_count_until_they_are_acknowledged(scaled: Fleet) -> None:
    """A machine that is at work on the last message is not removed."""
    scaled.load(1)
    subscription = scaled.cloud.subscriptions[SUBSCRIPTION]
    now = scaled.cloud.now()
    (delivery,) = subscription.backlog.pull(now, 1, 600)
    assert len(scaled.step()) == 1
    assert scaled.step(599)
    assert scaled.switches.announced == []
    subscription.backlog.acknowledge(delivery.ack_id)
    scaled.step(scaled.controller.stabilization_seconds)
    assert len(scaled.switches.announced) == 1


def test_a_group_gets_smaller_only_after_the_stabilization_period(scaled: Fleet) -> None:
    """It has the size for the highest load of that time."""
    period = scaled.controller.stabilization_seconds
    scaled.load(12)
    scaled.step()
    scaled.load(5)
    scaled.step(period / 2)
    scaled.load(0)
    scaled.step(period / 4)
    assert scaled.switches.announced == []
    scaled.step(period / 4 + 0.1)
    assert len(scaled.switches.announced) == 1
    scaled.step(period / 2)
    assert len(scaled.switches.announced) == 3


def test_the_autoscaler_owns_the_size(scaled: Fleet) -> None:
    """Whoever sets another one sees it changed back."""
    scaled.load(4)
    assert len(scaled.resize(3)) == 1


def test_without_the_subscription_the_size_stays(scaled: Fleet) -> None:
    """A metric without data changes nothing."""
    scaled.load(8)
    assert len(scaled.step()) == 2
    scaled.cloud.subscriptions.clear()
    scaled.step(10 * scaled.controller.stabilization_seconds)
    assert scaled.switches.announced == []


def test_an_autoscaler_that_is_put_has_nothing_that_the_body_lacks(scaled: Fleet) -> None:
    """As the genuine gcp plugin changes one."""
    url = f"{SCALERS}?autoscaler=workload-fleet"
    policy = {**AUTOSCALER["autoscalingPolicy"], "maxNumReplicas": 7}
    described = {**AUTOSCALER, "description": "first"}
    assert scaled.ask("PUT", url, described).ok
    assert scaled.ask("GET", SCALER).json()["description"] == "first"
    assert scaled.ask("PUT", url, {**AUTOSCALER, "autoscalingPolicy": policy}).ok
    live = scaled.ask("GET", SCALER).json()
    assert (live["autoscalingPolicy"]["maxNumReplicas"], "description" in live) == (7, False)
    without = {"name": "workload-fleet", "target": AUTOSCALER["target"]}
    assert scaled.ask("PUT", url, without).status_code == 400
    assert scaled.ask("PUT", f"{SCALERS}?autoscaler=none", described).status_code == 404


def test_a_group_with_an_autoscaler_cannot_be_deleted(scaled: Fleet) -> None:
    """First the autoscaler; the group then keeps its size."""
    assert "is already being used by" in message(scaled.ask("DELETE", GROUP), 400)
    scaled.load(4)
    scaled.step()
    assert scaled.ask("DELETE", SCALER).status_code == 200
    scaled.load(0)
    scaled.step(10 * scaled.controller.stabilization_seconds)
    assert scaled.switches.announced == []
    assert scaled.ask("DELETE", GROUP).status_code == 200


METRIC = "autoscalingPolicy.customMetricUtilizations.0"


@pytest.mark.parametrize(
    ("path", "value", "refusal"),
    [
        ("target", "zones/us-west1-b/instanceGroupManagers/none", "cannot be found"),
        ("autoscalingPolicy.maxNumReplicas", None, "Expected at least 1"),
        ("autoscalingPolicy.minNumReplicas", 4, "not less than minNumReplicas (4)"),
        ("autoscalingPolicy.mode", "OFF", "Only ON"),
        ("autoscalingPolicy.cpuUtilization", {}, 'Unknown name "cpuUtilization"'),
        ("autoscalingPolicy.customMetricUtilizations", [], "Exactly one metric"),
        (f"{METRIC}.metric", "custom.googleapis.com/x", "Only pubsub.googleapis.com"),
        (f"{METRIC}.filter", "resource.type = gce_instance", "for one subscription"),
        (f"{METRIC}.singleInstanceAssignment", 0, "must be positive"),
    ],
)
def test_an_invalid_autoscaler_is_refused(
    fleet: Fleet, path: str, value: object, refusal: str
) -> None:
    """Bounds, and what is not modelled."""
    assert refusal in message(fleet.ask("POST", SCALERS, changed(AUTOSCALER, path, value)), 400)


def test_a_group_has_one_autoscaler(scaled: Fleet) -> None:
    """Two would not agree."""
    second = AUTOSCALER | {"name": "second"}
    assert "has an autoscaler already" in message(scaled.ask("POST", SCALERS, second), 400)
