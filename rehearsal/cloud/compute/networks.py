"""Networks in custom mode, their subnetworks and firewall rules: stored, never enforced.

No packet passes through them. The local cloud checks that the resources that a machine needs exist,
and that no resource is deleted while another one uses it.
"""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import TYPE_CHECKING

from rehearsal.cloud.compute import resources
from rehearsal.cloud.compute.resources import LINK, ROOT, done, invalid
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.rest import Call, Method
from rehearsal.cloud.locations import REGIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearsal.cloud.state import Json


def referenced(call: Call, field: str, reference: str) -> Json:
    """An existing network or subnetwork; ApiError 400 if there is none."""
    try:
        return call.cloud.networking[resources.relative(call, reference)]
    except KeyError:
        what = field.rpartition(".")[2]
        why = f"The referenced {what} resource cannot be found."
        raise invalid(field, reference, why) from None


def _network(call: Call) -> Json:
    if call.body.get("autoCreateSubnetworks") is not False:
        raise ApiError(400, "Networks in auto mode are not modelled: autoCreateSubnetworks = false")
    return {"routingConfig": {"routingMode": "REGIONAL"}, **call.body}


def _subnetwork(call: Call) -> Json:
    region, addresses = call.path["region"], call.body.get("ipCidrRange", "")
    network = referenced(call, "resource.network", call.body.get("network", ""))
    if region not in REGIONS:
        raise invalid("region", region, "Unknown region.")
    try:
        gateway = ipaddress.IPv4Network(addresses)[1]
    except (ValueError, IndexError) as error:
        raise invalid("resource.ipCidrRange", addresses, str(error)) from error
    fixed = {"network": network["selfLink"], "gatewayAddress": str(gateway)}
    fixed["region"] = f"{LINK}projects/{call.project.id}/regions/{region}"
    return {"privateIpGoogleAccess": False, "stackType": "IPV4_ONLY", **call.body, **fixed}


def _expand(call: Call) -> Json:
    """Enlarge the range of a subnetwork; ApiError 400 for one that does not contain the old one.

    https://docs.cloud.google.com/compute/docs/reference/rest/beta/subnetworks/expandIpCidrRange
    """
    subnetwork, addresses = _find(call), call.body.get("ipCidrRange", "")
    try:
        larger = ipaddress.IPv4Network(addresses)
    except ValueError as error:
        raise invalid("ipCidrRange", addresses, str(error)) from error
    if not ipaddress.IPv4Network(subnetwork["ipCidrRange"]).subnet_of(larger):
        why = f"It must contain the present range, {subnetwork['ipCidrRange']}."
        raise invalid("ipCidrRange", addresses, why)
    subnetwork["ipCidrRange"] = addresses
    return done(call, "expandIpCidrRange", subnetwork)


def _firewall(call: Call) -> Json:
    network = referenced(call, "resource.network", call.body.get("network", ""))
    defaults = {"direction": "INGRESS", "priority": 1000, "disabled": False}
    return {**defaults, **call.body, "network": network["selfLink"]}


def _find(call: Call) -> Json:
    try:
        return call.cloud.networking[call.resource]
    except KeyError:
        raise resources.missing(call.resource) from None


def _get_network(call: Call) -> Json:
    """A network with the links of its subnetworks."""
    network = _find(call)
    links = [
        each["selfLink"]
        for key, each in call.cloud.networking.items()
        if "/subnetworks/" in key and each["network"] == network["selfLink"]
    ]
    return {**network, "subnetworks": links} if links else network


def _insert(complete: Callable[[Call], Json], call: Call) -> Json:
    key, fixed = resources.new(call, call.cloud.networking)
    call.cloud.networking[key] = complete(call) | fixed
    return done(call, "insert", fixed)


def _users(call: Call, link: str) -> Iterator[str]:
    """The resources that use a network or subnetwork."""
    yield from (k for k, r in call.cloud.networking.items() if r.get("network") == link)
    for key, instance in call.cloud.instances.items():
        if any(link in interface.values() for interface in instance.doc["networkInterfaces"]):
            yield key


def _delete(kind: str, call: Call) -> Json:
    resource = _find(call)
    if user := next(_users(call, resource["selfLink"]), None):
        raise resources.in_use(kind, call.resource, user)
    del call.cloud.networking[call.resource]
    return done(call, "delete", resource)


def _methods(
    kind: str, scope: str, complete: Callable[[Call], Json], also: str = ""
) -> Iterator[Method]:
    """The methods of one collection; `also` is one more permission for changes."""
    collection, permission = f"{ROOT}/{scope}/{kind}s", f"compute.{kind}s."
    item = f"{collection}/{{name}}"
    yield Method("POST", collection, f"{permission}create {also}", partial(_insert, complete))
    yield Method("GET", item, f"{permission}get", _get_network if kind == "network" else _find)
    yield Method("DELETE", item, f"{permission}delete {also}", partial(_delete, kind))


METHODS = (
    *_methods("network", "global", _network),
    *_methods("subnetwork", "regions/{region}", _subnetwork),
    Method(
        "POST",
        f"{ROOT}/regions/{{region}}/subnetworks/{{name}}",
        "compute.subnetworks.expandIpCidrRange",
        _expand,
        "/expandIpCidrRange",
    ),
    *_methods("firewall", "global", _firewall, "compute.networks.updatePolicy"),
)
