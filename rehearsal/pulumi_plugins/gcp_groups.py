"""Templates, groups of machines, and autoscalers: what the genuine plugin does beyond the tables.

https://github.com/hashicorp/terraform-provider-google-beta/tree/main/google-beta/services/compute
"""

from __future__ import annotations

import itertools
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rehearsal.pulumi_plugins.gcp_resource import GcpResource

if TYPE_CHECKING:
    from rehearsal.pulumi_plugins.provider import Json

LONG_PREFIX: Final = 37
"""Characters; a longer prefix leaves no room for the 26 that make a name unique."""

EVERY_MACHINE: Final = "resource.type = gce_instance"
DEFAULTS: Final = {"cooldownPeriod": 60, "mode": "ON"}
_COUNT: Final = itertools.count(1)


class InstanceTemplate(GcpResource):
    """A template with a new name each time, so that its replacement can be created before it goes.

    https://docs.cloud.google.com/compute/docs/reference/rest/beta/instanceTemplates
    """

    def insert(self, properties: Json) -> str:
        """POST with a unique name."""
        collection = self.type.collection.path.format_map(properties)
        name = unique_name(properties["namePrefix"])
        identity, body = f"{collection}/{name}", {"name": name, **self.body(properties)}
        self.send("POST", collection, identity, f"creating {self.title}", json=body)
        return identity

    def outputs(self, live: Json, properties: Json) -> Json:
        """With the link that means this template, and no later one of its name."""
        found = super().outputs(live, properties)
        return found | {"selfLinkUnique": f"{live['selfLink']}?uniqueId={live['id']}"}


class InstanceGroupManager(GcpResource):
    """A group of equal machines in one zone.

    https://docs.cloud.google.com/compute/docs/reference/rest/beta/instanceGroupManagers
    """

    def body(self, properties: Json) -> Json:
        """The REST resource, without machines: an autoscaler decides how many the group gets."""
        return super().body(properties) | {"targetSize": 0}

    def patch(self, identity: str, state: Json, properties: Json, fields: list[str]) -> None:
        """PATCH with what changed.

        Danger, as in the genuine plugin: the fingerprint is the state's. A group that somebody
        changed since the last `up` or refresh is refused with 412.
        """
        resource = self.body(properties)
        body = {"fingerprint": state["fingerprint"]} | {key: resource.get(key) for key in fields}
        self.send("PATCH", identity, identity, f"updating {self.title}", json=body)


class Autoscaler(GcpResource):
    """How many machines a group has.

    https://docs.cloud.google.com/compute/docs/reference/rest/beta/autoscalers
    """

    def check(self, name: str, news: Json) -> tuple[Json, list[str]]:
        """Also fill in the defaults of the policy, as the genuine plugin does here."""
        inputs, failures = super().check(name, news)
        policy = inputs.get("autoscalingPolicy")
        if failures or not isinstance(policy, dict):
            return inputs, failures
        policy = {**DEFAULTS, **policy}
        if isinstance(policy.get("metrics"), list):
            policy["metrics"] = [{"filter": EVERY_MACHINE, **each} for each in policy["metrics"]]
        return inputs | {"autoscalingPolicy": policy}, failures

    def patch(self, identity: str, state: Json, properties: Json, fields: list[str]) -> None:
        """PUT of the whole resource."""
        del state, fields
        path, _, name = identity.rpartition("/")
        doing, params = f"updating {self.title}", {"autoscaler": name}
        self.send("PUT", path, identity, doing, json=self.body(properties), params=params)


def unique_name(prefix: str) -> str:
    """A name that no template has had: the time to 0.1 ms and a counter, or nine random digits."""
    if len(prefix) > LONG_PREFIX:
        return prefix + secrets.token_hex(5)[:9]
    moment = datetime.now(UTC)
    return f"{prefix}{moment:%Y%m%d%H%M%S}{moment.microsecond // 100:04d}{next(_COUNT):08x}"
