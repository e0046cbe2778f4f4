"""Virtual machines, from insert to delete.

`insertion` has the checks before a machine is created; an implementation of `Machines` runs it.
Only metadata and labels of a machine can change: for any other change, the two stacks replace it.
https://docs.cloud.google.com/compute/docs/reference/rest/v1/instances
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from rehearsal.cloud.compute import insertion
from rehearsal.cloud.compute.resources import LINK, ROOT, done, fingerprint, missing, stale
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.rest import Call, Method
from rehearsal.cloud.state import Instance

if TYPE_CHECKING:
    from rehearsal.cloud.state import Json

ZONE = f"{ROOT}/zones/{{zone}}"
INSTANCES = f"{ZONE}/instances"
INSTANCE = f"{INSTANCES}/{{instance}}"
PERMISSION = "compute.instances."


class Machines(Protocol):
    """Powers machines on and off."""

    def start(self, instance: Instance) -> None:
        """Power the machine on; returns at once."""

    def stop(self, instance: Instance) -> None:
        """Power the machine off, if it is on."""

    def begin_shutdown(self, instance: Instance) -> None:
        """Announce the power-off to the machine; returns at once."""


def _find(call: Call) -> Instance:
    try:
        return call.cloud.instances[call.resource]
    except KeyError:
        raise missing(call.resource) from None


def _insert(machines: Machines, call: Call) -> Json:
    key, doc = insertion.complete(call)
    instance = Instance(doc["id"], call.project.id, call.path["zone"], doc["name"], doc)
    call.cloud.instances[key] = instance
    machines.start(instance)
    return done(call, "insert", doc)


def _get(call: Call) -> Json:
    return _shown(_find(call))


def _list(call: Call) -> Json:
    """All machines of the zone, on one page; ApiError 400 for a part of them."""
    if call.query:
        raise ApiError(400, f"Not modelled: {call.query}; only all machines can be listed.")
    own = f"{call.resource}/"
    found = [_shown(each) for key, each in call.cloud.instances.items() if key.startswith(own)]
    listed = {"kind": "compute#instanceList", "selfLink": LINK + call.resource}
    return {**listed, **({"items": found} if found else {})}


def _shown(instance: Instance) -> Json:
    """The REST resource, without `initializeParams`: the launcher needs them, Google hides them."""
    doc = {"metadata": {}, "tags": {}, "labels": {}, **instance.doc}
    doc["disks"] = [{k: v for k, v in d.items() if k != "initializeParams"} for d in doc["disks"]]
    doc["labelFingerprint"] = fingerprint(doc["labels"])
    for field in ("metadata", "tags"):
        doc[field] = {**doc[field], "fingerprint": fingerprint(doc[field])}
    return doc


def _serial(call: Call) -> Json:
    """The whole output of the first serial port, which is the console.

    ApiError 400 for another port or a start: they are not modelled.
    """
    instance = _find(call)
    if call.query:
        raise ApiError(400, f"Not modelled: {call.query}; only the whole console can be read.")
    return {
        "kind": "compute#serialPortOutput",
        "selfLink": f"{LINK}{call.resource}/serialPort",
        "contents": "".join(f"{line}\r\n" for line in instance.serial),
    }


def _set_metadata(call: Call) -> Json:
    """Replace the metadata; the running workload does not notice it."""
    doc, metadata = _find(call).doc, dict(call.body)
    if metadata.pop("fingerprint", None) != fingerprint(doc.get("metadata", {})):
        raise stale("metadata ")
    doc["metadata"] = metadata
    return done(call, "setMetadata", doc)


def _set_labels(call: Call) -> Json:
    doc = _find(call).doc
    if call.body.get("labelFingerprint") != fingerprint(doc.get("labels", {})):
        raise stale("labels ")
    doc["labels"] = call.body.get("labels", {})
    return done(call, "setLabels", doc)


def _delete(machines: Machines, call: Call) -> Json:
    """Delete the machine. One of a group gets notice, and the group then makes it anew."""
    instance = _find(call)
    if instance.group:
        machines.begin_shutdown(instance)
        return done(call, "delete", instance.doc)
    machines.stop(instance)
    del call.cloud.instances[call.resource]
    return done(call, "delete", instance.doc)


def _disk(call: Call) -> Json:
    """A machine's boot disk, which exists as long as the machine."""
    for instance in call.cloud.instances.values():
        disk, zone = instance.doc["disks"][0], instance.doc["zone"]
        if disk["source"] == LINK + call.resource:
            initial = disk["initializeParams"]
            kind = initial.get("diskType", "pd-standard").rpartition("/")[2]
            return {
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


def methods(machines: Machines) -> tuple[Method, ...]:
    """The table of methods."""
    create, insert = f"{PERMISSION}create compute.disks.create", partial(_insert, machines)
    return (
        Method("POST", INSTANCES, create, insert),
        Method("GET", INSTANCES, f"{PERMISSION}list", _list),
        Method("GET", INSTANCE, f"{PERMISSION}get", _get),
        Method("GET", INSTANCE, f"{PERMISSION}getSerialPortOutput", _serial, "/serialPort"),
        Method("DELETE", INSTANCE, f"{PERMISSION}delete", partial(_delete, machines)),
        Method("POST", INSTANCE, f"{PERMISSION}setMetadata", _set_metadata, "/setMetadata"),
        Method("POST", INSTANCE, f"{PERMISSION}setLabels", _set_labels, "/setLabels"),
        Method("GET", f"{ZONE}/disks/{{disk}}", "compute.disks.get", _disk),
    )
