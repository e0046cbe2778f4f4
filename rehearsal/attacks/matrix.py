"""All rows, and what comes of them: in the world as deployed, and without each of its guards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.attestation.release_policy import read
from rehearsal.attacks.gates import Gate
from rehearsal.attacks.scenarios import (
    access,
    claims,
    launches,
    legitimate,
    machines,
    tokens,
    workloads,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearsal.attacks.gates import Verdict
    from rehearsal.attacks.guards import Guard
    from rehearsal.attacks.scenario import Row
    from rehearsal.attacks.target import World
    from rehearsal.cloud.state import Json

LIES: tuple[Row, ...] = (
    *tokens.ROWS,
    *claims.ROWS,
    *machines.ROWS,
    *launches.ROWS,
    *access.ROWS,
    *workloads.ROWS,
)
LEGITIMATE: tuple[Row, ...] = legitimate.ROWS
ROWS: tuple[Row, ...] = (*LIES, *LEGITIMATE)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A row, and what came of it."""

    row: Row
    verdict: Verdict

    @property
    def accepted(self) -> bool:
        """Whether the model, or what else was wanted, was released."""
        return self.verdict.by is None

    @property
    def elsewhere(self) -> bool:
        """Whether it ended otherwise than it must: let in, or refused by another.

        The workload is many checks behind one gate; its words tell which of them refused.
        """
        row, seen = self.row, self.verdict
        return seen.by != row.by or (row.by is Gate.WORKLOAD and row.says not in seen.said)

    @property
    def problem(self) -> str:
        """What is not as it must be, for people; empty if all is."""
        row, seen = self.row, self.verdict
        if self.accepted and row.by is not None:
            return f"A LIE GOT IN: {row.layer}: {row.lie}; {row.by} should have refused it"
        if row.by is None and not self.accepted:
            return f"A LEGITIMATE RUN WAS REFUSED: {row.lie}; by {seen.by}: {seen.said}"
        if seen.by != row.by:
            return (
                f"ANOTHER GUARD HELD: {row.layer}: {row.lie}; {row.by} should have refused it,"
                f" but it came as far as {seen.by}: {seen.said}"
            )
        if row.says not in seen.said:
            return f"OTHER WORDS: {row.layer}: {row.lie}; got {seen.said!r}, expected {row.says!r}"
        return ""


def judge(told: World, rows: Iterable[Row] = ROWS) -> list[Judged]:
    """Play every row in a world."""
    return [Judged(row=row, verdict=row.attempt(told)) for row in rows]


def disagreements(told: World) -> list[Json]:
    """Claims that the deployed condition judged otherwise than its explanation in Python."""
    clauses = read(told.provider.doc["attributeCondition"])
    return [
        claims
        for claims, admitted in told.presented
        if admitted != all(clause.check(claims) for clause in clauses)
    ]


GATES = {
    "clause": (Gate.MAPPING, Gate.CONDITION),
    "grant": (Gate.LAUNCHER, Gate.IAM, Gate.BUCKET),
    "prevention": (Gate.BUCKET,),
    "label": (Gate.LAUNCHER,),
    "check": (Gate.WORKLOAD,),
}
"""Where each kind of guard stands."""


def behind(guard: Guard) -> list[Row]:
    """The lies that one of a guard's own gates refuses: without the guard, no other can change.

    Those that are refused earlier never come to it, and those refused later have passed it.
    """
    return [row for row in LIES if row.by in GATES[guard.kind]]


def missed_by(told: World, guard: Guard) -> Row | None:
    """A lie that comes further, or gets in, without one guard; None if nobody misses it."""
    with guard.without(told) as weaker:
        played = (judged for row in behind(guard) for judged in judge(weaker, [row]))
        return next((judged.row for judged in played if judged.elsewhere), None)
