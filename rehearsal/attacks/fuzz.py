"""A fuzz of the deployed release policy: many changed claims of valid tokens, and the verdicts.

The same seed gives the same cases, in any number of processes. `claim_mutations` changes claims,
`fuzz_case` judges one case.
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
    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.fuzz_case import Subject

SEED = 4
SAMPLED = 10
"""One case in this many is also judged clause by clause."""


@dataclass(frozen=True, kw_only=True)
class Fuzzed:
    """The verdicts on all cases; `failures` must be empty."""

    cases: int
    accepted: int
    refused_by_mapping: int
    """a mapped attribute could not be made"""
    refused_by_condition: int
    refused_by_engine: int
    """it cannot read a text or a number in the claims, see `fuzz_case`"""
    explain_agreed: int
    """cases in which explain named a clause exactly when the engine refused"""
    clauses_compared: int
    """comparisons of the engine with the check in Python, for a single clause"""
    touched: dict[str, int]
    """by claim, the cases in which its value was not valid"""
    operations: dict[str, int]
    """by operation, its number of uses"""
    failures: tuple[str, ...]

    def __add__(self, other: Fuzzed) -> Fuzzed:
        """The sum of both."""
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


def fuzz(target: Target, cases: int = 100_000, seed: int = SEED, processes: int = 2) -> Fuzzed:
    """Judge this many cases."""
    subject = each.subject_of(target)
    shares = [(subject, seed, range(first, cases, processes)) for first in range(processes)]
    if processes == 1:
        return tried(*shares[0])
    # Unlike multiprocessing's own pool, this one raises if a process cannot even start.
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return reduce(add, pool.map(tried, *zip(*shares, strict=True)))


def tried(
    subject: Subject, seed: int, numbers: Collection[int], clauses: Sequence[Clause] = ()
) -> Fuzzed:
    """The verdicts on some cases, explained by the deployed condition's clauses or by others."""
    clauses = clauses or read(subject.provider.doc["attributeCondition"])
    verdicts, touched, operations = Counter[str](), Counter[str](), Counter[str]()
    agreed = compared = 0
    failures: list[str] = []
    for number in numbers:
        case = each.case(subject, seed, number)
        outcome = each.judge(subject, clauses, case)
        verdicts[outcome.verdict] += 1
        agreed += outcome.agreed
        touched.update(outcome.invalid)
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
