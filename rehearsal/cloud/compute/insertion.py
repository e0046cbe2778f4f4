"""The checks of Compute Engine before it creates a machine: hardware, boot disk, network, account.

https://docs.cloud.google.com/compute/docs/reference/rest/v1/instances/insert
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from rehearsal.cloud.compute.networks import referenced
from rehearsal.cloud.compute.resources import LINK, invalid, new, relative
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access
from rehearsal.cloud.locations import region_of

if TYPE_CHECKING:
    from rehearsal.cloud.http.rest import Call
    from rehearsal.cloud.state import Json

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
    zone, body = call.path["zone"], call.body
    if region_of(zone) is None:
        raise invalid("zone", zone, "Unknown zone.")
    key, fixed = new(call, call.cloud.instances)
    here = f"{LINK}projects/{call.project.id}/zones/{zone}"
    doc = {
        **{k: v for k, v in body.items() if k != "params"},
        **fixed,
        "status": "RUNNING",
        "zone": here,
        "scheduling": SCHEDULING | body.get("scheduling", {}),
        "shieldedInstanceConfig": SHIELDED | body.get("shieldedInstanceConfig", {}),
        "disks": [_boot_disk(call, here)],
        "networkInterfaces": [_interface(call)],
        **_hardware(body, here),
    }
    _may_act_as(call, doc.get("serviceAccounts") or [])
    return key, doc


def _hardware(body: Json, here: str) -> Json:
    """The machine type and its processor; ApiError 400 if it lacks the confidential type."""
    name = body.get("machineType", "").rpartition("/")[2]
    machine_type = MACHINE_TYPE.fullmatch(name)
    if machine_type is None or machine_type["family"] not in FAMILIES:
        why = f"Machine type with name '{name}' does not exist in zone '{here.rpartition('/')[2]}'."
        raise invalid("resource.machineType", name, why)
    processor, encryption = FAMILIES[machine_type["family"]]
    kind = (body.get("confidentialInstanceConfig") or {}).get("confidentialInstanceType")
    if kind and kind not in encryption:
        field = "resource.confidentialInstanceConfig.confidentialInstanceType"
        why = f"Machine family {machine_type['family']} offers {sorted(encryption) or 'none'}."
        raise invalid(field, kind, why)
    return {"machineType": f"{here}/machineTypes/{name}", "cpuPlatform": processor}


def _boot_disk(call: Call, here: str) -> Json:
    """The boot disk, from one of Google's Confidential Space images."""
    disks = call.body.get("disks") or []
    if len(disks) != 1 or not disks[0].get("boot"):
        raise invalid("resource.disks", len(disks), "Exactly one boot disk is modelled.")
    initial = disks[0].get("initializeParams") or {}
    image = relative(call, initial.get("sourceImage", ""))
    if not IMAGE.fullmatch(image):
        field = "resource.disks[0].initializeParams.sourceImage"
        raise invalid(field, image, "The referenced image resource cannot be found.")
    return {
        "type": "PERSISTENT",
        "mode": "READ_WRITE",
        **disks[0],
        "diskSizeGb": str(initial.get("diskSizeGb") or 11),  # the image's own size
        "source": f"{here}/disks/{call.body['name']}",
        "initializeParams": {**initial, "sourceImage": LINK + image},
    }


def _interface(call: Call) -> Json:
    """The network interface, in a subnetwork that the caller may use."""
    interfaces = call.body.get("networkInterfaces") or []
    if len(interfaces) != 1:
        why = "Exactly one interface is modelled."
        raise invalid("resource.networkInterfaces", len(interfaces), why)
    interface, field = interfaces[0], "networkInterfaces[0]"
    if not interface.get("subnetwork"):
        why = "Subnetwork should be specified for custom subnetmode network"
        raise invalid(f"resource.{field}", interface, why)
    subnetwork = referenced(call, f"{field}.subnetwork", interface["subnetwork"])
    key, external = subnetwork["selfLink"].removeprefix(LINK), interface.get("accessConfigs")
    call.require("compute.subnetworks.use", key)
    call.require("compute.subnetworks.useExternalIp" if external else "", key)
    taken = [i.doc["networkInterfaces"][0]["networkIP"] for i in call.cloud.instances.values()]
    # Google reserves the first two addresses and the last two of each subnetwork.
    addresses = list(ipaddress.IPv4Network(subnetwork["ipCidrRange"]))[2:-2]
    return {
        "name": "nic0",
        "stackType": "IPV4_ONLY",
        **interface,
        "network": subnetwork["network"],
        "subnetwork": subnetwork["selfLink"],
        "networkIP": next(str(a) for a in addresses if str(a) not in taken),
    }


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
