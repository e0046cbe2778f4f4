"""All rows, and the verdicts on them: on the deployed target, and without each of its guards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.attestation.release_policy import read
from rehearsal.attacks.gates import Gate
from rehearsal.attacks.scenarios import (
    access,
    claims,
    fleet_queue,
    fleets,
    launches,
    legitimate,
    machines,
    operators,
    tokens,
    workloads,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.gates import Verdict
    from rehearsal.attacks.guards import Guard
    from rehearsal.attacks.scenario import Row
    from rehearsal.cloud.state import Json

LIES: tuple[Row, ...] = (
    *tokens.ROWS,
    *claims.ROWS,
    *machines.ROWS,
    *launches.ROWS,
    *access.ROWS,
    *operators.ROWS,
    *workloads.ROWS,
    *fleet_queue.ROWS,
    *fleets.ROWS,
)
LEGITIMATE: tuple[Row, ...] = (
    *legitimate.ROWS,
    *operators.LEGITIMATE,
    *fleet_queue.LEGITIMATE,
    *fleets.LEGITIMATE,
)
ROWS: tuple[Row, ...] = (*LIES, *LEGITIMATE)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A row, and the verdict on it."""

    row: Row
    verdict: Verdict

    @property
    def accepted(self) -> bool:
        """Whether the attempt succeeded."""
        return self.verdict.by is None

    @property
    def elsewhere(self) -> bool:
        """Whether another gate refused than the row says, or none.

        The gate of the workload is many checks; its words say which of them refused.
        """
        row, seen = self.row, self.verdict
        return seen.by != row.by or (row.by is Gate.WORKLOAD and row.says not in seen.said)

    @property
    def problem(self) -> str:
        """What is wrong with the verdict, for people; empty if nothing is."""
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


def judge(target: Target, rows: Iterable[Row] = ROWS) -> list[Judged]:
    """The verdict of each row on a target."""
    return [Judged(row=row, verdict=row.attempt(target)) for row in rows]


def disagreements(target: Target) -> list[Json]:
    """Claims on which the deployed condition and its explanation in Python disagree."""
    clauses = read(target.provider.doc["attributeCondition"])
    return [
        claims
        for claims, admitted in target.presented
        if admitted != all(clause.check(claims) for clause in clauses)
    ]


GATES = {
    "clause": (Gate.MAPPING, Gate.CONDITION),
    "grant": (Gate.LAUNCHER, Gate.IAM, Gate.BUCKET),
    "stop": (Gate.TOKEN, Gate.IAM),
    "prevention": (Gate.BUCKET,),
    "precondition": (Gate.BUCKET,),
    "label": (Gate.LAUNCHER,),
    "check": (Gate.WORKLOAD,),
    "fleet": (Gate.WORKLOAD,),
}
"""The gates of each kind of guard."""
LAYERS = {"check": "workload", "fleet": "fleet"}
"""The layer of each kind of guard whose lies reach no other guard of its gate."""


def behind(guard: Guard) -> list[Row]:
    """The lies that a guard's own gates refuse: the removal of the guard changes no other verdict.

    An earlier gate refuses before the guard is reached; a later one refuses after it has passed.
    """
    return [
        row
        for row in LIES
        if row.by in GATES[guard.kind] and row.layer == LAYERS.get(guard.kind, row.layer)
    ]


def first_lie_without(target: Target, guard: Guard) -> Row | None:
    """A lie that gets further without one guard; None if there is none."""
    with guard.without(target) as weaker:
        judged_rows = (judged for row in behind(guard) for judged in judge(weaker, [row]))
        return next((judged.row for judged in judged_rows if judged.elsewhere), None)
