"""compute.googleapis.com: networks, and machines from insert to delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.cloud.iam.roles import ROLES as ROLES_BY_NAME
from tests.cloud.rest_requests import asker, message

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Cloud, Instance
    from tests.cloud.rest_requests import Ask

API = "https://compute.googleapis.com/compute/beta/projects/"
LINK = "https://www.googleapis.com/compute/v1/"
PROJECT = "secundus-vision"
DEPLOYER = "user:deployer@secundus.example"
WORKLOAD = "workload-sa@secundus-vision.iam.gserviceaccount.com"
ROLES = ("compute.instanceAdmin.v1", "compute.networkAdmin", "compute.securityAdmin")
NETWORK = "/global/networks/enclave"
SUBNETWORK = "/regions/us-west1/subnetworks/enclave"
FIREWALL = "/global/firewalls/deny-all"
ZONE = "/zones/us-west1-b"
VM = f"{ZONE}/instances/workload-vm"
IMAGES = "projects/confidential-space-images/global/images"

MACHINE: dict[str, Any] = {
    "name": "workload-vm",
    "machineType": "projects/secundus-vision/zones/us-west1-b/machineTypes/n2d-standard-2",
    "confidentialInstanceConfig": {"confidentialInstanceType": "SEV"},
    "disks": [
        {
            "boot": True,
            "autoDelete": True,
            "initializeParams": {
                "sourceImage": f"{IMAGES}/confidential-space-260800",
                "diskSizeGb": "20",
            },
        }
    ],
    "networkInterfaces": [{"subnetwork": f"projects/{PROJECT}{SUBNETWORK}"}],
    "serviceAccounts": [
        {"email": WORKLOAD, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}
    ],
    "metadata": {"items": [{"key": "tee-restart-policy", "value": "Never"}]},
    "labels": {"goog-pulumi-provisioned": "true"},
}


@pytest.fixture
def power(local: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The calls that power machines on and off, in order; no machine runs."""
    calls: list[tuple[str, str]] = []

    def note(action: str) -> Callable[[Instance], None]:
        return lambda instance: calls.append((action, instance.name))

    monkeypatch.setattr(local.machines, "start", note("start"))
    monkeypatch.setattr(local.machines, "stop", note("stop"))
    return calls


@pytest.fixture
def ask(cloud: Cloud) -> Ask:
    """Requests by Secundus' deployer, who may act as the workload's account."""
    cloud.service_accounts[WORKLOAD].policy.bindings = [
        {"role": "roles/iam.serviceAccountUser", "members": [DEPLOYER]}
    ]
    return asker(cloud, PROJECT, ROLES, ["compute"], API + PROJECT)


@pytest.fixture
def _networking(ask: Ask) -> None:
    network = {"name": "enclave", "autoCreateSubnetworks": False}
    subnetwork = {
        "name": "enclave",
        "network": f"projects/{PROJECT}{NETWORK}",
        "ipCidrRange": "10.0.0.0/28",
        "privateIpGoogleAccess": True,
    }
    firewall = {
        "name": "deny-all",
        "network": f"{LINK}projects/{PROJECT}{NETWORK}",
        "denied": [{"IPProtocol": "all"}],
    }
    assert ask("POST", "/global/networks", network).status_code == 200
    assert ask("POST", "/regions/us-west1/subnetworks", subnetwork).status_code == 200
    assert ask("POST", "/global/firewalls", firewall).status_code == 200


@pytest.fixture
def machine(ask: Ask, _networking: None, power: list[tuple[str, str]]) -> Any:
    """The machine as Compute Engine shows it once it has been inserted."""
    assert ask("POST", f"{ZONE}/instances", MACHINE).status_code == 200
    assert power == [("start", "workload-vm")]
    return ask("GET", VM).json()


# Networks ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_networking")
def test_subnetwork_and_firewall_have_the_networks_link(ask: Ask) -> None:
    """Whatever form of the reference the client sent."""
    network = ask("GET", NETWORK).json()
    assert network["selfLink"] == f"{LINK}projects/{PROJECT}{NETWORK}"
    subnetwork, firewall = ask("GET", SUBNETWORK).json(), ask("GET", FIREWALL).json()
    assert subnetwork["network"] == firewall["network"] == network["selfLink"]
    assert (subnetwork["gatewayAddress"], subnetwork["privateIpGoogleAccess"]) == ("10.0.0.1", True)
    assert (firewall["direction"], firewall["priority"]) == ("INGRESS", 1000)


