"""Values that the gcp package writes otherwise than the REST APIs do, each way.

A key that this stand-in does not carry over is refused, never dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.plugins.gcp_kind import only

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.plugins.provider import Json

SCOPES = "https://www.googleapis.com/auth/"
_PORTS = {"protocol": "IPProtocol", "ports": "ports"}
_INITIAL = {"image": "sourceImage", "size": "diskSizeGb", "type": "diskType"}
_INTERFACE = {
    **{key: key for key in ("name", "network", "subnetwork", "nicType", "stackType")},
    "networkIp": "networkIP",
    "accessConfigs": "accessConfigs",
}
_ACCESS = {"natIp": "natIP", "networkTier": "networkTier"}


def last(link: str) -> str:
    """The name at the end of a link: a machine type, a zone."""
    return link.rpartition("/")[2]


def _renamed(value: Json, names: dict[str, str], where: str) -> Json:
    return {names[key]: each for key, each in only(value, " ".join(names), where).items()}


def _back(value: Json, names: dict[str, str]) -> Json:
    return {key: value[rest] for key, rest in names.items() if rest in value}


def retention(number: Callable[[Any], Any], policy: Json) -> Json:
    """A soft delete policy; the number of seconds is a string in REST."""
    key = "retentionDurationSeconds"
    return {key: number(policy[key])} if key in policy else {}


def protocols(rules: list[Json]) -> list[Json]:
    """What a firewall rule applies to."""
    return [_renamed(rule, _PORTS, "allows.") for rule in rules]


def protocol_rules(rules: list[Json]) -> list[Json]:
    """The other way."""
    return [_back(rule, _PORTS) for rule in rules]


def boot_disk(disk: Json) -> list[Json]:
    """A machine's only disk, made from an image."""
    only(disk, "autoDelete deviceName mode initializeParams", "bootDisk.")
    wanted = _renamed(disk.get("initializeParams", {}), _INITIAL, "bootDisk.initializeParams.")
    if "diskSizeGb" in wanted:
        wanted["diskSizeGb"] = str(wanted["diskSizeGb"])
    fixed = {"boot": True, "autoDelete": True, "mode": "READ_WRITE"}
    return [{**fixed, **disk, "initializeParams": wanted}]


def interfaces(wanted: list[Json]) -> list[Json]:
    """A machine's network interfaces; each access config is an external address."""
    found = [_renamed(each, _INTERFACE, "networkInterfaces.") for each in wanted]
    for each in found:
        each["accessConfigs"] = [
            {"type": "ONE_TO_ONE_NAT"} | _renamed(c, _ACCESS, "networkInterfaces.accessConfigs.")
            for c in each.get("accessConfigs", [])
        ]
    return found


def interface_arguments(live: list[Json]) -> list[Json]:
    """The other way."""
    return [
        _back(each, _INTERFACE)
        | {"accessConfigs": [_back(c, _ACCESS) for c in each.get("accessConfigs", [])]}
        for each in live
    ]


def accounts(account: Json) -> list[Json]:
    """The account that a machine runs as, with its scopes' short names written out."""
    only(account, "email scopes", "serviceAccount.")
    scopes = [s if s.startswith("https://") else SCOPES + s for s in account["scopes"]]
    return [{"email": account.get("email", "default"), "scopes": scopes}]


def items(metadata: Json) -> list[Json]:
    """Metadata as the list that Compute Engine takes."""
    return [{"key": key, "value": value} for key, value in sorted(metadata.items())]


def items_map(metadata: list[Json]) -> Json:
    """The other way."""
    return {each["key"]: each.get("value", "") for each in metadata}
