"""What must hold for a repository, a network or a subnetwork that others have made."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from infra import naming
from infra.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.problems import Problem
    from infra.existing.found import Found


def repository_problems(found: Found) -> Iterator[Problem]:
    """An image can be pushed to it. Who else pushes does not matter: images are pinned."""
    for key, expected in (("format", "DOCKER"), ("mode", "STANDARD_REPOSITORY")):
        got = found.answer.get(key) or expected
        if got != expected:
            yield found.problem(
                got=f"a repository of {key} {got}",
                expected=f"{key} {expected}",
                consequence="no image could be pushed to it",
                fix=found.rename(),
            )
    yield from _replaced(found, "kmsKeyName", "")


def network_problems(found: Found) -> Iterator[Problem]:
    """Nothing of a network that is only used is unsafe: the rule against ingress is the stack's."""
    resource = found.resource
    if not resource.adopted:
        return
    yield from _replaced(found, "description", "")
    links = found.answer.get("subnetworksSelfLinks") or []
    others = [link for link in links if not link.endswith(f"/subnetworks/{resource.subnetwork}")]
    if others:
        yield found.problem(
            got=f"a network with {counted(len(others), 'other subnetwork')}",
            expected=f"one without any but {resource.subnetwork}",
            consequence="from the next `up` on, the rule that refuses all ingress would hold for"
            " the machines of others",
            fix=found.only_use(),
        )


def subnetwork_problems(found: Found) -> Iterator[Problem]:
    """The machine reaches Google's APIs in it, and the firewall rule holds for the machine."""
    resource, link = found.resource, str(found.answer.get("network", ""))
    network = link.partition("/projects/")[2] or link
    if network != f"{found.project}/global/networks/{resource.network}":
        yield found.problem(
            got=f"a subnetwork of the network {network}",
            expected=f"a subnetwork of {found.project}/global/networks/{resource.network}",
            consequence="the rule that refuses all ingress would not hold for the machine",
            fix=found.set("names.network", network.rpartition("/")[2]),
        )
    if found.answer.get("privateIpGoogleAccess") is not True:
        yield found.problem(
            got="a subnetwork without Private Google Access",
            expected="Private Google Access",
            consequence="the machine has no external address: it could not pull its image, and"
            " would hang",
            fix=f"gcloud compute networks subnets update {resource.name} --region"
            f" {resource.location} --project {found.project} --enable-private-ip-google-access",
        )
    yield from _crowded(found, str(found.answer.get("ipCidrRange", "")))
    yield from _replaced(found, "ipCidrRange", resource.addresses)
    yield from _replaced(found, "description", "")


def _crowded(found: Found, addresses: str) -> Iterator[Problem]:
    """A subnetwork of others with fewer addresses than a fleet may have machines."""
    resource = found.resource
    room = ip_network(addresses).num_addresses - naming.RESERVED if addresses else 0
    if not resource.adopted and room < resource.machines:
        yield found.problem(
            got=f"a subnetwork of {addresses or 'no addresses'}: room for {max(room, 0)} machines",
            expected=f"room for {resource.machines}, which is fleet.mostMachines",
            consequence="Google would make no more machines than that, and say so in no update",
            fix=found.set("fleet.mostMachines", str(max(room, 1))),
        )


def _replaced(found: Found, property_: str, declared: str) -> Iterator[Problem]:
    """A property with which an adopted resource would be deleted and created anew."""
    got = found.answer.get(property_) or ""
    if found.resource.adopted and got != declared:
        yield found.problem(
            got=f"{found.resource.called} with {property_} {got!r}",
            expected=f"{declared!r}, as this stack creates it" if declared else "none",
            consequence="this stack could not adopt it without deleting it first",
            fix=found.only_use(),
        )
