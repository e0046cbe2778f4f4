"""The groups of a fleet against what the stack deployed: template, limits, and each machine.

A template cannot be changed. But a group can be given another one, or values that override it, and
each machine's metadata can be changed by hand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ops.audit.finding import Finding, Kind, difference, not_read
from ops.audit.machine import COMPUTE, changed_metadata
from ops.google_api import NOT_FOUND, ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ops.google_api import GoogleApi, Json
    from ops.stack_state import Deployed


_ENDS: Final = ("ABANDONING", "DELETING", "RECREATING")
"""What a group does with a machine that it will not have:
https://docs.cloud.google.com/compute/docs/instance-groups/getting-info-about-migs#current_actions"""

ADDED: Final = ("created-by", "instance-template")
"""Metadata that Google gives to the machines of a group:
https://docs.cloud.google.com/compute/docs/instance-groups/getting-info-about-migs"""


def fleets(api: GoogleApi, resources: Iterable[Deployed], project: str) -> Iterator[Finding]:
    """Each group makes the stack's machines, and no more than the stack allows."""
    resources = tuple(resources)
    metadata = {
        _short(each.id): each.properties.get("metadata") or {}
        for each in resources
        if each.type.endswith("compute/instanceTemplate:InstanceTemplate")
    }
    judges: Mapping[str, Callable[[GoogleApi, Deployed, Json], Iterator[Finding]]] = {
        "compute/autoscaler:Autoscaler": lambda _api, each, found: _limit(each, found),
        "compute/instanceGroupManager:InstanceGroupManager": lambda api, each, found: _group(
            api, each, found, metadata
        ),
    }
    for each in resources:
        judge = judges.get(each.type.removeprefix("gcp:"))
        if judge is None:
            continue
        try:
            yield from judge(api, each, api.get(f"{COMPUTE}/{each.id}"))
        except ApiError as error:
            if error.status == NOT_FOUND:
                yield difference(f"the {_called(each)} is gone", "nothing works on what waits")
            else:
                yield not_read(f"the {_called(each)}", error, project)


def _called(each: Deployed) -> str:
    """Kind, name and zone of a group or an autoscaler."""
    zone, kind, name = each.id.split("/")[-3:]
    return f"{'group' if kind == 'instanceGroupManagers' else 'autoscaler'} {name} in {zone}"


def _short(reference: object) -> str:
    return str(reference).rpartition("/")[2].partition("?")[0]


def _group(
    api: GoogleApi, each: Deployed, found: Json, metadata: Mapping[str, Mapping[str, str]]
) -> Iterator[Finding]:
    own = {_short(version["instanceTemplate"]) for version in each.properties["versions"]}
    versions = found.get("versions") or [found]
    now = {_short(version.get("instanceTemplate")) for version in versions}
    if now != own:
        yield difference(
            f"the {_called(each)} makes machines from {', '.join(sorted(now))}, deployed was"
            f" {', '.join(sorted(own))}",
            "what new machines launch, which the condition judges then",
        )
    if found.get("allInstancesConfig"):
        yield difference(
            f"the {_called(each)} has values that override its template (allInstancesConfig)",
            "what new machines launch, which the condition judges then",
        )
    deployed = {key: value for name in own for key, value in metadata.get(name, {}).items()}
    answer = api.post(f"{COMPUTE}/{each.id}/listManagedInstances", {})
    # All of the zone by one list: a fleet can have a thousand.
    url = f"{COMPUTE}/{each.id.partition('/instanceGroupManagers/')[0]}/instances"
    machines = {str(machine["name"]): machine for machine in api.pages(url, "items")}
    for managed in answer.get("managedInstances", ()):
        name, action = _short(managed.get("instance", "")), managed.get("currentAction")
        template = (managed.get("version") or {}).get("instanceTemplate")
        if action in _ENDS or (template is not None and _short(template) not in own):
            yield Finding(
                kind=Kind.PENDING,
                what=f"the machine {name} of the {_called(each)} is not yet replaced, so its"
                f" metadata was not compared (template {_short(template)}, action {action})",
            )
        elif name in machines:  # a group replaces its machines at any time
            yield from _machine(each, name, machines[name], deployed)


def _machine(
    group: Deployed, machine: str, found: Json, deployed: Mapping[str, str]
) -> Iterator[Finding]:
    changed = [key for key in changed_metadata(found, deployed) if key not in ADDED]
    if changed:
        _, project, _, zone, _, name = group.id.split("/")
        yield difference(
            f"metadata of the machine {machine} was changed by hand: {', '.join(changed)}",
            "what it launches at its next start, which the condition judges then",
            f"gcloud compute instance-groups managed recreate-instances {name} --zone {zone}"
            f" --project {project} --instances {machine}",
        )


def _limit(each: Deployed, found: Json) -> Iterator[Finding]:
    limits: dict[str, Any] = each.properties["autoscalingPolicy"]
    now = found.get("autoscalingPolicy") or {}
    for key, deployed, means in (
        ("maxNumReplicas", limits["maxReplicas"], "how much the fleet can cost in an hour"),
        ("minNumReplicas", limits["minReplicas"], "how much the fleet costs without any work"),
    ):
        if int(now.get(key) or 0) != int(deployed):
            yield difference(
                f"{key} of the {_called(each)} was changed by hand: got {now.get(key)}, deployed"
                f" was {int(deployed)}",
                means,
            )
