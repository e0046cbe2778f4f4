"""What becomes of the lies when one guard is removed, for every guard."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING

from rehearsal.attacks import guards
from rehearsal.attacks.matrix import behind, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rehearsal.attacks.guards import Guard
    from rehearsal.attacks.target import World


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What became of the lies without one guard."""

    kind: str
    guard: str
    noticed: tuple[str, ...]
    """lies that ended otherwise: let in, or refused by another"""
    released: tuple[str, ...]
    """lies that nothing else refused"""


def remove(told: World, guard: Guard) -> Removal:
    """Play the lies that a guard stands before, without it."""
    with guard.without(told) as weaker:
        seen = [judged for judged in judge(weaker, behind(guard)) if judged.elsewhere]
    return Removal(
        kind=guard.kind,
        guard=guard.name,
        noticed=tuple(judged.row.name for judged in seen),
        released=tuple(judged.row.name for judged in seen if judged.accepted),
    )


def remove_each(told: World, processes: int = 2) -> list[Removal]:
    """Every guard in its turn; several processes share them, and each has a world of its own."""
    count = len(guards.guards(told))
    shares = [(told, range(first, count, processes)) for first in range(processes)]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        done = list(pool.map(_share, *zip(*shares, strict=True)))
    return [done[number % processes][number // processes] for number in range(count)]


def _share(told: World, numbers: Sequence[int]) -> list[Removal]:
    every = guards.guards(told)
    return [remove(told, every[number]) for number in numbers]


def held_by_one(removals: Iterable[Removal]) -> dict[str, str]:
    """The lies that one guard alone keeps out, and that guard: without it, nothing refuses them."""
    return {lie: removal.guard for removal in removals for lie in removal.released}
