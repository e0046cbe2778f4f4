"""Nothing that an operator can say gets the model, and who should get it does."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING

import pytest

from infra.attestation.release_policy import CLAIMS, read
from ops import why
from ops.cause import RefusedBy
from ops.evidence import Evidence, Kind
from rehearsal.attacks import matrix
from rehearsal.attacks.gates import REJECTED, Gate, Verdict
from rehearsal.attacks.matrix import LEGITIMATE, LIES, ROWS, Judged
from rehearsal.attacks.published_example import published
from rehearsal.attacks.target import PICTURES

if TYPE_CHECKING:
    from rehearsal.attacks.scenario import Row
    from rehearsal.attacks.target import Deployment, World

pytestmark = pytest.mark.engine

TO_RELEASE = [row for row in ROWS if row.layer != "workload" and row.by is not None]
"""The lies that are told to whoever releases the model; the others are told to the workload."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_row_ends_as_it_must(told: World, row: Row) -> None:
    """The one who must refuse refuses first, in Google's words; a legitimate run is let in."""
    assert Judged(row=row, verdict=row.attempt(told)).problem == ""


def test_a_whole_launch_of_the_declared_machine_classifies(
    told: World, deployment: Deployment
) -> None:
    """What the matrix plays in process also happens: the machine's own workload left results."""
    objects = deployment.local.cloud.buckets[told.result_bucket].objects
    records = [json.loads(line) for line in objects["results.jsonl"].data.splitlines()]
    assert len(records) == PICTURES
    assert all("label" in record for record in records)


@pytest.fixture(scope="module")
def played(told: World) -> tuple[World, list[Judged]]:
    """Every row told to whoever releases the model, and the world that holds what it presented."""
    fresh = told.copy()
    fresh.presented, fresh.unmapped = [], []
    return fresh, matrix.judge(fresh, (*TO_RELEASE, *LEGITIMATE))


def test_the_engine_and_the_explanation_agree_on_every_row(
    played: tuple[World, list[Judged]],
) -> None:
    """A clause is named exactly when the deployed condition refuses."""
    world, _ = played
    assert {admitted for _, admitted in world.presented} == {True, False}
    assert matrix.disagreements(world) == []


def test_ops_why_explains_every_row_that_the_condition_refuses(
    played: tuple[World, list[Judged]],
) -> None:
    """Claims are refused with at least one failed clause and its cure, or admitted with none."""
    world, _ = played
    condition = world.provider.doc["attributeCondition"]
    for claims, admitted in world.presented:
        verdict = why.judge(Evidence(kind=Kind.CLAIMS, claims=claims), condition, time.time())
        assert verdict.refused_by is (None if admitted else RefusedBy.CONDITION), claims
        assert any(clause.fix for clause in verdict.clauses) is not admitted


def test_ops_why_explains_every_row_that_the_mapping_refuses(
    played: tuple[World, list[Judged]],
) -> None:
    """Such claims never come to the condition, and are not called admitted."""
    world, _ = played
    condition = world.provider.doc["attributeCondition"]
    whole = [claims for claims in world.unmapped if "\0" not in str(claims["swname"])]
    assert len(whole) > 10
    for claims in whole:
        verdict = why.judge(Evidence(kind=Kind.CLAIMS, claims=claims), condition, time.time())
        assert verdict.refused_by is RefusedBy.TOKEN_SERVICE, claims


def test_a_wrong_explanation_would_be_seen(told: World) -> None:
    """The comparison can fail, in both directions."""
    fresh = told.copy()
    claims = json.loads(json.dumps(told.claims)) | {"dbgstat": "enabled"}
    fresh.presented = [(claims, True), (told.claims, False), (told.claims, True)]
    assert matrix.disagreements(fresh) == [claims, told.claims]


def test_there_are_enough_lies_and_no_two_are_the_same() -> None:
    """A row that is told twice counts once."""
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert len(LIES) >= 60


def test_every_gate_is_the_first_to_refuse_something() -> None:
    """Otherwise it would not be known to work."""
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
def test_what_is_wrong_with_a_row_is_said(by: Gate | None, verdict: Verdict, problem: str) -> None:
    """The message names the lie that got in."""
    (row, *_) = (each for each in ROWS if each.layer == "claims")
    row = dataclasses.replace(row, lie="it lies", by=by, says=REJECTED)
    assert Judged(row=row, verdict=verdict).problem.startswith(problem)


def test_the_published_example_lets_lies_in_and_ours_does_not(
    played: tuple[World, list[Judged]],
) -> None:
    """The same rows tell a weak policy from a strong one: more than a third get in there."""
    world, ours = played
    weak = [judged.row for judged in matrix.judge(published(world), TO_RELEASE) if judged.accepted]
    assert [judged.row.by for judged in ours if judged.accepted] == [None] * len(LEGITIMATE)
    assert len(weak) > len(TO_RELEASE) / 3
    assert {
        "hwmodel GCP_SHIELDED_VM",
        "debugging enabled, all support attributes kept",
        "a replaced command",
        "an overridden variable LD_PRELOAD",
        "submods.gce.project_number 333333333333",
    } <= {row.lie for row in weak}


def test_the_deployed_condition_is_one_that_can_be_explained(told: World) -> None:
    """All of it is clauses of the program's own, one about each claim that can be pinned."""
    read_back = read(told.provider.doc["attributeCondition"])
    assert {clause.claim for clause in read_back} == CLAIMS
    assert len(read_back) == len(CLAIMS)
