"""Instance templates: a machine's properties, checked once, for any number of machines.

A template never changes. https://docs.cloud.google.com/compute/docs/instance-templates
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rehearsal.cloud.compute import insertion
from rehearsal.cloud.compute.resources import (
    LINK,
    ROOT,
    done,
    in_use,
    invalid,
    missing,
    new,
    relative,
)
from rehearsal.cloud.http.conventions import require_known_fields
from rehearsal.cloud.http.rest import Call, Method

if TYPE_CHECKING:
    from rehearsal.cloud.state import Json

FIELDS: Final = frozenset({"name", "description", "properties"})
PROPERTIES: Final = frozenset(
    {
        *("canIpForward", "confidentialInstanceConfig", "description", "disks", "labels"),
        *("machineType", "metadata", "minCpuPlatform", "networkInterfaces", "scheduling"),
        *("serviceAccounts", "shieldedInstanceConfig", "tags"),
    }
)
"""Others, such as accelerators and reservations, are not modelled."""


def referenced(call: Call, reference: str) -> str:
    """The key of an existing template that the caller may use; ApiError 400, 403."""
    key = relative(call, reference)
    call.require("compute.instanceTemplates.useReadOnly", key)
    if key not in call.cloud.templates:
        why = "The referenced instance template resource cannot be found."
        raise invalid("resource.versions[0].instanceTemplate", reference, why)
    return key


def _insert(call: Call) -> Json:
    body = require_known_fields(call.body, FIELDS)
    key, fixed = new(call, call.cloud.templates)
    properties = require_known_fields(body.get("properties") or {}, PROPERTIES)
    for path, name in (
        ("machineType", properties.get("machineType", "")),
        *(
            (f"disks[{number}].initializeParams.diskType", _disk_type(disk))
            for number, disk in enumerate(properties.get("disks") or [])
        ),
    ):
        if "/" in name:
            why = "A template is for every zone: it takes the name of the type, not a link."
            raise invalid(f"resource.properties.{path}", name, why)
    call.cloud.templates[key] = {
        "kind": "compute#instanceTemplate",
        **body,
        **fixed,
        "properties": insertion.checked(call, properties, "resource.properties"),
    }
    return done(call, "insert", fixed)


def _disk_type(disk: Json) -> str:
    return str((disk.get("initializeParams") or {}).get("diskType", ""))


def _find(call: Call) -> Json:
    try:
        return call.cloud.templates[call.resource]
    except KeyError:
        raise missing(call.resource) from None


def _delete(call: Call) -> Json:
    template = _find(call)
    for key, group in call.cloud.groups.items():
        if group.doc["instanceTemplate"] == LINK + call.resource:
            raise in_use("instance_template", call.resource, key)
    del call.cloud.templates[call.resource]
    return done(call, "delete", template)


TEMPLATES, PERMISSION = f"{ROOT}/global/instanceTemplates", "compute.instanceTemplates."
METHODS: Final = (
    Method("POST", TEMPLATES, f"{PERMISSION}create", _insert),
    Method("GET", f"{TEMPLATES}/{{template}}", f"{PERMISSION}get", _find),
    Method("DELETE", f"{TEMPLATES}/{{template}}", f"{PERMISSION}delete", _delete),
)