@pytest.mark.usefixtures("_networking")
def test_a_subnetwork_grows_and_never_shrinks(ask: Ask) -> None:
    """Its gateway stays."""
    expand = f"{SUBNETWORK}/expandIpCidrRange"
    assert ask("POST", expand, {"ipCidrRange": "10.0.0.0/22"}).status_code == 200
    grown = ask("GET", SUBNETWORK).json()
    assert (grown["ipCidrRange"], grown["gatewayAddress"]) == ("10.0.0.0/22", "10.0.0.1")
    for addresses, why in {"10.0.0.0/28": "must contain", "10.0.0.1/22": "host bits"}.items():
        assert why in message(ask("POST", expand, {"ipCidrRange": addresses}), 400)


@pytest.mark.parametrize(
    ("scope", "body", "refusal"),
    [
        ("/global/networks", {"name": "Bad", "autoCreateSubnetworks": False}, "match of regex"),
        ("/global/networks", {"name": "auto"}, "auto mode are not modelled"),
        ("/regions/us-west1/subnetworks", {"name": "s", "network": "global/networks/x"}, "cannot"),
        ("/regions/nowhere/subnetworks", {"name": "s", "ipCidrRange": "10.1.0.0/24"}, "region"),
        ("/regions/us-west1/subnetworks", {"name": "s", "ipCidrRange": "10.1.0.1/24"}, "host bits"),
        ("/global/firewalls", {"name": "f", "network": "global/networks/x"}, "cannot be found"),
    ],
)
@pytest.mark.usefixtures("_networking")
def test_invalid_networking_is_refused(
    ask: Ask, scope: str, body: dict[str, Any], refusal: str
) -> None:
    """A bad name, a network that does not exist, invalid addresses."""
    body = {"network": "global/networks/enclave", **body}
    assert refusal in message(ask("POST", scope, body), 400)


@pytest.mark.usefixtures("_networking")
def test_a_second_network_of_the_same_name_is_a_conflict(ask: Ask) -> None:
    """With the reason that the plugin prints."""
    answer = ask("POST", "/global/networks", {"name": "enclave", "autoCreateSubnetworks": False})
    assert message(answer, 409) == f"The resource 'projects/{PROJECT}{NETWORK}' already exists"
    assert answer.json()["error"]["errors"][0]["reason"] == "alreadyExists"


@pytest.mark.parametrize(("used", "user"), [(NETWORK, SUBNETWORK), (SUBNETWORK, VM)])
@pytest.mark.usefixtures("machine")
def test_a_resource_in_use_cannot_be_deleted(ask: Ask, used: str, user: str) -> None:
    """A network with a subnetwork, a subnetwork with a machine: 400, with both names."""
    answer = ask("DELETE", used)
    text = message(answer, 400)
    assert f"'projects/{PROJECT}{used}' is already being used by 'projects/{PROJECT}" in text
    assert user in text
    reason = answer.json()["error"]["errors"][0]["reason"]
    assert reason == "resourceInUseByAnotherResource"


@pytest.mark.usefixtures("machine")
def test_resources_can_be_deleted_in_reverse_order(ask: Ask, cloud: Cloud) -> None:
    """Machine, firewall, subnetwork, network: then nothing is left."""
    for path in (VM, FIREWALL, SUBNETWORK, NETWORK):
        assert ask("DELETE", path).status_code == 200
    assert (cloud.instances, cloud.networking) == ({}, {})
    assert ask("GET", VM).status_code == 404


# Machines ------------------------------------------------------------------------------------


