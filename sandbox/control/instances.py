"""Virtual machines: what Compute Engine checks before one exists, and its life from then on.

What happens inside one is not known here: whoever implements `Machines` makes it run.
https://docs.cloud.google.com/compute/docs/reference/rest/v1/instances
"""

from __future__ import annotations

import ipaddress
import re
from functools import partial
from typing import TYPE_CHECKING, Protocol

from sandbox import iam
from sandbox.control.networks import REGIONS, referenced
from sandbox.control.resources import LINK, ROOT, done, fingerprint, invalid, missing, new, relative
from sandbox.control.rest import Call, Method, timestamp
from sandbox.errors import ApiError
from sandbox.state import Instance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.state import Json

ZONE = f"{ROOT}/zones/{{zone}}"
INSTANCE = f"{ZONE}/instances/{{instance}}"
PERMISSION = "compute.instances."

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
    r"projects/confidential-space-images/global/images/"
    r"(?P<by>family/)?(?P<family>confidential-space(?:-debug)?)(?:-(?P<version>\d+))?"
)
NEWEST_IMAGE = "260900"
SHIELDED = {"enableSecureBoot": False, "enableVtpm": True, "enableIntegrityMonitoring": True}
SCHEDULING = {
    "onHostMaintenance": "MIGRATE",
    "automaticRestart": True,
    "preemptible": False,
    "provisioningModel": "STANDARD",
}


class Machines(Protocol):
    """Whoever makes machines run."""

    def start(self, instance: Instance) -> None:
        """Boot the machine, in the background."""

    def stop(self, instance: Instance) -> None:
        """Switch the machine off, if it is on."""


def image(resource: str) -> Json:
    """The image that projects/…/images/NAME or …/images/family/NAME means; ApiError 404 if none."""
    known = IMAGE.fullmatch(resource)
    if known is None or bool(known["by"]) == bool(known["version"]):
        raise missing(resource)
    name = f"{known['family']}-{known['version'] or NEWEST_IMAGE}"
    link = f"{LINK}projects/confidential-space-images/global/images/{name}"
    kind, size = "compute#image", "11"
    return {"kind": kind, "name": name, "selfLink": link, "status": "READY", "diskSizeGb": size}


def _find(call: Call) -> Instance:
    try:
        return call.cloud.instances[call.resource]
    except KeyError:
        raise missing(call.resource) from None


def _render(instance: Instance) -> Json:
    """The REST resource; what initialised a disk is kept for the launcher, and not shown."""
    doc = {"metadata": {}, "tags": {}, "labels": {}, **instance.doc}
    doc["disks"] = [{k: v for k, v in d.items() if k != "initializeParams"} for d in doc["disks"]]
    doc["labelFingerprint"] = fingerprint(doc["labels"])
    for field in ("metadata", "tags"):
        doc[field] = {**doc[field], "fingerprint": fingerprint(doc[field])}
    return doc


def _insert(machines: Machines, call: Call) -> Json:
    zone, body = call.path["zone"], call.body
    region, _, letter = zone.rpartition("-")
    if letter not in list(REGIONS.get(region, "")):
        raise invalid("zone", zone, "Unknown zone.")
    key, fixed = new(call, "instance", call.cloud.instances.__contains__)
    doc = {
        **{k: v for k, v in body.items() if k != "params"},
        **fixed,
        "status": "RUNNING",
        "zone": f"{LINK}projects/{call.project.id}/zones/{zone}",
        "scheduling": SCHEDULING | body.get("scheduling", {}),
        "shieldedInstanceConfig": SHIELDED | body.get("shieldedInstanceConfig", {}),
        "lastStartTimestamp": fixed["creationTimestamp"],
        "disks": [_boot_disk(call)],
        "networkInterfaces": [_interface(call)],
    }
    doc |= _hardware(call, doc)
    _may_act_as(call, doc.get("serviceAccounts") or [])
    instance = Instance(fixed["id"], call.project.id, zone, body["name"], doc)
    call.cloud.instances[key] = instance
    machines.start(instance)
    return done(call, "insert", doc)


