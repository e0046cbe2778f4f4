"""Confidential machines: made in one call, changed by one method for each thing that can change.

https://docs.cloud.google.com/compute/docs/reference/rest/beta/instances
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sandbox.plugins.gcp_collection import COMPUTE, Collection
from sandbox.plugins.provider import ProviderError

if TYPE_CHECKING:
    from sandbox.plugins.provider import Json

STOPPED = {
    "machineType": "setMachineType",
    "minCpuPlatform": "setMinCpuPlatform",
    "serviceAccounts": "setServiceAccount",
    "shieldedInstanceConfig": "updateShieldedInstanceConfig",
}
"""What can be changed only while the machine is stopped: REST field -> method."""

RUNNING = {
    "metadata.items": "setMetadata",
    "labels": "setLabels",
    "tags.items": "setTags",
    "scheduling": "setScheduling",
    "deletionProtection": "setDeletionProtection",
}

UNSENT = frozenset({"confidentialInstanceConfig"})
"""Danger, and as the genuine plugin does it: an update shows the change of the confidential type,
reports success, and no request is made. Only a replacement changes what protects the memory."""


class Instance(Collection):
    """A machine with one boot disk."""

    def body(self, inputs: Json) -> Json:
        """The REST resource, with the paths of what is in the machine's zone or project."""
        body, place = super().body(inputs), f"projects/{inputs['project']}/zones/{inputs['zone']}"
        body["machineType"] = _below(f"{place}/machineTypes", body["machineType"])
        for interface in body["networkInterfaces"]:
            project = f"projects/{inputs['project']}"
            region = inputs["zone"].rpartition("-")[0]
            for key, collection in (
                ("network", f"{project}/global/networks"),
                ("subnetwork", f"{project}/regions/{region}/subnetworks"),
            ):
                if key in interface:
                    interface[key] = _below(collection, interface[key])
        disk = body["disks"][0]["initializeParams"]
        if "diskType" in disk:
            disk["diskType"] = _below(f"{place}/diskTypes", disk["diskType"])
        if "sourceImage" in disk:
            disk["sourceImage"] = self._image(disk["sourceImage"], inputs["project"])
        return body

    def _image(self, given: str, project: str) -> str:
        """An image in short form (NAME, PROJECT/NAME, a family) is asked for; else it stands."""
        if re.search(r"(^|/)projects/[^/]+/global/images/[^/]+(/[^/]+)?$", given):
            return given
        owner, _, name = given.rpartition("/")
        images = f"{COMPUTE}/projects/{owner or project}/global/images"
        for url in (f"{images}/{name}", f"{images}/family/{name}"):
            if found := self.api.unless_gone("GET", url, "resolving image"):
                return str(found["selfLink"])
        raise ProviderError(
            f"Error resolving image name '{given}': Could not find image or family {given}"
        )

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """A machine has a status and an address only once it is there."""
        found = super().plan(inputs, state)
        if "zone" not in inputs and state is None:
            found["zone"] = self.api.zone
        return found

    def patch(self, identity: str, state: Json, inputs: Json, fields: list[str]) -> None:
        """One call for each changed thing; some need the machine to be stopped, if it may be."""
        if unsendable := set(fields) - STOPPED.keys() - RUNNING.keys() - UNSENT:
            raise ProviderError(
                f"got a change of {', '.join(sorted(unsendable))}, which this stand-in for the gcp "
                "plugin cannot make in place: nothing was changed. Replace the machine, or use the "
                "genuine plugin."
            )
        live, body = self.find(identity, state) or {}, self.body(inputs)
        stopped = [field for field in fields if field in STOPPED]
        if stopped and live["status"] != "TERMINATED" and not inputs.get("allowStoppingForUpdate"):
            raise ProviderError(
                "Changing the machine_type, min_cpu_platform, service_account, enable_display, "
                "shielded_instance_config, scheduling.node_affinities or network_interface on a "
                "started instance requires stopping it. To acknowledge this, please set "
                "allow_stopping_for_update = true in your config."
            )
        for field in fields:
            if field in RUNNING:
                self._set(identity, RUNNING[field], _request(field, live, body))
        if stopped:
            self._set(identity, "stop", {})
            for field in stopped:
                self._set(identity, STOPPED[field], _request(field, live, body))
            self._set(identity, "start", {})

    def _set(self, identity: str, method: str, request: Json) -> None:
        doing = f"updating instance ({method})"
        if method == "setDeletionProtection":
            parts: Json = {"params": {key: str(v).lower() for key, v in request.items()}}
        else:
            parts = {"json": request}
        verb = "PATCH" if method.startswith("update") else "POST"
        self.send(verb, f"{identity}/{method}", identity, doing, **parts)

    def remove(self, identity: str, state: Json) -> None:
        """DELETE, unless the machine is protected."""
        if state.get("deletionProtection"):
            raise ProviderError(
                f"Cannot delete instance {state['name']}: instance Deletion Protection is enabled. "
                "Set deletion_protection to false for this resource and run `pulumi up` before "
                "attempting to delete it."
            )
        super().remove(identity, state)


def _request(field: str, live: Json, body: Json) -> Json:
    """What the method that changes a field takes; a fingerprint says what was there before."""
    if field == "metadata.items":
        items = body.get("metadata", {}).get("items", [])
        return {"fingerprint": live["metadata"]["fingerprint"], "items": items}
    if field == "tags.items":
        items = body.get("tags", {}).get("items", [])
        return {"fingerprint": live["tags"]["fingerprint"], "items": items}
    if field == "labels":
        return {"labels": body["labels"], "labelFingerprint": live["labelFingerprint"]}
    if field == "serviceAccounts":
        return dict(body["serviceAccounts"][0]) if "serviceAccounts" in body else {"scopes": []}
    if field in {"scheduling", "shieldedInstanceConfig"}:
        return dict(body.get(field, {}))
    return {field: body.get(field)}


def _below(collection: str, reference: str) -> str:
    return reference if "/" in reference else f"{collection}/{reference}"
