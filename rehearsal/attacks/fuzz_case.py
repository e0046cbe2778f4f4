"""One case of the fuzz, and the verdicts of its three judges.

The judges are Google's CEL engine with the deployed mapping and condition, the explanation that is
read from that condition, and `valid_claims`, which uses neither.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from ops import cel_engine
from rehearsal.attacks.claim_mutations import mutate
from rehearsal.attacks.valid_claims import ValidClaims, tokens, valid_claims
from rehearsal.cloud import sts
from rehearsal.cloud.sts import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.attestation.clause import Clause
    from rehearsal.attacks.deployment import Target
    from rehearsal.cloud.state import Provider

TIMES = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3)
"""The number of changes of a case is one of these, at random."""

ACCEPTED, BY_MAPPING, BY_CONDITION, BY_ENGINE = "accepted", "mapping", "condition", "engine"
"""The verdicts on a case."""

TAKEN = "type(assertion) == map"
"""True for all claims except those that this engine cannot take: with NUL or a lone surrogate in a
text, or an integer of more than 64 bits. How Google's service treats those is not documented."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The subject of the fuzz, as plain data: each process gets its own."""

    provider: Provider
    tokens: tuple[str, ...]
    """valid claims, from which each case starts, as JSON"""
    valid_claims: ValidClaims


def subject_of(target: Target) -> Subject:
    """The deployed provider; Refusal if it refuses one of the valid tokens."""
    found = Subject(
        provider=target.provider, tokens=tokens(target), valid_claims=valid_claims(target)
    )
    for claims in map(json.loads, found.tokens):
        sts.check_condition(target.provider, claims, sts.attributes(target.provider, claims))
        assert not found.valid_claims.invalid(claims), claims
    return found


@dataclass(frozen=True, kw_only=True)
class Case:
    """Changed claims, with the changes."""

    seed: int
    number: int
    claims: dict[str, Any]
    changes: tuple[tuple[str, str], ...]
    """the claim and the operation of each change"""

    def __str__(self) -> str:
        """The case in words, with all that makes it again."""
        changes = "; ".join(f"{where or '(no name)'}: {what}" for where, what in self.changes)
        return f"seed {self.seed} case {self.number:06} ({changes})"


def case(subject: Subject, seed: int, number: int) -> Case:
    """One case, which depends on seed and number only."""
    rng = Random(f"{seed}/{number}")  # noqa: S311  it must be reproducible, not secret
    claims = json.loads(rng.choice(subject.tokens))
    changes = [mutate(rng, claims, subject.valid_claims.claims) for _ in range(rng.choice(TIMES))]
    return Case(seed=seed, number=number, claims=claims, changes=tuple(changes))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The verdicts of all judges on one case."""

    case: Case
    mapped: bool
    """the deployed mapping makes its attributes"""
    admitted: bool
    """the deployed condition holds"""
    taken: bool
    """the engine can read the claims"""
    explained: tuple[str, ...]
    """the claims of the clauses that are not met, says explain"""
    invalid: tuple[str, ...]
    """the claims whose value is not valid"""

    @property
    def accepted(self) -> bool:
        """Whether the token service admits it."""
        return self.mapped and self.admitted

    @property
    def verdict(self) -> str:
        """Accepted, or the part that refused."""
        if not self.taken:
            return BY_ENGINE
        if not self.mapped:
            return BY_MAPPING
        return ACCEPTED if self.admitted else BY_CONDITION

    @property
    def agreed(self) -> bool:
        """Whether explain names a clause exactly when the engine refuses.

        If the engine cannot read a text or a number in the claims, its refusal says nothing about a
        clause; explain must then agree with `valid_claims`.
        """
        refused = not self.admitted if self.taken else bool(self.invalid)
        return refused == bool(self.explained)

    def problems(self) -> Iterator[str]:
        """Every fault in the verdicts, for people."""
        explained, lies = _listed(self.explained), _listed(self.invalid)
        if self.accepted and self.invalid:
            yield f"A LIE GOT IN: {self.case}: untrue is {lies}"
        if self.verdict == BY_CONDITION and not self.invalid:
            yield f"THE TRUTH WAS REFUSED: {self.case}: explain names {explained}"
        if not self.agreed:
            does = "admits" if self.admitted else "refuses" if self.taken else "cannot take"
            yield (
                f"EXPLAIN IS WRONG: {self.case}: the engine {does} it, explain names {explained},"
                f" untrue is {lies}"
            )


def judge(subject: Subject, clauses: Sequence[Clause], made: Case) -> Outcome:
    """Ask all three judges."""
    claims = made.claims
    try:
        mapped = sts.attributes(subject.provider, claims)
    except Refusal:
        mapped = {}
    try:
        # Also if the mapping refuses: explain must agree there too.
        sts.check_condition(subject.provider, claims, mapped)
        admitted = True
    except Refusal:
        admitted = False
    return Outcome(
        case=made,
        mapped=bool(mapped),
        admitted=admitted,
        taken=admitted or cel_engine.holds(TAKEN, {"assertion": claims}),
        explained=tuple(clause.claim for clause in clauses if not clause.check(claims)),
        invalid=subject.valid_claims.invalid(claims),
    )


def disagreements(clauses: Sequence[Clause], made: Case) -> Iterator[str]:
    """Each clause on which the engine and the check in Python disagree."""
    for clause in clauses:
        says = cel_engine.holds(clause.cel, {"assertion": made.claims})
        if says != clause.check(made.claims):
            yield f"ONE CLAUSE IS WRONG: {made}: {clause.claim}: the engine says {says}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"