def test_a_new_machine_has_the_requested_settings_and_runs(machine: Any) -> None:
    """With Compute Engine's additions; `initializeParams` of its disk are hidden."""
    assert machine["status"] == "RUNNING"
    assert machine["machineType"].startswith(f"{LINK}projects/{PROJECT}{ZONE}/machineTypes/")
    assert machine["cpuPlatform"] == "AMD Milan"
    assert machine["confidentialInstanceConfig"] == {"confidentialInstanceType": "SEV"}
    assert machine["networkInterfaces"][0]["networkIP"] == "10.0.0.2"
    assert machine["metadata"]["items"] == MACHINE["metadata"]["items"]
    assert "initializeParams" not in machine["disks"][0]


@pytest.mark.usefixtures("machine")
def test_the_boot_disk_names_its_image(ask: Ask) -> None:
    """The disk is a separate resource, where the plugin reads the image."""
    disk = ask("GET", f"{ZONE}/disks/workload-vm").json()
    assert disk["sourceImage"] == f"{LINK}{IMAGES}/confidential-space-260800"
    assert disk["sizeGb"] == "20"


@pytest.mark.usefixtures("_networking", "power")
def test_an_operation_is_read_in_the_scope_of_its_resource(ask: Ask) -> None:
    """Zone, region or global."""
    operation = ask("POST", f"{ZONE}/instances", MACHINE).json()
    found = ask("GET", f"{ZONE}/operations/{operation['name']}").json()
    assert found == operation
    assert found["status"] == "DONE"
    assert found["targetLink"] == f"{LINK}projects/{PROJECT}{VM}"
    deleted = ask("DELETE", FIREWALL).json()
    path = f"/global/operations/{deleted['name']}"
    assert ask("GET", path).json()["selfLink"] == f"{LINK}projects/{PROJECT}{path}"
    body = {"name": "s", "network": "global/networks/enclave", "ipCidrRange": "10.1.0.0/28"}
    made = ask("POST", "/regions/us-west1/subnetworks", body).json()
    path = f"/regions/us-west1/operations/{made['name']}"
    assert ask("GET", path).json()["selfLink"] == f"{LINK}projects/{PROJECT}{path}"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"name": "Workload"}, "Must be a match of regex"),
        ({"machineType": "zones/us-west1-b/machineTypes/z9-standard-2"}, "does not exist in zone"),
        ({"machineType": "zones/us-west1-b/machineTypes/n2d"}, "does not exist in zone"),
        ({"confidentialInstanceConfig": {"confidentialInstanceType": "SGX"}}, "'SGX'"),
        ({"confidentialInstanceConfig": {"confidentialInstanceType": "TDX"}}, "n2d offers"),
        ({"networkInterfaces": [{"network": "global/networks/enclave"}]}, "should be specified"),
        ({"networkInterfaces": [{"subnetwork": "regions/us-west1/subnetworks/x"}]}, "cannot be"),
        ({"networkInterfaces": []}, "one interface"),
        ({"disks": []}, "one boot disk"),
    ],
)
@pytest.mark.usefixtures("_networking")
def test_an_invalid_machine_is_refused(
    ask: Ask, cloud: Cloud, power: list[tuple[str, str]], change: Any, refusal: str
) -> None:
    """In Compute Engine's words, and nothing is started."""
    assert refusal in message(ask("POST", f"{ZONE}/instances", MACHINE | change), 400)
    assert (cloud.instances, power) == ({}, [])


@pytest.mark.parametrize(
    "image",
    [
        f"{IMAGES}/debian-12",
        f"{IMAGES}/confidential-space",
        f"{IMAGES}/family/confidential-space-260800",
        "projects/debian-cloud/global/images/confidential-space-260800",
        "global/images/confidential-space-260800",
        "",
    ],
)
@pytest.mark.usefixtures("_networking", "power")
def test_only_googles_confidential_space_images_can_be_booted(ask: Ask, image: str) -> None:
    """No image that does not exist, or is in another project."""
    disk = {"boot": True, "initializeParams": {"sourceImage": image}}
    answer = ask("POST", f"{ZONE}/instances", MACHINE | {"disks": [disk]})
    assert "referenced image resource cannot be found" in message(answer, 400)


@pytest.mark.usefixtures("_networking", "power")
def test_a_zone_that_does_not_exist_is_refused(ask: Ask) -> None:
    """A misspelt zone is refused."""
    assert ask("POST", "/zones/us-west1-ab/instances", MACHINE).status_code == 400
    answer = ask("POST", "/zones/us-west1-x/instances", MACHINE)
    assert message(answer, 400) == "Invalid value for field 'zone': 'us-west1-x'. Unknown zone."