def _hardware(call: Call, doc: Json) -> Json:
    """The machine type and its processor; ApiError 400 if that cannot encrypt as asked."""
    wanted, zone = doc.get("machineType", ""), call.path["zone"]
    name = wanted.rpartition("/")[2]
    known = MACHINE_TYPE.fullmatch(name)
    if known is None or known["family"] not in FAMILIES:
        why = f"Machine type with name '{name}' does not exist in zone '{zone}'."
        raise invalid("resource.machineType", wanted, why)
    processor, encryption = FAMILIES[known["family"]]
    kind = (doc.get("confidentialInstanceConfig") or {}).get("confidentialInstanceType")
    if kind and kind not in encryption:
        field = "resource.confidentialInstanceConfig.confidentialInstanceType"
        why = f"Machine family {known['family']} offers {sorted(encryption) or 'none'}."
        raise invalid(field, kind, why)
    link = f"{LINK}projects/{call.project.id}/zones/{zone}/machineTypes/{name}"
    return {"machineType": link, "cpuPlatform": processor}


def _boot_disk(call: Call) -> Json:
    """The one disk, made from one of Google's Confidential Space images."""
    disks = call.body.get("disks") or []
    if len(disks) != 1 or not disks[0].get("boot"):
        raise invalid("resource.disks", len(disks), "Exactly one boot disk is modelled.")
    initial = disks[0].get("initializeParams") or {}
    source = initial.get("sourceImage", "")
    try:
        origin = image(relative(call, source))
    except ApiError:
        field = "resource.disks[0].initializeParams.sourceImage"
        why = "The referenced image resource cannot be found."
        raise invalid(field, source, why) from None
    zone = f"{LINK}projects/{call.project.id}/zones/{call.path['zone']}"
    return {
        "kind": "compute#attachedDisk",
        "type": "PERSISTENT",
        "mode": "READ_WRITE",
        **disks[0],
        "diskSizeGb": str(initial.get("diskSizeGb") or origin["diskSizeGb"]),
        "source": f"{zone}/disks/{call.body['name']}",
        "initializeParams": {**initial, "sourceImage": origin["selfLink"]},
    }


def _interface(call: Call) -> Json:
    """The one network interface, in a subnetwork that the caller may use."""
    interfaces, field = call.body.get("networkInterfaces") or [], "networkInterfaces[0]"
    if len(interfaces) != 1:
        why = "Exactly one interface is modelled."
        raise invalid("resource.networkInterfaces", len(interfaces), why)
    wanted = interfaces[0]
    if wanted.get("network"):
        referenced(call, f"{field}.network", wanted["network"])
    if not wanted.get("subnetwork"):
        why = "Subnetwork should be specified for custom subnetmode network"
        raise invalid(f"resource.{field}", wanted, why)
    subnetwork = referenced(call, f"{field}.subnetwork", wanted["subnetwork"])
    key, external = subnetwork["selfLink"].removeprefix(LINK), wanted.get("accessConfigs")
    call.require("compute.subnetworks.use", key)
    call.require("compute.subnetworks.useExternalIp" if external else "", key)
    taken = [i.doc["networkInterfaces"][0]["networkIP"] for i in call.cloud.instances.values()]
    # The first two addresses and the last two are Google's own in every subnetwork.
    addresses = list(ipaddress.IPv4Network(subnetwork["ipCidrRange"]))[2:-2]
    return {
        "name": "nic0",
        "stackType": "IPV4_ONLY",
        **wanted,
        "network": subnetwork["network"],
        "subnetwork": subnetwork["selfLink"],
        "networkIP": next(str(a) for a in addresses if str(a) not in taken),
    }


def _may_act_as(call: Call, accounts: list[Json]) -> None:
    """A machine may be given only an account that the caller may act as.

    https://docs.cloud.google.com/compute/docs/access/create-enable-service-accounts-for-instances
    """
    for email in [account.get("email", "") for account in accounts]:
        account = call.cloud.service_accounts.get(email)
        resource = f"projects/{call.project.id}/serviceAccounts/{email}"
        if account is None:
            message = f"The resource '{resource}' of type 'serviceAccount' was not found."
            raise ApiError(404, message)
        policies = (account.policy, call.cloud.projects[account.project].policy)
        if not iam.decide(call.cloud, call.who, "iam.serviceAccounts.actAs", resource, policies):
            raise ApiError(
                400,
                f"The user does not have access to service account '{email}'.  "
                f"User: '{call.who}'.  Ask a project owner to grant you the "
                "iam.serviceAccountUser role on the service account",
                reason="SERVICE_ACCOUNT_ACCESS_DENIED",
            )


def _list(call: Call) -> Json:
    found = [i for k, i in call.cloud.instances.items() if k.startswith(f"{call.resource}/")]
    return {"kind": "compute#instanceList", "items": [_render(i) for i in found]}


def _get(call: Call) -> Json:
    return _render(_find(call))


