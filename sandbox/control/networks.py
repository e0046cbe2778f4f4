"""Networks in custom mode, their subnetworks and firewall rules: kept and linked, never enforced.

No packet passes through them: the local cloud checks that what a machine needs exists, and that
nothing goes while it is used.
"""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sandbox.control.resources import LINK, ROOT, done, fingerprint, invalid, missing, new, relative
from sandbox.control.rest import Call, Method
from sandbox.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.state import Json

REGIONS: dict[str, str] = {
    "asia-northeast1": "abc",
    "asia-south1": "abc",
    "asia-southeast1": "abc",
    "europe-west1": "bcd",
    "europe-west3": "abc",
    "europe-west4": "abc",
    "europe-west9": "abc",
    "us-central1": "abcf",
    "us-east1": "bcd",
    "us-east4": "abc",
    "us-east5": "abc",
    "us-west1": "abc",
}
"""Region -> the letters of its zones: where Google has Confidential Space, and some around them.
https://docs.cloud.google.com/compute/docs/regions-zones"""


def referenced(call: Call, field: str, reference: str) -> Json:
    """An existing network or subnetwork; ApiError 400 if there is none."""
    try:
        return call.cloud.networking[relative(call, reference)]
    except KeyError:
        what = field.rpartition(".")[2]
        why = f"The referenced {what} resource cannot be found."
        raise invalid(f"resource.{field}", reference, why) from None


def _network(call: Call) -> Json:
    if call.body.get("autoCreateSubnetworks") is not False:
        raise ApiError(400, "Networks in auto mode are not modelled: autoCreateSubnetworks = false")
    return {"routingConfig": {"routingMode": "REGIONAL"}, **call.body}


def _subnetwork(call: Call) -> Json:
    region, addresses = call.path["region"], call.body.get("ipCidrRange", "")
    network = referenced(call, "network", call.body.get("network", ""))
    if region not in REGIONS:
        raise invalid("region", region, "Unknown region.")
    try:
        gateway = ipaddress.IPv4Network(addresses)[1]
    except (ValueError, IndexError) as error:
        raise invalid("resource.ipCidrRange", addresses, str(error)) from error
    fixed = {"network": network["selfLink"], "gatewayAddress": str(gateway)}
    fixed["region"] = f"{LINK}projects/{call.project.id}/regions/{region}"
    return {"privateIpGoogleAccess": False, "stackType": "IPV4_ONLY", **call.body, **fixed}


def _firewall(call: Call) -> Json:
    network = referenced(call, "network", call.body.get("network", ""))
    defaults = {"direction": "INGRESS", "priority": 1000, "disabled": False}
    return {**defaults, **call.body, "network": network["selfLink"]}


def _render(resource: Json) -> Json:
    return {**resource, "fingerprint": fingerprint(resource)}


def _find(call: Call) -> Json:
    try:
        return call.cloud.networking[call.resource]
    except KeyError:
        raise missing(call.resource) from None


def _insert(kind: str, complete: Callable[[Call], Json], call: Call) -> Json:
    key, fixed = new(call, kind, call.cloud.networking.__contains__)
    call.cloud.networking[key] = complete(call) | fixed
    return done(call, "insert", fixed)


def _list(kind: str, call: Call) -> Json:
    found = [r for k, r in call.cloud.networking.items() if k.rpartition("/")[0] == call.resource]
    return {"kind": f"compute#{kind}List", "items": [_render(r) for r in found]}


def _get(call: Call) -> Json:
    return _render(_find(call))


def _patch(call: Call) -> Json:
    resource, body = _find(call), dict(call.body)
    if body.pop("fingerprint", None) not in (None, fingerprint(resource)):
        raise ApiError(412, "Supplied fingerprint does not match current fingerprint.")
    resource |= {k: v for k, v in body.items() if k not in ("id", "name", "network", "selfLink")}
    return done(call, "patch", resource)


def _users(call: Call, link: str) -> Iterator[str]:
    """What would be left without its network or subnetwork."""
    yield from (k for k, r in call.cloud.networking.items() if r.get("network") == link)
    for key, instance in call.cloud.instances.items():
        if any(link in interface.values() for interface in instance.doc["networkInterfaces"]):
            yield key


def _delete(kind: str, call: Call) -> Json:
    resource = _find(call)
    for user in _users(call, resource["selfLink"]):
        raise ApiError(
            400,
            f"The {kind} resource '{call.resource}' is already being used by '{user}'",
            reason="resourceInUseByAnotherResource",
            status="RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
        )
    del call.cloud.networking[call.resource]
    return done(call, "delete", resource)


class _Table(NamedTuple):
    kind: str
    scope: str
    complete: Callable[[Call], Json]
    also: str = ""
    """a further permission that a change needs"""

    def methods(self) -> Iterator[Method]:
        """The methods of one collection."""
        collection, permission = f"{ROOT}/{self.scope}/{self.kind}s", f"compute.{self.kind}s."
        item, kind = f"{collection}/{{name}}", self.kind
        insert = partial(_insert, kind, self.complete)
        yield Method("POST", collection, f"{permission}create {self.also}", insert)
        yield Method("GET", collection, f"{permission}list", partial(_list, kind))
        yield Method("GET", item, f"{permission}get", _get)
        yield Method("PATCH", item, f"{permission}update {self.also}", _patch)
        yield Method("DELETE", item, f"{permission}delete {self.also}", partial(_delete, kind))
        if kind == "subnetwork":
            action = "setPrivateIpGoogleAccess"
            yield Method("POST", item, permission + action, _patch, f"/{action}")


METHODS = (
    *_Table("network", "global", _network).methods(),
    *_Table("subnetwork", "regions/{region}", _subnetwork).methods(),
    *_Table("firewall", "global", _firewall, "compute.networks.updatePolicy").methods(),
)
