"""One row of the matrix: what somebody does, who must refuse it, and in which words.

The rows are data; the functions here only spare them the repetition. A row never changes the world
that it is given: what must be different, it makes different in a copy.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.attacks import gates
from rehearsal.attacks.gates import Refused, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.attacks.gates import Gate
    from rehearsal.attacks.target import World
    from rehearsal.cloud.state import Instance

    Attempt = Callable[[World], Verdict]
    Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One lie, or one legitimate run (`by` is None), and what must come of it."""

    layer: str
    """where it happens"""
    lie: str
    """what is done, in words"""
    by: Gate | None
    """who must be the first to refuse"""
    says: str
    """in which words, or a part of them"""
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
    """A change that leaves one claim out."""

    def change(claims: dict[str, Any]) -> None:
        inner, leaf = _inner(claims, where)
        del inner[leaf]

    return change


def value(claims: dict[str, Any], where: str) -> Any:
    """What a token claims in one place; KeyError if nothing."""
    inner, leaf = _inner(claims, where)
    return inner[leaf]


def _inner(claims: dict[str, Any], where: str) -> tuple[dict[str, Any], str]:
    *parents, leaf = where.split(".")
    for key in parents:
        claims = claims[key]
    return claims, leaf


def claiming(*changes: Change) -> Attempt:
    """Present a token that Google signed, with other claims than the genuine one's."""

    def attempt(told: World) -> Verdict:
        claims = copy.deepcopy(told.claims)
        for change in changes:
            change(claims)
        return gates.present(told, told.issuer.sign(claims))

    return attempt


def forging(forge: Callable[[World], str]) -> Attempt:
    """Present a token of one's own making."""
    return lambda told: gates.present(told, forge(told))


def launching(
    metadata: Mapping[str, str] | None = None,
    machine: Callable[[World, Instance], None] | None = None,
) -> Attempt:
    """Start a machine with other metadata, or of another kind, and present the token it gets."""

    def attempt(told: World) -> Verdict:
        there = told.copy()
        started = there.machine
        if machine is not None:
            machine(there, started)
        told_to_launcher = started.metadata | dict(metadata or {})
        started.doc["metadata"]["items"] = [
            {"key": key, "value": text} for key, text in told_to_launcher.items()
        ]
        try:
            token = gates.launch(there, started)
        except Refused as refused:
            return refused.verdict
        return gates.present(there, token)

    return attempt


def running(
    metadata: Mapping[str, str] | None = None, before: Callable[[World], None] | None = None
) -> Attempt:
    """Let Primus' own workload run, told something else, after something was changed."""

    def attempt(told: World) -> Verdict:
        there = told.copy()
        if before is not None:
            before(there)
        started = there.machine
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
            return gates.run(there, environment, gates.launch(there, started))
        except Refused as refused:
            return refused.verdict

    return attempt


def around(does: Callable[[World], object]) -> Attempt:
    """Do something beside the machine; what it does raises Refused, or it got through."""

    def attempt(told: World) -> Verdict:
        try:
            does(told.copy())
        except Refused as refused:
            return refused.verdict
        return Verdict(None, gates.RELEASED)

    return attempt
