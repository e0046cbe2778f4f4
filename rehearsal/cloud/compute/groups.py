"""Managed instance groups of one zone, as resources; `group_controller` makes their machines.

https://docs.cloud.google.com/compute/docs/reference/rest/beta/instanceGroupManagers
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rehearsal.cloud.compute import templates
from rehearsal.cloud.compute.resources import (
    LINK,
    NAME,
    ROOT,
    done,
    fingerprint,
    in_use,
    invalid,
    missing,
    new,
    stale,
)
from rehearsal.cloud.http.conventions import require_known_fields
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.rest import Call, Method
from rehearsal.cloud.locations import region_of
from rehearsal.cloud.state import Group

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud, Instance, Json

CHANGEABLE: Final = frozenset({"description", "targetSize", "updatePolicy", "versions"})
FIELDS: Final = CHANGEABLE | {
    *("baseInstanceName", "fingerprint", "listManagedInstancesResults", "name"),
}
"""Others, such as health checks and stateful disks, are not modelled."""
UPDATE_POLICY: Final = {
    "type": "PROACTIVE",
    "minimalAction": "REPLACE",
    "replacementMethod": "SUBSTITUTE",
    "maxSurge": {"fixed": 1},
    "maxUnavailable": {"fixed": 1},
    "minReadySec": 0,
}
MOST_MACHINES: Final = 1000
BASE_LENGTH: Final = 58
"""A hyphen and four characters follow."""


def machines(cloud: Cloud, key: str) -> list[Instance]:
    """The machines that there are of a group, also those that it no longer keeps."""
    return [each for each in cloud.instances.values() if each.group == key]


def _insert(call: Call) -> Json:
    zone, body = call.path["zone"], require_known_fields(call.body, FIELDS)
    if region_of(zone) is None:
        raise invalid("zone", zone, "Unknown zone.")
    key, fixed = new(call, call.cloud.groups)
    base = body.get("baseInstanceName", "")
    if not NAME.fullmatch(base) or len(base) > BASE_LENGTH:
        why = f"Must be a match of regex '{NAME.pattern}', at most {BASE_LENGTH} characters long."
        raise invalid("resource.baseInstanceName", base, why)
    here = f"{LINK}projects/{call.project.id}/zones/{zone}"
    doc = {
        "kind": "compute#instanceGroupManager",
        "listManagedInstancesResults": "PAGELESS",
        **body,
        **fixed,
        "zone": here,
        "instanceGroup": f"{here}/instanceGroups/{body['name']}",
    }
    doc.pop("fingerprint", None)
    doc = _checked(call, doc)
    call.cloud.groups[key] = Group(call.project.id, zone, body["name"], doc)
    return done(call, "insert", fixed)


def _checked(call: Call, doc: Json) -> Json:
    """The resource with the link of its template and its whole update policy; ApiError 400, 403."""
    versions = doc.get("versions") or []
    if len(versions) != 1 or versions[0].get("targetSize"):
        raise invalid("resource.versions", versions, "Exactly one version is modelled.")
    template = LINK + templates.referenced(call, versions[0].get("instanceTemplate", ""))
    policy = require_known_fields(
        UPDATE_POLICY | doc.get("updatePolicy", {}), frozenset(UPDATE_POLICY)
    )
    for field in ("type", "minimalAction", "minReadySec", "replacementMethod"):
        if policy[field] != UPDATE_POLICY[field]:
            why = f"Only {UPDATE_POLICY[field]} is modelled."
            raise invalid(f"resource.updatePolicy.{field}", policy[field], why)
    surge, unavailable = policy["maxSurge"], policy["maxUnavailable"]
    if surge != {"fixed": 0}:
        raise invalid("resource.updatePolicy.maxSurge", surge, "Only {'fixed': 0} is modelled.")
    if unavailable.keys() != {"fixed"}:
        why = "Only a fixed number is modelled."
        raise invalid("resource.updatePolicy.maxUnavailable", unavailable, why)
    if not unavailable["fixed"]:
        why = "maxSurge or maxUnavailable must be greater than 0."
        raise invalid("resource.updatePolicy.maxUnavailable.fixed", 0, why)
    size = doc.get("targetSize", 0)
    if not isinstance(size, int) or not 0 <= size <= MOST_MACHINES:
        raise invalid("resource.targetSize", size, f"Expected 0 to {MOST_MACHINES}.")
    return {
        **doc,
        "instanceTemplate": template,
        "versions": [{**versions[0], "instanceTemplate": template}],
        "updatePolicy": policy,
        "targetSize": size,
    }


def _find(call: Call) -> Group:
    try:
        return call.cloud.groups[call.resource]
    except KeyError:
        raise missing(call.resource) from None


def _get(call: Call) -> Json:
    """The resource, with what the group is about to do."""
    group = _find(call)
    made = {each.name: each for each in machines(call.cloud, call.resource)}
    template = group.doc["instanceTemplate"].removeprefix(LINK)
    settled = [
        name
        for name in group.machines
        if name in made
        and made[name].doc["status"] == "RUNNING"
        and made[name].template == template
    ]
    stable = len(settled) == len(made) == group.doc["targetSize"]
    scaler = next(
        (key for key, each in call.cloud.autoscalers.items() if each.group == call.resource), None
    )
    status = {"isStable": stable, "versionTarget": {"isReached": stable}}
    return {
        **group.doc,
        "fingerprint": _fingerprint(group),
        "currentActions": {
            "none": len(settled),
            "creating": len([name for name in group.machines if name not in made]),
            "deleting": len([name for name in made if name not in group.machines]),
            "recreating": len([n for n in group.machines if n in made and n not in settled]),
        },
        "status": {**status, **({"autoscaler": LINK + scaler} if scaler else {})},
    }


def _fingerprint(group: Group) -> str:
    """Of what can be changed: the size, too, which the autoscaler sets in between."""
    return fingerprint({key: group.doc.get(key) for key in sorted(CHANGEABLE)})


def _patch(call: Call) -> Json:
    group, body = _find(call), require_known_fields(call.body, CHANGEABLE | {"fingerprint"})
    if body.get("fingerprint") not in (None, _fingerprint(group)):
        raise stale("")
    changes = {key: value for key, value in body.items() if key in CHANGEABLE}
    policy = group.doc["updatePolicy"] | changes.get("updatePolicy", {})
    group.doc = _checked(call, {**group.doc, **changes, "updatePolicy": policy})
    return done(call, "patch", group.doc)


def _delete(call: Call) -> Json:
    """The operation is done once the group's last machine has been shut down and is gone."""
    group = _find(call)
    for key, autoscaler in call.cloud.autoscalers.items():
        if autoscaler.group == call.resource:
            raise in_use("instance_group_manager", call.resource, key)
    if group.deletion is None:
        group.deletion = done(call, "delete", group.doc)
        group.deletion["status"] = "RUNNING"
    return group.deletion


