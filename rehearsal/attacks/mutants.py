"""Mutation testing of the guards: each is removed alone, and some lie must get further."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from rehearsal.attacks import guards
from rehearsal.attacks.matrix import behind, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.guards import Guard


@dataclass(frozen=True, kw_only=True)
class Removal:
    """The lies that get further without one guard."""

    kind: str
    guard: str
    noticed: tuple[str, ...]
    """lies that another gate refused, or none"""
    released: tuple[str, ...]
    """lies that no other gate refused"""


def remove(target: Target, guard: Guard) -> Removal:
    """Judge the lies that a guard's gates refuse, without the guard."""
    with guard.without(target) as weaker:
        seen = [judged for judged in judge(weaker, behind(guard)) if judged.elsewhere]
    return Removal(
        kind=guard.kind,
        guard=guard.name,
        noticed=tuple(judged.row.name for judged in seen),
        released=tuple(judged.row.name for judged in seen if judged.accepted),
    )


def remove_each(target: Target, processes: int = 2) -> list[Removal]:
    """Each guard in turn; several processes share the work, and each has a target of its own."""
    count = len(guards.guards(target))
    shares = [(target, range(first, count, processes)) for first in range(processes)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        done = list(pool.map(_share, *zip(*shares, strict=True)))
    return [done[number % processes][number // processes] for number in range(count)]


def _share(target: Target, numbers: Sequence[int]) -> list[Removal]:
    every = guards.guards(target)
    return [remove(target, every[number]) for number in numbers]


def refused_by_one_guard_alone(removals: Iterable[Removal]) -> dict[str, str]:
    """The lies that one guard alone refuses, with that guard."""
    return {lie: removal.guard for removal in removals for lie in removal.released}
