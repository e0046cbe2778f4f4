"""Every guard of the model, and the target without each of them.

The guards are read from the deployed state: the clauses of the condition, the members of every
grant, the launch policy of the image; and from the code: the checks of the workload. A guard is
removed where its owner would remove it: a clause or a grant in the cloud, a label by another image,
which Primus then admits, a check in the workload's code.
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
from rehearsal.attacks.deployment import FORMER
from rehearsal.attacks.image_editions import edition, store
from rehearsal.attacks.rest_api import OPERATOR, OWNER, WORKLOAD
from rehearsal.attacks.scenarios.access import READER
from rehearsal.attacks.scenarios.launches import VARIABLES
from rehearsal.cloud.confidential_space import launch_policy
from rehearsal.cloud.confidential_space.launch_policy import LaunchPolicy
from workload import storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rehearsal.attacks.deployment import Target
    from rehearsal.cloud.state import Policy


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One thing that refuses somebody."""

    kind: str
    name: str
    without: Callable[[Target], AbstractContextManager[Target]]
    """gives the target without this guard alone"""


def _changed(
    change: Callable[[Target], None],
) -> Callable[[Target], AbstractContextManager[Target]]:
    def without(target: Target) -> AbstractContextManager[Target]:
        weaker = target.copy()
        weaker.presented = []  # another condition judges this one
        change(weaker)
        return nullcontext(weaker)

    return without


def clauses(target: Target) -> tuple[Guard, ...]:
    """Each clause of the deployed condition."""
    condition = target.provider.doc["attributeCondition"]
    lines = condition.split(AND)

    def dropping(line: str) -> Callable[[Target], None]:
        def change(weaker: Target) -> None:
            kept = [each for each in lines if each != line]
            weaker.provider.doc["attributeCondition"] = AND.join(kept)

        return change

    return tuple(
        Guard(kind="clause", name=clause.sentence, without=_changed(dropping(clause.cel)))
        for clause in read(condition)
    )


def models(target: Target) -> tuple[Guard, ...]:
    """The condition of each grant that is for one model."""

    def unconditional(bucket: str, place: int) -> Callable[[Target], None]:
        def change(weaker: Target) -> None:
            del weaker.cloud.buckets[bucket].policy.bindings[place]["condition"]

        return change

    return tuple(
        Guard(
            kind="grant",
            name=f"{binding['members'][0]} reads but {binding['condition']['title']} of {name}",
            without=_changed(unconditional(name, place)),
        )
        for name, bucket in sorted(target.cloud.buckets.items())
        for place, binding in enumerate(bucket.policy.bindings)
        if "condition" in binding
    )


def stops(target: Target) -> tuple[Guard, ...]:
    """What an operator lacks that was stopped."""
    handover = target.handovers[FORMER]

    def enabled(weaker: Target) -> None:
        del weaker.provider_of(handover).doc["disabled"]

    def reader_enabled(weaker: Target) -> None:
        weaker.reader_of(handover).disabled = False

    return (
        Guard(kind="stop", name="its provider is disabled", without=_changed(enabled)),
        Guard(kind="stop", name="its reader is disabled", without=_changed(reader_enabled)),
    )


UNGUARDED = {
    "roles/logging.logWriter": "what is logged leads to no model and no picture",
}
"""Roles whose restriction protects no asset, and why; the stacks do not grant deployers' roles."""

EVERYONE = (OPERATOR, WORKLOAD, OWNER, READER, "user:apprentice@secundus.example")
"""Members without the grant, whom its removal lets in where the public has no access."""


def grants(target: Target) -> tuple[Guard, ...]:
    """The restriction of each grant of the two stacks."""
    found = []
    for resource in _resources(target.cloud):
        for binding in _policy(target, resource).bindings:
            for member in binding["members"]:
                role = binding["role"]
                if role in UNGUARDED or member.startswith(("projectOwner:", "projectEditor:")):
                    continue
                if resource[0] == "projects" and member in (OPERATOR, OWNER):
                    continue  # by hand before either stack, as docs/first-deployment.md says
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
    kinds = (
        *("buckets", "service_accounts", "repositories", "projects"),
        *("topics", "subscriptions"),
    )
    return [(kind, key) for kind in kinds for key in sorted(getattr(cloud, kind))]


