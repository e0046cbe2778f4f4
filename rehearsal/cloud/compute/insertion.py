"""The checks of Compute Engine before it creates a machine: hardware, boot disk, network, account.

They are the same for a machine and for a template. What a template leaves out (zone, address, and
so on) is added when a machine is made of it.
https://docs.cloud.google.com/compute/docs/reference/rest/v1/instances/insert
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from rehearsal.cloud.compute.networks import referenced
from rehearsal.cloud.compute.resources import LINK, invalid, missing, new, relative
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access
from rehearsal.cloud.locations import region_of

if TYPE_CHECKING:
    from rehearsal.cloud.http.rest import Call
    from rehearsal.cloud.state import Cloud, Json

FAMILIES: dict[str, tuple[str, frozenset[str]]] = {
    "c2d": ("AMD Milan", frozenset({"SEV"})),
    "c3": ("Intel Sapphire Rapids", frozenset({"TDX"})),
    "c3d": ("AMD Genoa", frozenset({"SEV"})),
    "c4d": ("AMD Turin", frozenset({"SEV"})),
    "e2": ("Intel Broadwell", frozenset()),
    "n2": ("Intel Cascade Lake", frozenset()),
    "n2d": ("AMD Milan", frozenset({"SEV", "SEV_SNP"})),
}
"""Machine family -> its processor, and the kinds of memory encryption that it offers.
https://docs.cloud.google.com/confidential-computing/confidential-vm/docs/supported-configurations"""

MACHINE_TYPE = re.compile(r"(?P<family>[a-z]\w+)-(standard|highcpu|highmem)-\d+")
IMAGE = re.compile(
    r"projects/confidential-space-images/global/images/confidential-space(-debug)?-\d+"
)
SHIELDED = {"enableSecureBoot": False, "enableVtpm": True, "enableIntegrityMonitoring": True}
SCHEDULING = {
    "onHostMaintenance": "MIGRATE",
    "automaticRestart": True,
    "preemptible": False,
    "provisioningModel": "STANDARD",
}


def complete(call: Call) -> tuple[str, Json]:
    """The key and the REST resource of the requested machine; ApiError 400, 403, 404, 409."""
    zone = call.path["zone"]
    if region_of(zone) is None:
        raise invalid("zone", zone, "Unknown zone.")
    key, fixed = new(call, call.cloud.instances)
    properties = checked(call, {k: v for k, v in call.body.items() if k != "params"}, "resource")
    return key, machine(call.cloud, call.project.id, zone, properties | fixed)


def checked(call: Call, properties: Json, field: str) -> Json:
    """The properties of a machine with the links of what they name; ApiError 400, 403, 404.

    `field` is where they are in the request.
    """
    machine_type = properties.get("machineType", "").rpartition("/")[2]
    _require_hardware(call, properties, machine_type, field)
    found = {
        **properties,
        **_scheduling(properties.get("scheduling") or {}, field),
        "machineType": machine_type,
        "disks": [_boot_disk(call, properties.get("disks") or [], field)],
        "networkInterfaces": [
            _interface(call, properties.get("networkInterfaces") or [], field),
        ],
    }
    _may_act_as(call, properties.get("serviceAccounts") or [])
    return found


def machine(cloud: Cloud, project: str, zone: str, properties: Json) -> Json:
    """The REST resource of a running machine; ApiError 400 if no address is left, 404.

    `properties` were checked, and have the fields of the machine's name.
    """
    here, name = f"{LINK}projects/{project}/zones/{zone}", properties["machineType"]
    (disk,), (interface,) = properties["disks"], properties["networkInterfaces"]
    processor, _ = FAMILIES[name.partition("-")[0]]
    initial = disk["initializeParams"]
    return {
        **properties,
        "status": "RUNNING",
        "zone": here,
        "machineType": f"{here}/machineTypes/{name}",
        "cpuPlatform": processor,
        "scheduling": SCHEDULING | properties.get("scheduling", {}),
        "shieldedInstanceConfig": SHIELDED | properties.get("shieldedInstanceConfig", {}),
        "disks": [
            {
                "type": "PERSISTENT",
                "mode": "READ_WRITE",
                **disk,
                "diskSizeGb": str(initial.get("diskSizeGb") or 11),  # the image's own size
                "source": f"{here}/disks/{properties['name']}",
            }
        ],
        "networkInterfaces": [{**interface, "networkIP": _address(cloud, interface)}],
    }


def _require_hardware(call: Call, properties: Json, name: str, field: str) -> None:
    """ApiError 400 for an unknown machine type, or one that lacks the confidential type."""
    machine_type = MACHINE_TYPE.fullmatch(name)
    if machine_type is None or machine_type["family"] not in FAMILIES:
        where = f" in zone '{call.path['zone']}'" if "zone" in call.path else ""
        why = f"Machine type with name '{name}' does not exist{where}."
        raise invalid(f"{field}.machineType", name, why)
    _, encryption = FAMILIES[machine_type["family"]]
    kind = (properties.get("confidentialInstanceConfig") or {}).get("confidentialInstanceType")
    if kind and kind not in encryption:
        field = f"{field}.confidentialInstanceConfig.confidentialInstanceType"
        why = f"Machine family {machine_type['family']} offers {sorted(encryption) or 'none'}."
        raise invalid(field, kind, why)


