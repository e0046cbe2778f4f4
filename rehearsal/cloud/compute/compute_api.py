"""compute.googleapis.com: zones, disk types, operations, and the methods of the other modules.

`networks` has networks, subnetworks and firewalls; `instances` has machines, and `templates`,
`groups` and `autoscalers` what makes many of them.
https://docs.cloud.google.com/compute/docs/reference/rest/v1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.cloud.compute import autoscalers, groups, instances, networks, templates
from rehearsal.cloud.compute.insertion import FAMILIES, MACHINE_TYPE
from rehearsal.cloud.compute.instances import Machines
from rehearsal.cloud.compute.resources import LINK, ROOT, missing, refusal
from rehearsal.cloud.http import conventions
from rehearsal.cloud.http.rest import Api, Call, Method
from rehearsal.cloud.locations import region_of

if TYPE_CHECKING:
    from rehearsal.cloud.state import Json

__all__ = ["Machines", "api"]


def _zone(call: Call) -> Json:
    """The genuine gcp plugin reads it before it creates a machine."""
    region = region_of(call.path["zone"])
    if region is None:
        raise missing(call.resource)
    return {
        "kind": "compute#zone",
        "name": call.path["zone"],
        "status": "UP",
        "region": f"{LINK}projects/{call.project.id}/regions/{region}",
        "selfLink": LINK + call.resource,
    }


def _disk_type(call: Call) -> Json:
    """The genuine gcp plugin reads it before it creates a machine, by the program's name for it."""
    if call.path["type"] not in DISK_TYPES:
        raise missing(call.resource)
    return {
        "kind": "compute#diskType",
        "name": call.path["type"],
        "zone": f"{LINK}projects/{call.project.id}/zones/{call.path['zone']}",
        "selfLink": LINK + call.resource,
    }


def _machine_type(call: Call) -> Json:
    """Whether a zone has a type of machine; here each zone has each."""
    found = MACHINE_TYPE.fullmatch(call.path["type"])
    if region_of(call.path["zone"]) is None or found is None or found["family"] not in FAMILIES:
        raise missing(call.resource)
    return {
        "kind": "compute#machineType",
        "name": call.path["type"],
        "zone": call.path["zone"],
        "selfLink": LINK + call.resource,
    }


DISK_TYPES = frozenset({"hyperdisk-balanced", "pd-balanced", "pd-ssd", "pd-standard"})
OPERATIONS = {"global": "global", "regions/{region}": "region", "zones/{zone}": "zone"}
METHODS = (
    Method("GET", f"{ROOT}/zones/{{zone}}", "compute.zones.get", _zone),
    Method("GET", f"{ROOT}/zones/{{zone}}/diskTypes/{{type}}", "compute.diskTypes.get", _disk_type),
    Method(
        "GET",
        f"{ROOT}/zones/{{zone}}/machineTypes/{{type}}",
        "compute.machineTypes.get",
        _machine_type,
    ),
    *(
        Method(
            "GET",
            f"{ROOT}/{scope}/operations/{{operation}}",
            f"compute.{kind}Operations.get",
            conventions.get_operation,
        )
        for scope, kind in OPERATIONS.items()
    ),
    *networks.METHODS,
    *templates.METHODS,
    *groups.METHODS,
    *autoscalers.METHODS,
)


def api(machines: Machines) -> Api:
    """The API; `machines` powers on each machine that is created, and off each that is deleted."""
    methods = (*METHODS, *instances.methods(machines))
    return Api("compute.googleapis.com", "Compute Engine API", methods, refusal=refusal)