@pytest.mark.usefixtures("_networking", "power")
@pytest.mark.parametrize(
    ("zone", "exists"),
    [
        ("northamerica-northeast1-a", True),
        ("us-east1-d", True),
        ("us-central1-f", True),
        ("us-east1-a", False),
        ("northamerica-northeast1-d", False),
        ("us-a", False),
    ],
)
def test_the_zones_are_those_of_google(ask: Ask, zone: str, exists: bool) -> None:
    """A region has three zones, mostly a to c; a multi-region has none."""
    answer = ask("POST", f"/zones/{zone}/instances", MACHINE)
    assert ("Unknown zone" not in answer.text) is exists


@pytest.mark.usefixtures("machine")
def test_a_second_machine_of_the_same_name_is_a_conflict(
    ask: Ask, power: list[tuple[str, str]]
) -> None:
    """The first one keeps running."""
    assert "already exists" in message(ask("POST", f"{ZONE}/instances", MACHINE), 409)
    assert power == [("start", "workload-vm")]


@pytest.mark.usefixtures("_networking", "power")
def test_a_machine_with_an_unknown_account_is_refused(ask: Ask) -> None:
    """An e-mail of no service account is refused."""
    accounts = [{"email": "nobody@secundus-vision.iam.gserviceaccount.com", "scopes": []}]
    answer = ask("POST", f"{ZONE}/instances", MACHINE | {"serviceAccounts": accounts})
    assert "of type 'serviceAccount' was not found" in message(answer, 404)


@pytest.mark.usefixtures("_networking")
def test_a_caller_without_act_as_cannot_attach_the_account(
    ask: Ask, cloud: Cloud, power: list[tuple[str, str]]
) -> None:
    """Without iam.serviceAccounts.actAs on the account the insert is refused."""
    cloud.service_accounts[WORKLOAD].policy.bindings = []
    answer = ask("POST", f"{ZONE}/instances", MACHINE)
    text = message(answer, 400)
    assert f"does not have access to service account '{WORKLOAD}'" in text
    assert "User: 'deployer@secundus.example'" in text
    assert power == []


@pytest.mark.usefixtures("_networking", "power")
def test_a_grant_of_act_as_on_the_project_suffices(ask: Ask, cloud: Cloud) -> None:
    """The role on the account's project is as good as on the account."""
    cloud.service_accounts[WORKLOAD].policy.bindings = []
    cloud.projects[PROJECT].policy.bindings.append(
        {"role": "roles/iam.serviceAccountUser", "members": [DEPLOYER]}
    )
    assert ask("POST", f"{ZONE}/instances", MACHINE).status_code == 200


@pytest.mark.parametrize(
    ("interface", "missing"),
    [({}, "compute.subnetworks.use"), ({"accessConfigs": [{}]}, "compute.subnetworks.useExternal")],
)
@pytest.mark.usefixtures("_networking", "power")
def test_a_machine_needs_the_permission_to_use_its_subnetwork(
    ask: Ask, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, interface: Any, missing: str
) -> None:
    """To create machines is another permission, and so is an external address."""
    may: tuple[str, ...] = ("compute.instances.*", "compute.disks.*")
    may = (*may, "compute.subnetworks.use") if interface else may
    monkeypatch.setitem(ROLES_BY_NAME, "roles/machines", may)
    cloud.projects[PROJECT].policy.bindings = [{"role": "roles/machines", "members": [DEPLOYER]}]
    interfaces = [MACHINE["networkInterfaces"][0] | interface]
    answer = ask("POST", f"{ZONE}/instances", MACHINE | {"networkInterfaces": interfaces})
    assert f"Required '{missing}" in message(answer, 403)


