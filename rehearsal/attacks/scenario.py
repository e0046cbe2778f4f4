"""One row of the matrix: an attempt, the gate that must refuse it, and the words of the refusal.

Rows are data, and the functions here make the attempts of several rows. A row never changes its
target: it changes a copy.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.attacks import gates
from rehearsal.attacks.gates import Refused, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.gates import Gate
    from rehearsal.cloud.state import Instance

    Attempt = Callable[[Target], Verdict]
    Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One lie, or one legitimate run (`by` is None), and the verdict that it must get."""

    layer: str
    """the part of the system that the attempt is about"""
    lie: str
    """the attempt in words"""
    by: Gate | None
    """the gate that must refuse first"""
    says: str
    """the words of the refusal, or a part of them"""
    attempt: Attempt

    @property
    def name(self) -> str:
        """Layer and lie, as the threat model names a row."""
        return f"{self.layer}: {self.lie}"


def put(where: str, value: object) -> Change:
    """A change that sets one claim, named by its keys joined by dots."""

    def change(claims: dict[str, Any]) -> None:
        inner, leaf = _inner(claims, where)
        inner[leaf] = copy.deepcopy(value)

    return change


def drop(where: str) -> Change:
    """A change that removes one claim."""

    def change(claims: dict[str, Any]) -> None:
        inner, leaf = _inner(claims, where)
        del inner[leaf]

    return change


def value(claims: dict[str, Any], where: str) -> Any:
    """The value of one claim; KeyError if it is absent."""
    inner, leaf = _inner(claims, where)
    return inner[leaf]


def _inner(claims: dict[str, Any], where: str) -> tuple[dict[str, Any], str]:
    *parents, leaf = where.split(".")
    for key in parents:
        claims = claims[key]
    return claims, leaf


def claiming(*changes: Change) -> Attempt:
    """Present a signed token with some claims changed."""

    def attempt(target: Target) -> Verdict:
        claims = copy.deepcopy(target.claims)
        for change in changes:
            change(claims)
        return gates.present(target, target.issuer.sign(claims))

    return attempt


def forging(forge: Callable[[Target], str]) -> Attempt:
    """Present a token that the attacker made."""
    return lambda target: gates.present(target, forge(target))


def launching(
    metadata: Mapping[str, str] | None = None,
    machine: Callable[[Target, Instance], None] | None = None,
) -> Attempt:
    """Start a machine with other metadata, or another machine, and present its token."""

    def attempt(target: Target) -> Verdict:
        changed = target.copy()
        started = changed.machine
        if machine is not None:
            machine(changed, started)
        metadata_items = started.metadata | dict(metadata or {})
        started.doc["metadata"]["items"] = [
            {"key": key, "value": text} for key, text in metadata_items.items()
        ]
        try:
            token = gates.launch(changed, started)
        except Refused as refused:
            return refused.verdict
        return gates.present(changed, token)

    return attempt


def running(
    metadata: Mapping[str, str] | None = None, before: Callable[[Target], None] | None = None
) -> Attempt:
    """Run Primus' own workload with other settings, after a change of the target."""

    def attempt(target: Target) -> Verdict:
        changed = target.copy()
        if before is not None:
            before(changed)
        started = changed.machine
        launched = started.metadata | dict(metadata or {})
        started.doc["metadata"]["items"] = [
            {"key": key, "value": text} for key, text in launched.items()
        ]
        environment = {
            key.removeprefix("tee-env-"): text
            for key, text in launched.items()
            if key.startswith("tee-env-")
        }
        try:
            return gates.run(changed, environment, gates.launch(changed, started))
        except Refused as refused:
            return refused.verdict

    return attempt


def around(does: Callable[[Target], object]) -> Attempt:
    """Do something without the machine: it succeeds, or raises Refused."""

    def attempt(target: Target) -> Verdict:
        try:
            does(target.copy())
        except Refused as refused:
            return refused.verdict
        return Verdict(None, gates.RELEASED)

    return attempt