def _list_managed(call: Call) -> Json:
    """Each machine that the group keeps, whether there is one at this moment or not."""
    group = _find(call)
    if call.query:
        raise ApiError(400, f"Not modelled: {call.query}; only all machines can be listed.")
    here = f"projects/{group.project}/zones/{group.zone}/instances"
    listed = []
    for name in group.machines:
        instance = call.cloud.instances.get(f"{here}/{name}")
        made = {"id": instance.id, "instanceStatus": instance.doc["status"]} if instance else {}
        running = made.get("instanceStatus") == "RUNNING"
        action = "NONE" if running else "RECREATING" if instance else "CREATING"
        links = {"instance": f"{LINK}{here}/{name}", "name": name}
        failed = {"lastAttempt": {"errors": {"errors": [{"message": group.error}]}}}
        tried = failed if action == "CREATING" and group.error else {}
        listed.append({**links, **made, "currentAction": action, **tried})
    return {"managedInstances": listed} if listed else {}


GROUPS = f"{ROOT}/zones/{{zone}}/instanceGroupManagers"
GROUP, PERMISSION = f"{GROUPS}/{{group}}", "compute.instanceGroupManagers."
CREATE = f"{PERMISSION}create compute.instances.create compute.disks.create"
METHODS: Final = (
    Method("POST", GROUPS, CREATE, _insert),
    Method("GET", GROUP, f"{PERMISSION}get", _get),
    Method("PATCH", GROUP, f"{PERMISSION}update", _patch),
    Method("DELETE", GROUP, f"{PERMISSION}delete", _delete),
    Method("POST", GROUP, f"{PERMISSION}get", _list_managed, "/listManagedInstances"),
)
