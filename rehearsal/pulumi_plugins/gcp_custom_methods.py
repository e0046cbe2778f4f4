"""Resources that need more than Google's standard methods.

https://docs.cloud.google.com/apis/design/custom_methods
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from rehearsal.pulumi_plugins import gcp_conversions as convert
from rehearsal.pulumi_plugins.gcp_resource import GcpResource
from rehearsal.pulumi_plugins.gcp_resource_type import require_sendable
from rehearsal.pulumi_plugins.provider import UNKNOWN, Difference, ProviderError

if TYPE_CHECKING:
    from rehearsal.pulumi_plugins.provider import Json


class Account(GcpResource):
    """A service account; its e-mail identifies it."""

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """The e-mail follows from the inputs, so a preview knows it."""
        outputs = super().plan(inputs, state)
        account, project = outputs["accountId"], outputs.get("project", UNKNOWN)
        if UNKNOWN not in {account, project}:
            email = f"{account}@{project}.iam.gserviceaccount.com"
            outputs |= {"email": email, "member": f"serviceAccount:{email}"}
        return outputs

    def named(self, identity: str) -> Json:
        """The account's id is in its address."""
        inputs = super().named(identity)
        return inputs | {"accountId": inputs["accountId"].partition("@")[0]}

    def insert(self, properties: Json) -> str:
        """POST; the answer is the account itself."""
        # Danger, as in the genuine plugin: `disabled` has no effect here, but in an update.
        # https://www.pulumi.com/registry/packages/gcp/api-docs/serviceaccount/account/
        properties = {key: value for key, value in properties.items() if key != "disabled"}
        body = {"accountId": properties["accountId"], "serviceAccount": self.body(properties)}
        collection = self.type.collection.path.format_map(properties)
        answer = self.send("POST", collection, "", f"creating service {self.title}", json=body)
        return str(answer["name"])

    def patch(self, identity: str, state: Json, properties: Json, fields: list[str]) -> None:
        """Disable or enable it, or name it for people."""
        del state
        if others := sorted({*fields} - {"disabled", "displayName"}):
            raise self.not_in_place(others)
        if "displayName" in fields:
            named = {"displayName": properties.get("displayName", "")}
            body = {"serviceAccount": named, "updateMask": "display_name"}
            self.send("PATCH", identity, identity, f"updating service {self.title}", json=body)
        if "disabled" in fields:
            method = "disable" if properties.get("disabled") else "enable"
            self.send("POST", f"{identity}:{method}", identity, f"{method} {self.title}", json={})


class Subnetwork(GcpResource):
    """A subnetwork, which grows in place and cannot shrink.

    https://docs.cloud.google.com/vpc/docs/create-modify-vpc-networks#expand-subnet
    """

    def diff(self, old_inputs: Json, state: Json, news: Json) -> Difference:
        """A range that contains the old one needs no replacement."""
        found = super().diff(old_inputs, state, news)
        change = found.changes.get("ipCidrRange")
        if change is None or not _holds(news.get("ipCidrRange", ""), state.get("ipCidrRange", "")):
            return found
        changes = {**found.changes, "ipCidrRange": change._replace(replaces=False)}
        replaced = any(each.replaces for each in changes.values())
        return Difference(changes, delete_before_replace=replaced)

    def patch(self, identity: str, state: Json, properties: Json, fields: list[str]) -> None:
        """Enlarge the range."""
        del state
        if others := sorted({*fields} - {"ipCidrRange"}):
            raise self.not_in_place(others)
        path, doing = f"{identity}/expandIpCidrRange", f"updating {self.title}"
        body = {"ipCidrRange": properties["ipCidrRange"]}
        self.send("POST", path, identity, doing, json=body)


class Instance(GcpResource):
    """A confidential machine with one boot disk, which the programs here replace.

    https://docs.cloud.google.com/compute/docs/reference/rest/beta/instances
    """

    def diff(self, old_inputs: Json, state: Json, news: Json) -> Difference:
        """Refuse a subnetwork whose project differs from the interface's `subnetworkProject`.

        Danger, as in the genuine plugin: the state of a machine whose creation failed after the
        insert has no `subnetworkProject`. If the program does not set it either, every preview,
        `up` and replacement fails here.
        """
        before, after = (each.get("networkInterfaces", []) for each in (state, news))
        for old, new in zip(before, after, strict=False) if len(before) == len(after) else ():
            project = convert.project_of(new.get("subnetwork", ""))
            known = new.get("subnetworkProject") or old.get("subnetworkProject", "")
            if project not in {"", known}:
                raise ProviderError(
                    f'project {project} in subnetwork\'s self_link "{new["subnetwork"]}" must '
                    f'match subnetwork_project "{known}"'
                )
        return super().diff(old_inputs, state, news)

    def body(self, properties: Json) -> Json:
        """The REST resource, with full paths of machine type and disk type."""
        body, place = (
            super().body(properties),
            f"projects/{properties['project']}/zones/{properties['zone']}",
        )
        body["machineType"] = f"{place}/machineTypes/{properties['machineType']}"
        names = {"image": "sourceImage", "size": "diskSizeGb", "type": "diskType"}
        boot = require_sendable(properties["bootDisk"], {"initializeParams"}, "bootDisk.")
        disk = require_sendable(
            boot.get("initializeParams", {}), {*names}, "bootDisk.initializeParams."
        )
        initial = {names[key]: str(value) for key, value in disk.items()}
        if "diskType" in initial:
            initial["diskType"] = f"{place}/diskTypes/{initial['diskType']}"
        fixed = {"boot": True, "autoDelete": True, "mode": "READ_WRITE"}
        body["disks"] = [fixed | {"initializeParams": initial}]
        return body

    def patch(self, identity: str, state: Json, properties: Json, fields: list[str]) -> None:
        """Send one request for labels and one for metadata, with the fingerprint of the old value.

        Danger, as in the genuine plugin: an update shows a change of the confidential type, reports
        success, and sends no request. Only a replacement changes how the memory is protected.
        """
        sendable = {"labels", "metadata.items", "confidentialInstanceConfig"}
        if others := sorted({*fields} - sendable):
            raise self.not_in_place(others)
        live, body = self.find(identity, state) or {}, self.body(properties)
        labels = {"labels": body["labels"], "labelFingerprint": live.get("labelFingerprint")}
        metadata = live.get("metadata", {}) | body.get("metadata", {"items": []})
        calls = {"labels": ("setLabels", labels), "metadata.items": ("setMetadata", metadata)}
        for method, request in (calls[field] for field in fields if field in calls):
            path, doing = f"{identity}/{method}", f"updating instance ({method})"
            self.send("POST", path, identity, doing, json=request)


def _holds(larger: str, smaller: str) -> bool:
    """Whether one range of addresses contains another; False if one of them is not known."""
    try:
        return ipaddress.IPv4Network(smaller).subnet_of(ipaddress.IPv4Network(larger))
    except ValueError:
        return False
