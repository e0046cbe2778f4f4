"""No random change of valid claims deceives the deployed policy.

`make attack` runs the whole fuzz; this is a sample of it, the same in every run.
`test_fuzz_can_fail` shows that the fuzz detects a weak policy.
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

from infra.attestation.release_policy import CLAIMS
from rehearsal.attacks import fuzz, fuzz_case
from rehearsal.attacks.claim_mutations import OPERATIONS
from rehearsal.attacks.valid_claims import SUPPORT, VARIABLES

if TYPE_CHECKING:
    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.fuzz import Fuzzed
    from rehearsal.attacks.fuzz_case import Subject

pytestmark = pytest.mark.engine

SAMPLE = 5_000


@pytest.fixture(scope="module")
def sample(target: Target) -> Fuzzed:
    """The verdicts on the first cases."""
    return fuzz.fuzz(target, cases=SAMPLE, processes=1)


@pytest.fixture(scope="module")
def subject(target: Target) -> Subject:
    """The deployed provider."""
    return fuzz_case.subject_of(target)


def test_the_engine_the_explanation_and_the_valid_claims_agree(sample: Fuzzed) -> None:
    """In every case: no lie is admitted, and nothing valid is refused."""
    assert sample.failures == ()
    assert sample.explain_agreed == sample.cases == SAMPLE


def test_many_cases_are_accepted(sample: Fuzzed) -> None:
    """Many changes are about no clause: a policy that refuses everything would fail."""
    assert sample.accepted > SAMPLE / 10


def test_every_claim_of_a_clause_is_invalid_in_many_cases(sample: Fuzzed) -> None:
    """A claim that the fuzz rarely changes would be untested."""
    assert sample.touched.keys() == CLAIMS
    assert min(sample.touched.values()) > SAMPLE / 40


def test_every_operation_is_used(sample: Fuzzed) -> None:
    """An operation without a use would test nothing."""
    assert sample.operations.keys() == OPERATIONS.keys()


def test_single_clauses_are_compared(sample: Fuzzed) -> None:
    """Two wrong clauses could give one right verdict."""
    assert sample.clauses_compared > SAMPLE / fuzz.SAMPLED * len(CLAIMS) * 0.9


def test_a_case_depends_on_seed_and_number_only(subject: Subject) -> None:
    """It is equal in another order and in another process."""
    here = [fuzz_case.case(subject, 7, number) for number in range(100)]
    again = [fuzz_case.case(subject, 7, number) for number in reversed(range(100))]
    assert here == again[::-1]
    with ProcessPoolExecutor(1, get_context("spawn")) as elsewhere:
        there = elsewhere.map(fuzz_case.case, [subject] * 100, [7] * 100, range(100), chunksize=100)
        assert here == list(there)


def test_another_seed_makes_other_cases(subject: Subject) -> None:
    """Otherwise the seed would have no effect."""
    assert fuzz_case.case(subject, 7, 0).claims != fuzz_case.case(subject, 8, 0).claims


def test_the_outcome_does_not_depend_on_the_number_of_processes(target: Target) -> None:
    """Also not the order of the failures."""
    weaker = target.copy()
    lines = weaker.provider.doc["attributeCondition"].split(" &&\n")
    weaker.provider.doc["attributeCondition"] = " &&\n".join(lines[1:])
    one, two = (fuzz.fuzz(weaker, 200, processes=processes) for processes in (1, 2))
    assert one.failures
    assert one == two


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("secboot", 1),
        ("secboot", 1.0),
        ("submods.confidential_space.monitoring_enabled.memory", 0),
        ("submods.gce.project_number", 222222222222),
        ("hwmodel", ["GCP_AMD_SEV"]),
        ("submods.container.cmd_override", None),
        (SUPPORT, "STABLE"),
        (VARIABLES, None),
        (VARIABLES, ""),
        (VARIABLES, {"MODEL_URI": "gs://x/y", "model_uri": ""}),
    ],
)
def test_a_valid_claim_has_exactly_its_type(subject: Subject, claim: str, said: object) -> None:
    """What Python would take for the same is not the same claim."""
    claims = json.loads(subject.tokens[0])
    *parents, leaf = claim.split(".")
    inside = claims
    for key in parents:
        inside = inside[key]
    inside[leaf] = said
    assert subject.valid_claims.invalid(claims) == (claim,)
