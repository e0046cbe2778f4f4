"""What keeps the model in, one guard at a time, and the world without each of them.

The guards are found in what was deployed: the lines of the condition, the members of every grant,
the launch policy of the image, the checks of the workload. A guard is removed where its owner would
remove it: the condition and the grants in the cloud, a label by another edition of the image, which
Primus then admits, a check in the workload's code.
"""

from __future__ import annotations

import dataclasses
import json
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.attestation.release_policy import AND, read
from infra.launch import ENVIRONMENT
from rehearsal.attacks import workload_checks
from rehearsal.attacks.image_editions import edition, store
from rehearsal.attacks.rest_api import OPERATOR, OWNER, WORKLOAD
from rehearsal.attacks.scenarios.access import READER
from rehearsal.attacks.scenarios.launches import VARIABLES
from rehearsal.cloud.confidential_space import launch_policy
from rehearsal.cloud.confidential_space.launch_policy import LaunchPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rehearsal.attacks.target import World
    from rehearsal.cloud.state import Policy


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One thing that refuses somebody something."""

    kind: str
    name: str
    without: Callable[[World], AbstractContextManager[World]]
    """a world in which only this guard is missing"""


def _changed(change: Callable[[World], None]) -> Callable[[World], AbstractContextManager[World]]:
    def without(told: World) -> AbstractContextManager[World]:
        weaker = told.copy()
        weaker.presented = []  # another condition judges there
        change(weaker)
        return nullcontext(weaker)

    return without


def clauses(told: World) -> tuple[Guard, ...]:
    """Each line of the deployed condition."""
    condition = told.provider.doc["attributeCondition"]
    lines = condition.split(AND)

    def dropping(line: str) -> Callable[[World], None]:
        def change(weaker: World) -> None:
            kept = [each for each in lines if each != line]
            weaker.provider.doc["attributeCondition"] = AND.join(kept)

        return change

    return tuple(
        Guard(kind="clause", name=clause.sentence, without=_changed(dropping(clause.cel)))
        for clause in read(condition)
    )


UNGUARDED = {
    "roles/logging.logWriter": "what is logged leads to no model and no picture",
}
"""Roles whose restriction protects no asset, and why; deployers' roles are not the stacks' own."""

EVERYONE = (OPERATOR, WORKLOAD, OWNER, READER, "user:apprentice@secundus.example")
"""Members that a restriction keeps out, where nobody is simply public."""


def grants(told: World) -> tuple[Guard, ...]:
    """The restriction of each grant that the two stacks made."""
    found = []
    for resource in _resources(told.cloud):
        for binding in _policy(told, resource).bindings:
            for member in binding["members"]:
                role = binding["role"]
                if role in UNGUARDED or member.startswith(("projectOwner:", "projectEditor:")):
                    continue
                if resource[0] == "projects" and member in (OPERATOR, OWNER):
                    continue  # granted by hand before either stack, as README.md says
                found.append(
                    Guard(
                        kind="grant",
                        name=f"{role} on {resource[1]} is for {_short(member)} only",
                        without=_changed(_widened(resource, role, member)),
                    )
                )
    return tuple(found)


Resource = tuple[str, str]
"""A collection of the local cloud's state, and a key in it."""


def _resources(cloud: Any) -> list[Resource]:
    kinds = ("buckets", "service_accounts", "repositories", "projects")
    return [(kind, key) for kind in kinds for key in sorted(getattr(cloud, kind))]


def _policy(told: World, resource: Resource) -> Policy:
    found: Policy = getattr(told.cloud, resource[0])[resource[1]].policy
    return found


def _short(member: str) -> str:
    return member.rpartition("/workloadIdentityPools/")[2] or member


def _widened(resource: Resource, role: str, member: str) -> Callable[[World], None]:
    """The same grant without its restriction: all of the pool, or everybody."""
    pool, attribute, _ = member.partition("/attribute.")
    wider = [f"{pool}/*"] if attribute else ["allAuthenticatedUsers", "allUsers", *EVERYONE]

    def change(weaker: World) -> None:
        _policy(weaker, resource).bindings.append({"role": role, "members": [member, *wider]})

    return change


def preventions(told: World) -> tuple[Guard, ...]:
    """Public access prevention of each bucket."""

    def allowing(bucket: str) -> Callable[[World], None]:
        def change(weaker: World) -> None:
            meta = weaker.cloud.buckets[bucket].meta
            meta["iamConfiguration"]["publicAccessPrevention"] = "inherited"

        return change

    return tuple(
        Guard(
            kind="prevention",
            name=f"public access to {name} is prevented",
            without=_changed(allowing(name)),
        )
        for name, bucket in sorted(told.cloud.buckets.items())
        if bucket.meta["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    )


LOOSE = {
    "env": (launch_policy.ENV_OVERRIDE, ",".join((*ENVIRONMENT, *VARIABLES))),
    "command": (launch_policy.CMD_OVERRIDE, "true"),
    "log_redirect": (launch_policy.LOG_REDIRECT, "always"),
    "hardened_monitoring": (launch_policy.HARDENED_MONITORING, "all"),
    "debug_monitoring": (launch_policy.DEBUG_MONITORING, "all"),
    "mounts": (launch_policy.MOUNT_DESTINATIONS, "/"),
    "capabilities": (launch_policy.CAPABILITIES, "true"),
    "cgroups": (launch_policy.CGROUPS, "true"),
}
"""Everything that a launch policy decides, and the label that would allow it."""


def labels() -> tuple[Guard, ...]:
    """Each thing that the image's launch policy refuses, by a label or by having none."""
    return tuple(
        Guard(
            kind="label",
            name=f"the image's launch policy: {part.name}",
            without=_changed(_relabelled(*LOOSE[part.name])),
        )
        for part in dataclasses.fields(LaunchPolicy)
    )


def _relabelled(label: str, allowing: str) -> Callable[[World], None]:
    def change(weaker: World) -> None:
        image = weaker.published()
        changed = edition(image, Labels=image.config["Labels"] | {label: allowing})
        store(weaker.repository, changed, "loose")
        _admit(weaker, image.digest, changed.digest)

    return change


def _admit(weaker: World, old: str, new: str) -> None:
    """Primus admits another image in the old one's place, and Secundus launches it."""

    def renamed(value: Any) -> Any:
        return json.loads(json.dumps(value).replace(old, new))

    weaker.provider.doc = renamed(weaker.provider.doc)
    weaker.reader.policy.bindings = renamed(weaker.reader.policy.bindings)
    weaker.machine.doc = renamed(weaker.machine.doc)
    weaker.handover = renamed(weaker.handover)
    weaker.claims = renamed(weaker.claims)


def workload() -> tuple[Guard, ...]:
    """Each check of the workload before it loads the model."""

    def without(check: workload_checks.Check) -> Callable[[World], AbstractContextManager[World]]:
        @contextmanager
        def unchecked(told: World) -> Iterator[World]:
            with check.removed():
                yield told

        return unchecked

    return tuple(
        Guard(kind="check", name=check.name, without=without(check))
        for check in workload_checks.guards()
    )


def guards(told: World) -> tuple[Guard, ...]:
    """All of them."""
    return (
        *clauses(told),
        *grants(told),
        *preventions(told),
        *labels(),
        *workload(),
    )
