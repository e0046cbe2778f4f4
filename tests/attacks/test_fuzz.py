"""No lie that is made by lot gets past what was deployed.

The whole fuzz is `make attack`; here is a sample of it, the same in every run. That the fuzz would
notice a hole is `test_fuzz_can_fail`'s to show.
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
    from rehearsal.attacks.fuzz import Fuzzed
    from rehearsal.attacks.fuzz_case import Subject
    from rehearsal.attacks.target import World

pytestmark = pytest.mark.engine

SAMPLE = 5_000


@pytest.fixture(scope="module")
def sample(told: World) -> Fuzzed:
    """What comes of the first cases."""
    return fuzz.fuzz(told, cases=SAMPLE, processes=1)


@pytest.fixture(scope="module")
def subject(told: World) -> Subject:
    """The deployed provider."""
    return fuzz_case.subject_of(told)


def test_no_lie_gets_in_no_truth_is_refused_and_explain_agrees(sample: Fuzzed) -> None:
    """Every case: the engine, explain and the truths say the same."""
    assert sample.failures == ()
    assert sample.explain_agreed == sample.cases == SAMPLE


def test_the_fuzz_is_no_closed_door(sample: Fuzzed) -> None:
    """Many changes leave everything pinned alone, and are accepted."""
    assert sample.accepted > SAMPLE / 10


def test_every_pinned_claim_is_lied_about(sample: Fuzzed) -> None:
    """What was hardly touched would hardly be shown; nothing that can be pinned is left out."""
    assert sample.touched.keys() == CLAIMS
    assert min(sample.touched.values()) > SAMPLE / 40


def test_everything_that_can_be_done_is_done(sample: Fuzzed) -> None:
    """An operation that never comes up shows nothing."""
    assert sample.operations.keys() == OPERATIONS.keys()


def test_single_clauses_are_compared_too(sample: Fuzzed) -> None:
    """Two wrong clauses could make one right whole."""
    assert sample.clauses_compared > SAMPLE / fuzz.SAMPLED * len(CLAIMS) * 0.9


def test_a_case_is_the_same_again_and_in_another_process(subject: Subject) -> None:
    """Seed and number are all there is to it."""
    here = [fuzz_case.case(subject, 7, number) for number in range(100)]
    again = [fuzz_case.case(subject, 7, number) for number in reversed(range(100))]
    assert here == again[::-1]
    with ProcessPoolExecutor(1, get_context("spawn")) as elsewhere:
        there = elsewhere.map(fuzz_case.case, [subject] * 100, [7] * 100, range(100), chunksize=100)
        assert here == list(there)


def test_another_seed_makes_other_cases(subject: Subject) -> None:
    """Or the seed would be for show."""
    assert fuzz_case.case(subject, 7, 0).claims != fuzz_case.case(subject, 8, 0).claims


def test_the_outcome_does_not_depend_on_the_number_of_processes(told: World) -> None:
    """Not even in the order of what it tells."""
    weaker = told.copy()
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
def test_the_truths_are_strict_about_types(subject: Subject, claim: str, said: object) -> None:
    """What Python would take for the same is not the same claim."""
    claims = json.loads(subject.tokens[0])
    *parents, leaf = claim.split(".")
    inside = claims
    for key in parents:
        inside = inside[key]
    inside[leaf] = said
    assert subject.truths.lies(claims) == (claim,)