def _policy(target: Target, resource: Resource) -> Policy:
    found: Policy = getattr(target.cloud, resource[0])[resource[1]].policy
    return found


def _short(member: str) -> str:
    return member.rpartition("/workloadIdentityPools/")[2] or member


def _widened(resource: Resource, role: str, member: str) -> Callable[[Target], None]:
    """The same grant for the whole pool, or for everybody."""
    pool, attribute, _ = member.partition("/attribute.")
    wider = [f"{pool}/*"] if attribute else ["allAuthenticatedUsers", "allUsers", *EVERYONE]

    def change(weaker: Target) -> None:
        _policy(weaker, resource).bindings.append({"role": role, "members": [member, *wider]})

    return change


def preventions(target: Target) -> tuple[Guard, ...]:
    """Public access prevention of each bucket."""

    def allowing(bucket: str) -> Callable[[Target], None]:
        def change(weaker: Target) -> None:
            meta = weaker.cloud.buckets[bucket].meta
            meta["iamConfiguration"]["publicAccessPrevention"] = "inherited"

        return change

    return tuple(
        Guard(
            kind="prevention",
            name=f"public access to {name} is prevented",
            without=_changed(allowing(name)),
        )
        for name, bucket in sorted(target.cloud.buckets.items())
        if bucket.meta["iamConfiguration"]["publicAccessPrevention"] == "enforced"
    )


def preconditions() -> tuple[Guard, ...]:
    """Why records that are there cannot be written again."""

    @contextmanager
    def without(target: Target) -> Iterator[Target]:
        kept = storage.Bucket.create

        def overwrite(
            self: storage.Bucket,
            name: str,
            content: Path,
            content_type: str,
            metadata: Mapping[str, str] | None = None,
        ) -> bool:
            del metadata
            self.write(name, content, content_type)
            return True

        storage.Bucket.create = overwrite  # type: ignore[method-assign]  # for a while
        try:
            yield target
        finally:
            storage.Bucket.create = kept  # type: ignore[method-assign]

    name = "a worker of a fleet creates records, and never overwrites them"
    return (Guard(kind="precondition", name=name, without=without),)


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
"""Each decision of a launch policy, and the label that allows it."""


def labels() -> tuple[Guard, ...]:
    """Each decision of the image's launch policy, by a label or by its absence."""
    return tuple(
        Guard(
            kind="label",
            name=f"the image's launch policy: {part.name}",
            without=_changed(_relabelled(*LOOSE[part.name])),
        )
        for part in dataclasses.fields(LaunchPolicy)
    )


def _relabelled(label: str, allowing: str) -> Callable[[Target], None]:
    def change(weaker: Target) -> None:
        image = weaker.published()
        changed = edition(image, Labels=image.config["Labels"] | {label: allowing})
        store(weaker.repository, changed, "loose")
        _admit(weaker, image.digest, changed.digest)

    return change


def _admit(weaker: Target, old: str, new: str) -> None:
    """Primus admits another image instead, and Secundus launches it."""

    def renamed(value: Any) -> Any:
        return json.loads(json.dumps(value).replace(old, new))

    weaker.provider.doc = renamed(weaker.provider.doc)
    weaker.reader.policy.bindings = renamed(weaker.reader.policy.bindings)
    weaker.machine.doc = renamed(weaker.machine.doc)
    weaker.handover = renamed(weaker.handover)
    weaker.claims = renamed(weaker.claims)


def workload() -> tuple[Guard, ...]:
    """Each check of the workload before it loads the model, or before a fleet's machine works."""

    def without(check: workload_checks.Check) -> Callable[[Target], AbstractContextManager[Target]]:
        @contextmanager
        def unchecked(target: Target) -> Iterator[Target]:
            with check.removed():
                yield target

        return unchecked

    return tuple(
        Guard(
            kind="fleet" if check.name.startswith("workload.fleet.") else "check",
            name=check.name,
            without=without(check),
        )
        for check in workload_checks.guards()
    )


def guards(target: Target) -> tuple[Guard, ...]:
    """All of them."""
    return (
        *clauses(target),
        *grants(target),
        *models(target),
        *stops(target),
        *preventions(target),
        *preconditions(),
        *labels(),
        *workload(),
    )
