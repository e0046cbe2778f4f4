"""Every lie is refused by the right gate, and every legitimate run is admitted."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from infra.attestation.release_policy import CLAIMS, read
from ops import why
from ops.cause import RefusedBy
from ops.evidence import Evidence, Kind
from rehearsal.attacks import matrix
from rehearsal.attacks.deployment import PICTURES
from rehearsal.attacks.gates import REJECTED, Gate, Verdict
from rehearsal.attacks.matrix import LEGITIMATE, LIES, ROWS, Judged
from rehearsal.attacks.published_example import published
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from rehearsal.attacks.deployment import Deployment, Target
    from rehearsal.attacks.scenario import Row

pytestmark = pytest.mark.engine

TO_RELEASE = [row for row in ROWS if row.by not in {None, Gate.WORKLOAD}]
"""The lies to Google's services and to the launcher; the others are lies to the workload."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_row_gets_its_verdict(target: Target, row: Row) -> None:
    """The right gate refuses first, in Google's words; a legitimate run is admitted."""
    assert Judged(row=row, verdict=row.attempt(target)).problem == ""


def test_the_deployed_machine_itself_classifies(target: Target, deployment: Deployment) -> None:
    """The matrix runs in process; the machine's own workload ran for real, and left results."""
    objects = deployment.local.cloud.buckets[target.result_bucket].objects
    records = [json.loads(line) for line in objects["results.jsonl"].data.splitlines()]
    assert len(records) == PICTURES
    assert all("label" in record for record in records)


@pytest.fixture(scope="module")
def played(target: Target) -> tuple[Target, list[Judged]]:
    """The verdicts of all rows to those who release the model, and the target."""
    fresh = target.copy()
    fresh.presented, fresh.unmapped = [], []
    return fresh, matrix.judge(fresh, (*TO_RELEASE, *LEGITIMATE))


def test_the_engine_and_the_explanation_agree_on_every_row(
    played: tuple[Target, list[Judged]],
) -> None:
    """A clause is named exactly when the deployed condition refuses."""
    target, _ = played
    assert {admitted for _, admitted in target.presented} == {True, False}
    assert matrix.disagreements(target) == []


def test_ops_why_explains_every_row_that_the_condition_refuses(
    played: tuple[Target, list[Judged]],
) -> None:
    """Refused claims have at least one failed clause with its fix, admitted ones have none."""
    target, _ = played
    condition = target.provider.doc["attributeCondition"]
    for claims, admitted in target.presented:
        verdict = why.judge(Evidence(kind=Kind.CLAIMS, claims=claims), condition, time.time())
        assert verdict.refused_by is (None if admitted else RefusedBy.CONDITION), claims
        assert any(clause.fix for clause in verdict.clauses) is not admitted


def test_ops_why_explains_every_row_that_the_mapping_refuses(
    played: tuple[Target, list[Judged]],
) -> None:
    """Such claims never come to the condition, and are not called admitted."""
    target, _ = played
    condition = target.provider.doc["attributeCondition"]
    whole = [claims for claims in target.unmapped if "\0" not in str(claims["swname"])]
    assert len(whole) > 10
    for claims in whole:
        verdict = why.judge(Evidence(kind=Kind.CLAIMS, claims=claims), condition, time.time())
        assert verdict.refused_by is RefusedBy.TOKEN_SERVICE, claims


def test_a_wrong_explanation_is_detected(target: Target) -> None:
    """The comparison can fail, in both directions."""
    fresh = target.copy()
    claims = json.loads(json.dumps(target.claims)) | {"dbgstat": "enabled"}
    fresh.presented = [(claims, True), (target.claims, False), (target.claims, True)]
    assert matrix.disagreements(fresh) == [claims, target.claims]


def test_no_two_rows_have_the_same_name() -> None:
    """A repeated row would count twice."""
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert len(LIES) >= 60


def test_the_pages_count_the_lies() -> None:
    """In each layer on the page of attacks, and their sum in the README."""
    page = (REPOSITORY / "docs" / "attacks.md").read_text().partition("│ layer ")[2]
    shown = re.findall(r"^│ (\w+) +│ (\d+) ", page, re.MULTILINE)
    counted = Counter(row.layer for row in LIES) | {"all": len(LIES)}
    assert {layer: int(lies) for layer, lies in shown} == counted
    assert re.findall(r"\[(\d+) lies\]", (REPOSITORY / "README.md").read_text()) == [str(len(LIES))]


def test_every_gate_refuses_a_lie_first() -> None:
    """A gate without a lie of its own would be untested."""
    assert {row.by for row in LIES} == set(Gate)


@pytest.mark.parametrize(
    ("by", "verdict", "problem"),
    [
        (Gate.CONDITION, Verdict(None, "released"), "A LIE GOT IN: claims: it lies; condition"),
        (Gate.CONDITION, Verdict(Gate.IAM, "denied"), "ANOTHER GUARD HELD: claims: it lies;"),
        (Gate.CONDITION, Verdict(Gate.CONDITION, "no"), "OTHER WORDS: claims: it lies; got 'no'"),
        (None, Verdict(Gate.IAM, "denied"), "A LEGITIMATE RUN WAS REFUSED: it lies; by IAM"),
    ],
)
def test_a_wrong_verdict_is_reported(by: Gate | None, verdict: Verdict, problem: str) -> None:
    """The message names the lie."""
    (row, *_) = (each for each in ROWS if each.layer == "claims")
    row = dataclasses.replace(row, lie="it lies", by=by, says=REJECTED)
    assert Judged(row=row, verdict=verdict).problem.startswith(problem)


def test_the_published_example_admits_lies_and_this_program_does_not(
    played: tuple[Target, list[Judged]],
) -> None:
    """The same rows tell a weak policy from a strong one: it admits more than a third."""
    target, ours = played
    weak = [judged.row for judged in matrix.judge(published(target), TO_RELEASE) if judged.accepted]
    assert [judged.row.by for judged in ours if judged.accepted] == [None] * len(LEGITIMATE)
    assert len(weak) > len(TO_RELEASE) / 3
    assert {
        "hwmodel GCP_SHIELDED_VM",
        "debugging enabled, all support attributes kept",
        "a replaced command",
        "an overridden variable LD_PRELOAD",
        "submods.gce.project_number 333333333333",
    } <= {row.lie for row in weak}


def test_the_deployed_condition_can_be_explained(target: Target) -> None:
    """It has one clause of this program for each claim."""
    read_back = read(target.provider.doc["attributeCondition"])
    assert {clause.claim for clause in read_back} == CLAIMS
    assert len(read_back) == len(CLAIMS)