def _set(field: str, call: Call) -> Json:
    """Replace a part of the machine's description; what already runs does not notice."""
    instance, body = _find(call), dict(call.body)
    now = _render(instance)
    if field == "labels":
        seen, current = body.get("labelFingerprint"), now["labelFingerprint"]
        body = body.get("labels", {})
    else:
        seen, current = body.pop("fingerprint", None), now[field].get("fingerprint")
    if seen != current:
        message = f"Supplied fingerprint does not match current {field} fingerprint."
        raise ApiError(412, message)
    instance.doc[field] = SCHEDULING | body if field == "scheduling" else body
    return done(call, "update", instance.doc)


def _set_stopped(field: str, call: Call) -> Json:
    """Change what a machine has from the moment it is switched on."""
    instance, body = _find(call), call.body
    if instance.doc["status"] != "TERMINATED":
        raise ApiError(400, f"The instance must be stopped before its {field} can be changed.")
    if field == "machineType":
        instance.doc |= _hardware(call, instance.doc | body)
    elif field == "serviceAccounts":
        accounts = [body] if body.get("email") else []
        _may_act_as(call, accounts)
        instance.doc[field] = accounts
    else:
        instance.doc[field] = SHIELDED | body if field == "shieldedInstanceConfig" else body[field]
    return done(call, "update", instance.doc)


def _protect(call: Call) -> Json:
    """Switch the protection against deletion on or off."""
    instance = _find(call)
    instance.doc["deletionProtection"] = call.query.get("deletionProtection", "true") == "true"
    return done(call, "update", instance.doc)


def _start(machines: Machines, call: Call) -> Json:
    instance = _find(call)
    if instance.doc["status"] != "RUNNING":
        instance.doc |= {"status": "RUNNING", "lastStartTimestamp": timestamp(call.cloud)}
        machines.start(instance)
    return done(call, "start", instance.doc)


def _stop(machines: Machines, call: Call) -> Json:
    instance = _find(call)
    machines.stop(instance)
    instance.doc["status"] = "TERMINATED"
    return done(call, "stop", instance.doc)


def _delete(machines: Machines, call: Call) -> Json:
    instance = _find(call)
    if instance.doc.get("deletionProtection"):
        raise ApiError(400, "Resource cannot be deleted if it's protected against deletion.")
    machines.stop(instance)
    del call.cloud.instances[call.resource]
    return done(call, "delete", instance.doc)


def _disk(call: Call) -> Json:
    """A machine's boot disk, which lives and dies with it."""
    for instance in call.cloud.instances.values():
        disk, zone = instance.doc["disks"][0], instance.doc["zone"]
        if disk["source"] == LINK + call.resource:
            initial = disk["initializeParams"]
            kind = initial.get("diskType", "pd-standard").rpartition("/")[2]
            return {
                "kind": "compute#disk",
                "name": instance.name,
                "selfLink": disk["source"],
                "zone": zone,
                "status": "READY",
                "sizeGb": disk["diskSizeGb"],
                "sourceImage": initial["sourceImage"],
                "type": f"{zone}/diskTypes/{kind}",
                "users": [instance.doc["selfLink"]],
            }
    raise missing(call.resource)


def methods(machines: Machines) -> Iterator[Method]:
    """The table of methods."""
    collection, create = f"{ZONE}/instances", f"{PERMISSION}create compute.disks.create"
    yield Method("POST", collection, create, partial(_insert, machines))
    yield Method("GET", collection, f"{PERMISSION}list", _list)
    yield Method("GET", INSTANCE, f"{PERMISSION}get", _get)
    yield Method("DELETE", INSTANCE, f"{PERMISSION}delete", partial(_delete, machines))
    yield Method("GET", f"{ZONE}/disks/{{disk}}", "compute.disks.get", _disk)
    actions: dict[str, Callable[[Call], Json]] = {
        "start": partial(_start, machines),
        "stop": partial(_stop, machines),
        "setDeletionProtection": _protect,
        "setLabels": partial(_set, "labels"),
        "setMetadata": partial(_set, "metadata"),
        "setScheduling": partial(_set, "scheduling"),
        "setTags": partial(_set, "tags"),
        "setMachineType": partial(_set_stopped, "machineType"),
        "setMinCpuPlatform": partial(_set_stopped, "minCpuPlatform"),
        "setServiceAccount": partial(_set_stopped, "serviceAccounts"),
        "updateShieldedInstanceConfig": partial(_set_stopped, "shieldedInstanceConfig"),
    }
    for action, handler in actions.items():
        verb = "PATCH" if action.startswith("update") else "POST"
        yield Method(verb, INSTANCE, f"{PERMISSION}{action}", handler, f"/{action}")
