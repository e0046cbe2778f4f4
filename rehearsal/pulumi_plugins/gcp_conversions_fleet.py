"""Conversions for templates, groups and autoscalers, as in `gcp_conversions`.

They follow https://github.com/hashicorp/terraform-provider-google-beta, which was read, not run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rehearsal.pulumi_plugins import gcp_conversions as convert
from rehearsal.pulumi_plugins.gcp_resource_type import require_sendable

if TYPE_CHECKING:
    from rehearsal.pulumi_plugins.provider import Json

DISK = ("autoDelete", "boot", "interface", "mode", "type")
INITIAL = ("diskSizeGb", "diskType", "sourceImage")


def disks_to_rest(given: list[Json]) -> list[Json]:
    """Disks of a template.

    As in the genuine plugin, a disk without `interface` is a SCSI one, and a disk without
    `diskType` a `pd-standard` one. Google documents that confidential machines need NVMe:
    https://docs.cloud.google.com/confidential-computing/confidential-vm/docs/supported-configurations
    """
    fixed = {"autoDelete": True, "mode": "READ_WRITE", "type": "PERSISTENT", "interface": "SCSI"}
    for each in given:
        require_sendable(each, {*DISK, *INITIAL}, "disks.")
    return [
        fixed
        | {"boot": index == 0}
        | {key: each[key] for key in DISK if key in each}
        | {
            "initializeParams": {"diskType": "pd-standard"}
            | {key: str(each[key]) for key in INITIAL if key in each}
        }
        for index, each in enumerate(given)
    ]


def disks_from_rest(live: list[Json]) -> list[Json]:
    """Disks of a template, with the image's path in place of its link."""
    found = []
    for each in live:
        disk = each | each["initializeParams"]
        if "sourceImage" in disk:
            disk["sourceImage"] = re.sub("^https://.*?/(?=projects/)", "", disk["sourceImage"])
        if "diskSizeGb" in disk:
            disk["diskSizeGb"] = int(disk["diskSizeGb"])
        found.append({key: disk[key] for key in (*DISK, *INITIAL) if key in disk})
    return found


def versions_to_rest(versions: list[Json]) -> list[Json]:
    """Versions of a group; a template with a number is named by that."""
    found = []
    for each in versions:
        require_sendable(each, {"instanceTemplate", "name"}, "versions.")
        path, number = convert.split_unique(each["instanceTemplate"])
        template = f"{path.rpartition('/')[0]}/{number}" if number else path
        found.append(each | {"instanceTemplate": template})
    return found


def versions_from_rest(live: list[Json]) -> list[Json]:
    """Versions of a group."""
    return [
        {key: each[key] for key in ("instanceTemplate", "name") if key in each} for each in live
    ]


POLICY = (
    "minReadySec",
    "minimalAction",
    "mostDisruptiveAllowedAction",
    "replacementMethod",
    "type",
)


def update_policy_to_rest(policy: Json) -> Json:
    """How a group replaces its machines.

    Danger, as in the genuine plugin: a limit that is not set is sent as 0, although the API's
    default is 1.
    """
    body = {"minReadySec": 0} | {key: policy[key] for key in POLICY if policy.get(key)}
    for limit in ("maxSurge", "maxUnavailable"):
        percent = policy.get(f"{limit}Percent")
        fixed = policy.get(f"{limit}Fixed", 0)
        body[limit] = {"percent": percent} if percent else {"fixed": fixed}
    return body


def update_policy_from_rest(live: Json) -> Json:
    """How a group replaces its machines."""
    policy = {key: live[key] for key in POLICY if key in live}
    for limit in ("maxSurge", "maxUnavailable"):
        for unit in ("fixed", "percent"):
            policy[f"{limit}{unit.capitalize()}"] = live.get(limit, {}).get(unit, 0)
    return policy


AUTOSCALING = {
    "minReplicas": "minNumReplicas",
    "maxReplicas": "maxNumReplicas",
    "cooldownPeriod": "coolDownPeriodSec",
    "metrics": "customMetricUtilizations",
    "mode": "mode",
    "scaleInControl": "scaleInControl",
}
METRIC = {
    "name": "metric",
    "filter": "filter",
    "singleInstanceAssignment": "singleInstanceAssignment",
    "target": "utilizationTarget",
    "type": "utilizationTargetType",
}


def autoscaling_to_rest(policy: Json) -> Json:
    """When an autoscaler adds and removes machines."""
    require_sendable(policy, {*AUTOSCALING}, "autoscalingPolicy.")
    body = {AUTOSCALING[key]: value for key, value in policy.items()}
    if "metrics" in policy:
        body[AUTOSCALING["metrics"]] = [
            {METRIC[key]: value for key, value in each.items()} for each in policy["metrics"]
        ]
    return body


def autoscaling_from_rest(live: Json) -> Json:
    """When an autoscaler adds and removes machines."""
    policy = {key: live[rest] for key, rest in AUTOSCALING.items() if rest in live}
    if "metrics" in policy:
        policy["metrics"] = [
            {key: each[rest] for key, rest in METRIC.items() if rest in each}
            for each in policy["metrics"]
        ]
    return policy
