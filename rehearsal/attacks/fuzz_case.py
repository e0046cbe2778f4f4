"""One case of the fuzz, and what its three judges say of it.

They are Google's CEL engine with the deployed mapping and condition, the explanation read back from
that condition, and `truths`, which knows neither.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from ops import cel_engine
from rehearsal.attacks.claim_mutations import mutate
from rehearsal.attacks.valid_claims import Truths, tokens, truths
from rehearsal.cloud import sts
from rehearsal.cloud.sts import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.attestation.clause import Clause
    from rehearsal.attacks.target import World
    from rehearsal.cloud.state import Provider

TIMES = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3)
"""How many changes make a case; one of these, by lot."""

ACCEPTED, BY_MAPPING, BY_CONDITION, BY_ENGINE = "accepted", "mapping", "condition", "engine"
"""What comes of a case, and which of them refused it."""

TAKEN = "type(assertion) == map"
"""True of all claims but those that this engine cannot take: a text in them holds NUL or a lone
surrogate, or an integer has more than 64 bits. What Google's service makes of such is not known."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is fuzzed, as plain data: each process gets its own."""

    provider: Provider
    tokens: tuple[str, ...]
    """accepted claims to start from, as JSON"""
    truths: Truths


def subject_of(told: World) -> Subject:
    """The deployed provider; Refusal if it does not accept a token to start from."""
    found = Subject(provider=told.provider, tokens=tokens(told), truths=truths(told))
    for claims in map(json.loads, found.tokens):
        sts.check_condition(told.provider, claims, sts.attributes(told.provider, claims))
        assert not found.truths.lies(claims), claims
    return found


@dataclass(frozen=True, kw_only=True)
class Case:
    """Claims that nobody signed, and how they came about."""

    seed: int
    number: int
    claims: dict[str, Any]
    changes: tuple[tuple[str, str], ...]
    """where, and what was done there"""

    def __str__(self) -> str:
        """In words, so that it can be told and made again."""
        changes = "; ".join(f"{where or '(no name)'}: {what}" for where, what in self.changes)
        return f"seed {self.seed} case {self.number:06} ({changes})"


def case(subject: Subject, seed: int, number: int) -> Case:
    """One case, which depends on no other."""
    lot = Random(f"{seed}/{number}")  # noqa: S311  to be made again, not to be secret
    claims = json.loads(lot.choice(subject.tokens))
    changes = [mutate(lot, claims, subject.truths.pinned) for _ in range(lot.choice(TIMES))]
    return Case(seed=seed, number=number, claims=claims, changes=tuple(changes))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What each judge says of one case."""

    case: Case
    mapped: bool
    """the deployed mapping makes its attributes"""
    admitted: bool
    """the deployed condition holds"""
    taken: bool
    """the engine can take the claims at all"""
    explained: tuple[str, ...]
    """the claims that explain names"""
    lies: tuple[str, ...]
    """the pinned claims that are not the truth"""

    @property
    def accepted(self) -> bool:
        """Whether the token service lets it in."""
        return self.mapped and self.admitted

    @property
    def verdict(self) -> str:
        """Accepted, or who refused."""
        if not self.taken:
            return BY_ENGINE
        if not self.mapped:
            return BY_MAPPING
        return ACCEPTED if self.admitted else BY_CONDITION

    @property
    def agreed(self) -> bool:
        """Whether explain names a clause exactly when the engine refuses.

        Where the engine refuses because it cannot take a text or a number anywhere in the claims,
        its refusal says nothing about a clause, and explain is held against the truths.
        """
        refused = not self.admitted if self.taken else bool(self.lies)
        return refused == bool(self.explained)

    def problems(self) -> Iterator[str]:
        """What is not as it must be, for people."""
        explained, lies = _listed(self.explained), _listed(self.lies)
        if self.accepted and self.lies:
            yield f"A LIE GOT IN: {self.case}: untrue is {lies}"
        if self.verdict == BY_CONDITION and not self.lies:
            yield f"THE TRUTH WAS REFUSED: {self.case}: explain names {explained}"
        if not self.agreed:
            does = "admits" if self.admitted else "refuses" if self.taken else "cannot take"
            yield (
                f"EXPLAIN IS WRONG: {self.case}: the engine {does} it, explain names {explained},"
                f" untrue is {lies}"
            )


def judge(subject: Subject, clauses: Sequence[Clause], made: Case) -> Outcome:
    """Ask all three."""
    claims = made.claims
    try:
        mapped = sts.attributes(subject.provider, claims)
    except Refusal:
        mapped = {}
    try:
        # Also where the mapping has refused: explain must agree there too.
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
        lies=subject.truths.lies(claims),
    )


def disagreements(clauses: Sequence[Clause], made: Case) -> Iterator[str]:
    """The single clauses about which the engine and their own check differ."""
    for clause in clauses:
        says = cel_engine.holds(clause.cel, {"assertion": made.claims})
        if says != clause.check(made.claims):
            yield f"ONE CLAUSE IS WRONG: {made}: {clause.claim}: the engine says {says}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"