def _scheduling(given: Json, field: str) -> Json:
    """With the action on the end of a Spot VM, which Google fills in; ApiError 400 for others.

    https://github.com/GoogleCloudPlatform/cluster-toolkit/pull/4435 has the refusal,
    https://github.com/GoogleCloudPlatform/cloud-foundation-fabric/pull/778 what is filled in.
    """
    if given.get("provisioningModel") == "SPOT":
        return {"scheduling": {"instanceTerminationAction": "STOP", **given}}
    if action := given.get("instanceTerminationAction"):
        why = (
            "You cannot specify a termination action for a VM instance that has the standard "
            "provisioning model (default). To use instance termination action, the VM instance "
            "must use the Spot or Reservation-Bound provisioning model."
        )
        raise invalid(f"{field}.scheduling.instanceTerminationAction", action, why)
    return {}


def _boot_disk(call: Call, disks: list[Json], field: str) -> Json:
    """The boot disk, from one of Google's Confidential Space images."""
    if len(disks) != 1 or not disks[0].get("boot"):
        raise invalid(f"{field}.disks", len(disks), "Exactly one boot disk is modelled.")
    initial = disks[0].get("initializeParams") or {}
    image = relative(call, initial.get("sourceImage", ""))
    if not IMAGE.fullmatch(image):
        field = f"{field}.disks[0].initializeParams.sourceImage"
        raise invalid(field, image, "The referenced image resource cannot be found.")
    return {**disks[0], "initializeParams": {**initial, "sourceImage": LINK + image}}


def _interface(call: Call, interfaces: list[Json], field: str) -> Json:
    """The network interface, in a subnetwork that the caller may use."""
    if len(interfaces) != 1:
        why = "Exactly one interface is modelled."
        raise invalid(f"{field}.networkInterfaces", len(interfaces), why)
    interface, field = interfaces[0], f"{field}.networkInterfaces[0]"
    if not interface.get("subnetwork"):
        why = "Subnetwork should be specified for custom subnetmode network"
        raise invalid(field, interface, why)
    subnetwork = referenced(call, f"{field}.subnetwork", interface["subnetwork"])
    key, external = subnetwork["selfLink"].removeprefix(LINK), interface.get("accessConfigs")
    call.require("compute.subnetworks.use", key)
    call.require("compute.subnetworks.useExternalIp" if external else "", key)
    return {
        "name": "nic0",
        "stackType": "IPV4_ONLY",
        **interface,
        "network": subnetwork["network"],
        "subnetwork": subnetwork["selfLink"],
    }


def _address(cloud: Cloud, interface: Json) -> str:
    """An address of the interface's subnetwork that no machine has; ApiError 400, 404."""
    link = interface["subnetwork"].removeprefix(LINK)
    subnetwork = cloud.networking.get(link)
    if subnetwork is None:
        raise missing(link)
    taken = {
        each["networkIP"]
        for instance in cloud.instances.values()
        for each in instance.doc["networkInterfaces"]
        if each["subnetwork"] == interface["subnetwork"]
    }
    # Google reserves the first two addresses and the last two of each subnetwork.
    addresses = list(ipaddress.IPv4Network(subnetwork["ipCidrRange"]))[2:-2]
    found = next((str(each) for each in addresses if str(each) not in taken), None)
    if found is None:
        raise ApiError(400, f"IP space of '{link}' is exhausted.", reason="IP_SPACE_EXHAUSTED")
    return found


def _may_act_as(call: Call, accounts: list[Json]) -> None:
    """ApiError unless the caller may act as the machine's service account.

    https://docs.cloud.google.com/compute/docs/access/create-enable-service-accounts-for-instances
    """
    for email in [account.get("email", "") for account in accounts]:
        account = call.cloud.service_accounts.get(email)
        resource = f"projects/{call.project.id}/serviceAccounts/{email}"
        if account is None:
            message = f"The resource '{resource}' of type 'serviceAccount' was not found."
            raise ApiError(404, message)
        policies = (account.policy, call.cloud.projects[account.project].policy)
        if not access.decide(
            call.cloud, call.caller, "iam.serviceAccounts.actAs", resource, policies
        ):
            raise ApiError(
                400,
                f"The user does not have access to service account '{email}'.  "
                f"User: '{call.caller}'.  Ask a project owner to grant you the "
                "iam.serviceAccountUser role on the service account",
                reason="SERVICE_ACCOUNT_ACCESS_DENIED",
            )