def test_metadata_changes_only_with_the_current_fingerprint(
    ask: Ask, machine: Any, power: list[tuple[str, str]]
) -> None:
    """In place: the running machine is not restarted."""
    change = {"items": [{"key": "run", "value": "2"}]}
    current = {**change, "fingerprint": machine["metadata"]["fingerprint"]}
    assert ask("POST", f"{VM}/setMetadata", current).status_code == 200
    assert ask("GET", VM).json()["metadata"]["items"] == change["items"]
    answer = ask("POST", f"{VM}/setMetadata", current)
    assert "current metadata fingerprint" in message(answer, 412)
    assert power == [("start", "workload-vm")]


def test_labels_change_only_with_the_current_fingerprint(ask: Ask, machine: Any) -> None:
    """As with metadata; the fingerprint has another name."""
    change = {"labels": {"a": "b"}, "labelFingerprint": machine["labelFingerprint"]}
    assert ask("POST", f"{VM}/setLabels", change).status_code == 200
    assert ask("GET", VM).json()["labels"] == {"a": "b"}
    assert ask("POST", f"{VM}/setLabels", change).status_code == 412


@pytest.mark.usefixtures("machine")
def test_a_deleted_machine_is_powered_off(ask: Ask, power: list[tuple[str, str]]) -> None:
    """Deleting stops its processes."""
    ask("DELETE", VM)
    assert power == [("start", "workload-vm"), ("stop", "workload-vm")]
    assert ask("GET", f"{ZONE}/disks/workload-vm").status_code == 404


@pytest.mark.usefixtures("machine")
def test_the_machines_of_a_zone_can_be_listed(ask: Ask) -> None:
    """All of them as each is shown, and no other zone's; a part of them is refused."""
    (shown,) = ask("GET", f"{ZONE}/instances").json()["items"]
    assert shown == ask("GET", VM).json()
    assert "items" not in ask("GET", "/zones/us-west1-a/instances").json()
    assert "Not modelled" in message(ask("GET", f"{ZONE}/instances?maxResults=1"), 400)


def test_each_machine_gets_its_own_address(ask: Ask, machine: Any) -> None:
    """No address is assigned twice."""
    ask("POST", f"{ZONE}/instances", MACHINE | {"name": "second"})
    second = ask("GET", f"{ZONE}/instances/second").json()["networkInterfaces"][0]["networkIP"]
    assert second != machine["networkInterfaces"][0]["networkIP"]


@pytest.mark.usefixtures("machine")
def test_the_serial_console_is_read_as_a_whole(ask: Ask, cloud: Cloud) -> None:
    """A part of it is refused, and not answered with the whole."""
    (instance,) = cloud.instances.values()
    instance.serial += ["first", "last \u00fc"]
    assert ask("GET", f"{VM}/serialPort").json()["contents"] == "first\r\nlast \u00fc\r\n"
    assert "Not modelled" in message(ask("GET", f"{VM}/serialPort?start=7"), 400)


# Everything ----------------------------------------------------------------------------------


def test_zone_and_disk_type_can_be_read(ask: Ask) -> None:
    """The genuine plugin reads both before it creates a machine."""
    zone = ask("GET", ZONE).json()
    assert (zone["name"], zone["status"]) == ("us-west1-b", "UP")
    assert zone["region"].endswith(f"/projects/{PROJECT}/regions/us-west1")
    kind = ask("GET", f"{ZONE}/diskTypes/pd-balanced").json()
    assert kind["selfLink"].endswith("/zones/us-west1-b/diskTypes/pd-balanced")


@pytest.mark.parametrize(
    "path",
    [
        NETWORK,
        SUBNETWORK,
        FIREWALL,
        VM,
        f"{ZONE}/operations/x",
        "/zones/us-west1-z",
        "/zones/nowhere",
        f"{ZONE}/diskTypes/pd-none",
    ],
)
def test_a_missing_resource_is_404(ask: Ask, path: str) -> None:
    """For callers with the permission."""
    assert ask("GET", path).status_code == 404


def test_a_disabled_compute_api_refuses(ask: Ask, cloud: Cloud) -> None:
    """Compute Engine, too, must be enabled first; a project is found by its number."""
    url = f"{API}222222222222{ZONE}"
    assert ask("GET", url).json()["name"] == "us-west1-b"
    cloud.projects[PROJECT].services.clear()
    assert message(ask("GET", url), 403).startswith("Compute Engine API has not been used")
