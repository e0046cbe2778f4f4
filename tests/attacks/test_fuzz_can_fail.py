"""The fuzz of the release condition can fail: it tells what is wrong, whichever clause it is in."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from infra.attestation.release_policy import CLAIMS, read
from rehearsal.attacks import fuzz, fuzz_case
from rehearsal.attacks.valid_claims import CONTAINER, HASH, PLACE, SPACE, SUPPORT, VARIABLES
from rehearsal.cloud.sts import Refusal

if TYPE_CHECKING:
    from infra.attestation.clause import Clause
    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.fuzz import Fuzzed
    from rehearsal.attacks.fuzz_case import Subject

pytestmark = pytest.mark.engine

FEW = 2_500
"""Enough for cases in which a single pinned claim is not the truth, whichever it is."""

ACCOUNT = "workload-sa@secundus-vision.iam.gserviceaccount.com"
_CONTAINER = "assertion.submods.container"
WEAKER = [
    ("swname", "assertion.swname.contains('CONFIDENTIAL_SPACE')"),
    ("swname", "assertion.swname.startsWith('CONFIDENTIAL_SPACE')"),
    ("dbgstat", "assertion.dbgstat != 'enabled'"),
    ("secboot", "assertion.secboot != false"),
    ("secboot", "(assertion.secboot == true || assertion.secboot == 1)"),
    ("secboot", "string(assertion.secboot) == 'true'"),
    ("hwmodel", "assertion.hwmodel.startsWith('GCP_')"),
    (SUPPORT, f"size(assertion.{SUPPORT}) > 1"),
    (f"{SPACE}.monitoring_enabled.memory", f"assertion.{SPACE}.monitoring_enabled.memory != true"),
    (f"{CONTAINER}.image_digest", f"{_CONTAINER}.image_digest.startsWith('sha256:')"),
    (f"{CONTAINER}.args", f"{_CONTAINER}.args.all(word, word in ['python', '-m', 'workload'])"),
    (f"{CONTAINER}.args", f"{_CONTAINER}.args[0] == 'python' && {_CONTAINER}.args[1] == '-m'"),
    (
        f"{CONTAINER}.cmd_override",
        f"(!has({_CONTAINER}.cmd_override) || {_CONTAINER}.cmd_override != ['-c'])",
    ),
    (VARIABLES, f"(!has(assertion.{VARIABLES}) || size(assertion.{VARIABLES}) <= 6)"),
    (VARIABLES, f"!('LD_PRELOAD' in assertion.{VARIABLES})"),
    (PLACE, f"{_CONTAINER}.env.MODEL_URI.startsWith('gs://primus-models-model-bucket/models/')"),
    (PLACE, f"{_CONTAINER}.env.MODEL_URI.contains({_CONTAINER}.env.MODEL_SHA256)"),
    (f"{CONTAINER}.env.MODEL_AUDIENCE", f"{_CONTAINER}.env.MODEL_AUDIENCE.contains('1111111111')"),
    (f"{CONTAINER}.env.MODEL_READER", f"{_CONTAINER}.env.MODEL_READER.startsWith('primus-sa@')"),
    (HASH, f"size({_CONTAINER}.env.MODEL_SHA256) == 64"),
    (
        "submods.nvidia_gpu",
        "(!has(assertion.submods.nvidia_gpu) || !('cc_mode' in assertion.submods.nvidia_gpu))",
    ),
    ("submods.gce.project_number", "int(assertion.submods.gce.project_number) == 222222222222"),
    ("google_service_accounts", f"'{ACCOUNT}' in assertion.google_service_accounts"),
    ("google_service_accounts", f"assertion.google_service_accounts[0] == '{ACCOUNT}'"),
]
"""For every claim, a weaker clause about it."""


@pytest.fixture(scope="module")
def subject(target: Target) -> Subject:
    """The deployed provider."""
    return fuzz_case.subject_of(target)


@pytest.fixture(scope="module")
def alone(subject: Subject) -> dict[str, list[int]]:
    """By claim, the first cases in which no other claim is invalid."""
    found: dict[str, list[int]] = {claim: [] for claim in CLAIMS}
    for number in range(FEW):
        lies = subject.valid_claims.invalid(fuzz_case.case(subject, fuzz.SEED, number).claims)
        if len(lies) == 1:
            found[lies[0]].append(number)
    return found


def clauses(subject: Subject) -> tuple[Clause, ...]:
    """The clauses of the deployed condition."""
    return read(condition(subject))


def condition(subject: Subject) -> str:
    """The deployed condition."""
    return str(subject.provider.doc["attributeCondition"])


def with_condition(subject: Subject, text: str) -> Subject:
    """The same with another condition in the provider."""
    document = subject.provider.doc | {"attributeCondition": text}
    return dataclasses.replace(
        subject, provider=dataclasses.replace(subject.provider, doc=document)
    )


def without(subject: Subject, claim: str) -> Subject:
    """The same without the clause about a claim."""
    kept = [clause.cel for clause in clauses(subject) if clause.claim != claim]
    return with_condition(subject, " &&\n".join(kept))


def replaced(subject: Subject, claim: str, line: str) -> Subject:
    """The same with another clause about a claim."""
    lines = [line if clause.claim == claim else clause.cel for clause in clauses(subject)]
    return with_condition(subject, " &&\n".join(lines))


def explained(subject: Subject, claim: str, *, always: bool) -> list[Clause]:
    """The deployed clauses, of which one always gives the same verdict."""
    return [
        dataclasses.replace(clause, accepts=lambda *_: always, absent_is_fine=always)
        if clause.claim == claim
        else clause
        for clause in clauses(subject)
    ]


def failures_of(fuzzed: Fuzzed, problem: str) -> list[str]:
    """The failures of one kind."""
    return [failure for failure in fuzzed.failures if failure.startswith(problem)]


@pytest.mark.parametrize("claim", sorted(CLAIMS))
def test_without_a_clause_an_admitted_lie_is_reported(
    subject: Subject, alone: dict[str, list[int]], claim: str
) -> None:
    """Otherwise the fuzz would not detect a missing clause."""
    fuzzed = fuzz.tried(without(subject, claim), fuzz.SEED, alone[claim])
    lies = failures_of(fuzzed, "A LIE GOT IN")
    assert lies
    assert all(lie.endswith(f": untrue is {claim}") for lie in lies)


@pytest.mark.parametrize(("claim", "line"), WEAKER)
def test_a_lie_that_a_weaker_clause_admits_is_reported(
    subject: Subject, alone: dict[str, list[int]], claim: str, line: str
) -> None:
    """Otherwise the fuzz would detect a missing clause only, and no careless one."""
    weaker = replaced(subject, claim, line)
    fuzzed = fuzz.tried(weaker, fuzz.SEED, alone[claim], clauses(subject))
    assert failures_of(fuzzed, "A LIE GOT IN")


@pytest.mark.parametrize("claim", sorted(CLAIMS))
def test_an_explanation_without_a_clause_is_reported(
    subject: Subject, alone: dict[str, list[int]], claim: str
) -> None:
    """Otherwise `why` could find no fault in a refused token."""
    wrong = explained(subject, claim, always=True)
    assert failures_of(fuzz.tried(subject, fuzz.SEED, alone[claim], wrong), "EXPLAIN IS WRONG")


@pytest.mark.parametrize("claim", sorted(CLAIMS))
def test_an_explanation_that_names_a_wrong_clause_is_reported(subject: Subject, claim: str) -> None:
    """Otherwise `why` could name a fix for something that is right."""
    subject = dataclasses.replace(subject, tokens=subject.tokens[5:6])  # it has optional claims too
    wrong = explained(subject, claim, always=False)
    assert failures_of(fuzz.tried(subject, fuzz.SEED, range(100), wrong), "EXPLAIN IS WRONG")


def test_a_wrong_check_is_reported_although_another_clause_refuses(
    subject: Subject, alone: dict[str, list[int]]
) -> None:
    """The verdict on the whole condition would hide it."""
    both = [number for number in range(FEW) if number % fuzz.SAMPLED == 0]
    wrong = explained(subject, "swname", always=True)
    fuzzed = fuzz.tried(subject, fuzz.SEED, set(both) - set(alone["swname"]), wrong)
    apart = failures_of(fuzzed, "ONE CLAUSE IS WRONG")
    assert apart
    assert fuzzed.failures == tuple(apart)


def test_a_condition_that_refuses_valid_claims_is_reported(subject: Subject) -> None:
    """Otherwise a policy could refuse legitimate runs, and look safe."""
    closed = with_condition(subject, f"{condition(subject)} && assertion.oemid == 11129")
    fuzzed = fuzz.tried(closed, fuzz.SEED, range(FEW // 4), clauses(subject))
    assert failures_of(fuzzed, "THE TRUTH WAS REFUSED")


def test_a_refused_valid_token_stops_the_fuzz(target: Target) -> None:
    """Changes of a refused token would test nothing."""
    closed = target.copy()
    closed.provider.doc["attributeCondition"] = "false"
    with pytest.raises(Refusal, match="rejected by the attribute condition"):
        fuzz.fuzz(closed, cases=1, processes=1)


def test_a_failure_names_its_case(subject: Subject, alone: dict[str, list[int]]) -> None:
    """Seed and number make the case again; the words name its changes."""
    first = fuzz.tried(without(subject, "swname"), fuzz.SEED, alone["swname"]).failures[0]
    number = int(first.partition(" case ")[2][:6])
    made = fuzz_case.case(subject, fuzz.SEED, number)
    assert first == f"A LIE GOT IN: {made}: untrue is swname"
