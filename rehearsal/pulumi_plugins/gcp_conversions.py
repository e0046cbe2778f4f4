"""Conversions of values between the gcp package's form and the REST APIs' form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_plugins.gcp_resource_type import require_sendable

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.pulumi_plugins.provider import Json


SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def last(link: str) -> str:
    """The name at the end of a link."""
    return link.rpartition("/")[2]


def retention(number: Callable[[Any], Any]) -> Callable[[Json], Json]:
    """A soft delete policy; the number of seconds is a string in REST."""
    key = "retentionDurationSeconds"
    return lambda policy: {key: number(policy[key])} if key in policy else {}


def lifecycle_to_rest(rules: list[Json]) -> list[Json]:
    """Lifecycle rules of a bucket, in the names of the JSON API."""
    return [{**rule, "condition": _renamed(rule["condition"], _LIFECYCLE)} for rule in rules]


def lifecycle_from_rest(rules: list[Json]) -> list[Json]:
    """Lifecycle rules of a bucket, in the names of the gcp package."""
    back = {new: old for old, new in _LIFECYCLE.items()}
    return [{**rule, "condition": _renamed(rule["condition"], back)} for rule in rules]


_LIFECYCLE = {"matchesPrefixes": "matchesPrefix", "withState": "isLive"}


def _renamed(condition: Json, names: dict[str, str]) -> Json:
    """ARCHIVED is what is not live."""
    values = {"ARCHIVED": False, False: "ARCHIVED"}
    return {
        names.get(key, key): values[value] if key in ("withState", "isLive") else value
        for key, value in condition.items()
    }


def protocols(old: str, new: str) -> Callable[[list[Json]], list[Json]]:
    """The protocols and ports of a firewall rule, with the protocol's key renamed to `new`."""
    return lambda rules: [{new if k == old else k: v for k, v in r.items()} for r in rules]


def account(properties: Json) -> list[Json]:
    """The account of a machine, with the scopes in full."""
    return [{**properties, "scopes": [scope(each) for each in properties["scopes"]]}]


def scope(name: str) -> str:
    """The full URL of the one scope that the stacks use; any other scope unchanged."""
    return SCOPE if name == "cloud-platform" else name


def items(metadata: Json) -> list[Json]:
    """Metadata as the list that Compute Engine takes."""
    return [{"key": key, "value": value} for key, value in sorted(metadata.items())]


def interfaces(live: list[Json]) -> list[Json]:
    """A machine's network interfaces, with the project that the subnetwork's link names."""
    return [
        {key: each[key] for key in ("network", "subnetwork", "accessConfigs") if key in each}
        | {"subnetworkProject": project_of(each.get("subnetwork", ""))}
        for each in live
    ]


def project_of(subnetwork: str) -> str:
    """The project in a link to a subnetwork; empty if it is a name only."""
    found = re.search("projects/([^/]+)/regions/", subnetwork)
    return found[1] if found else ""


def mapping(metadata: list[Json]) -> Json:
    """Metadata as an object, from Compute Engine's list."""
    return {each["key"]: each.get("value", "") for each in metadata}


def interfaces_to_rest(given: list[Json]) -> list[Json]:
    """Network interfaces to send; their project is in the subnetwork's link."""
    keys = {"network", "subnetwork", "subnetworkProject"}
    return [
        {key: value for key, value in each.items() if key != "subnetworkProject"}
        for each in (require_sendable(each, keys, "networkInterfaces.") for each in given)
    ]


def split_unique(link: str) -> tuple[str, str]:
    """A link, and the number of the one template of its name that it means; empty without one."""
    path, _, number = link.partition("?uniqueId=")
    return path, number


def expiration_to_rest(policy: Json) -> Json:
    """When a subscription without subscribers expires: an empty policy means never."""
    return {key: value for key, value in policy.items() if value}


def expiration_from_rest(live: Json) -> Json:
    """When a subscription without subscribers expires."""
    return {"ttl": live.get("ttl", "")}
