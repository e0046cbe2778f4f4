"""Many changed claims of accepted tokens, held against what was deployed, and what came of them.

The same seed tries the same cases, in any number of processes. How claims are changed is in
`mutations`, and how one case is judged in `cases`.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import reduce
from multiprocessing import get_context
from operator import add
from typing import TYPE_CHECKING

from infra.attestation.release_policy import read
from rehearsal.attacks import fuzz_case as each
from rehearsal.attacks.fuzz_case import ACCEPTED, BY_CONDITION, BY_ENGINE, BY_MAPPING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from infra.attestation.clause import Clause
    from rehearsal.attacks.fuzz_case import Subject
    from rehearsal.attacks.target import World

SEED = 4
SAMPLED = 10
"""Of so many cases, one is also judged clause by clause."""


@dataclass(frozen=True, kw_only=True)
class Fuzzed:
    """What came of all cases; `failures` must be empty."""

    cases: int
    accepted: int
    refused_by_mapping: int
    """a mapped attribute could not be made"""
    refused_by_condition: int
    refused_by_engine: int
    """it cannot take a text or a number in the claims, see `cases`"""
    explain_agreed: int
    """cases in which explain named a clause exactly when the engine refused, see `cases`"""
    clauses_compared: int
    """verdicts on a single clause, of the engine and of its check"""
    touched: dict[str, int]
    """by pinned claim, cases in which it was not the truth"""
    operations: dict[str, int]
    """how often each was done"""
    failures: tuple[str, ...]

    def __add__(self, other: Fuzzed) -> Fuzzed:
        """What came of both."""
        return Fuzzed(
            cases=self.cases + other.cases,
            accepted=self.accepted + other.accepted,
            refused_by_mapping=self.refused_by_mapping + other.refused_by_mapping,
            refused_by_condition=self.refused_by_condition + other.refused_by_condition,
            refused_by_engine=self.refused_by_engine + other.refused_by_engine,
            explain_agreed=self.explain_agreed + other.explain_agreed,
            clauses_compared=self.clauses_compared + other.clauses_compared,
            touched=dict(Counter(self.touched) + Counter(other.touched)),
            operations=dict(Counter(self.operations) + Counter(other.operations)),
            failures=tuple(sorted(self.failures + other.failures)),
        )


def fuzz(told: World, cases: int = 100_000, seed: int = SEED, processes: int = 2) -> Fuzzed:
    """Try so many cases."""
    subject = each.subject_of(told)
    shares = [(subject, seed, range(first, cases, processes)) for first in range(processes)]
    if processes == 1:
        return tried(*shares[0])
    # Unlike multiprocessing's own pool, this one raises if a process cannot even start.
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return reduce(add, pool.map(tried, *zip(*shares, strict=True)))


def tried(
    subject: Subject, seed: int, numbers: Collection[int], clauses: Sequence[Clause] = ()
) -> Fuzzed:
    """What comes of some cases, explained by the deployed condition's own clauses or by others."""
    clauses = clauses or read(subject.provider.doc["attributeCondition"])
    verdicts, touched, operations = Counter[str](), Counter[str](), Counter[str]()
    agreed = compared = 0
    failures: list[str] = []
    for number in numbers:
        case = each.case(subject, seed, number)
        outcome = each.judge(subject, clauses, case)
        verdicts[outcome.verdict] += 1
        agreed += outcome.agreed
        touched.update(outcome.lies)
        operations.update(operation for _, operation in case.changes)
        failures += outcome.problems()
        if outcome.taken and number % SAMPLED == 0:
            compared += len(clauses)
            failures += each.disagreements(clauses, case)
    return Fuzzed(
        cases=len(numbers),
        accepted=verdicts[ACCEPTED],
        refused_by_mapping=verdicts[BY_MAPPING],
        refused_by_condition=verdicts[BY_CONDITION],
        refused_by_engine=verdicts[BY_ENGINE],
        explain_agreed=agreed,
        clauses_compared=compared,
        touched=dict(touched),
        operations=dict(operations),
        failures=tuple(sorted(failures)),
    )
