"""Two conditions are compared by what they admit, not by their text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.attestation.clause import in_one_line
from infra.attestation.release_policy import AND, UNBUILT
from ops.review.change import Change, Effect
from ops.review.conditions import Condition, compare, described, first
from tests.fixtures.tokens import DIGEST, MODEL, NEXT_DIGEST, policy

TEXT = policy().condition


def of(**changes: Any) -> Condition:
    """The condition of a policy with changes."""
    return Condition(text=policy(**changes).condition)


def told(changes: tuple[Change, ...]) -> list[tuple[Effect, str]]:
    """Effect and sentence of each."""
    return [(change.effect, change.sentence) for change in changes]


@pytest.mark.parametrize(
    "text",
    [TEXT, AND.join(in_one_line(clause.cel) for clause in policy().clauses)],
    ids=["the same text", "the form of an earlier version"],
)
def test_another_form_of_the_same_condition_is_no_change(text: str) -> None:
    """Nothing else is admitted."""
    assert compare(Condition(text=text), Condition(text=TEXT)) == ()


@pytest.mark.parametrize("clause", policy().clauses, ids=lambda clause: clause.claim)
def test_every_dropped_clause_is_a_loosening_with_its_consequence(clause: Any) -> None:
    """In the clause's own words."""
    shorter = AND.join(each.cel for each in policy().clauses if each != clause)
    (change,) = compare(Condition(text=TEXT), Condition(text=shorter))
    assert change.effect is Effect.LOOSENING
    assert change.sentence.endswith(f"{clause.sentence}. After this change {clause.without}")


@pytest.mark.parametrize("clause", policy().clauses, ids=lambda clause: clause.claim)
def test_every_added_clause_is_a_tightening(clause: Any) -> None:
    """It also says what is expected."""
    shorter = AND.join(each.cel for each in policy().clauses if each != clause)
    (change,) = compare(Condition(text=shorter), Condition(text=TEXT))
    assert change.effect is Effect.TIGHTENING
    assert clause.sentence in change.sentence
    assert clause.expected in change.sentence


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"image_digests": (DIGEST, NEXT_DIGEST)},
            [(Effect.ADMITTED, f"image {NEXT_DIGEST} is admitted")],
        ),
        (
            {"image_digests": (NEXT_DIGEST,)},
            [
                (Effect.ADMITTED, f"image {NEXT_DIGEST} is admitted"),
                (Effect.RETIRED, f"image {DIGEST} is admitted no longer"),
            ],
        ),
        (
            {"image_digests": (UNBUILT, DIGEST)},
            [(Effect.ADMITTED, "the image that `up` builds from this commit is admitted")],
        ),
        (
            {"model_hashes": (MODEL, "0" * 64)},
            [(Effect.ADMITTED, f"model {'0' * 64} is admitted")],
        ),
        (
            {"hardware": ("GCP_AMD_SEV",)},
            [
                (
                    Effect.TIGHTENING,
                    "its memory is encrypted by hardware: GCP_INTEL_TDX is accepted no longer",
                )
            ],
        ),
        (
            {"project_number": "333333333333"},
            [
                (
                    Effect.OTHER,
                    (
                        "it runs in the operator's project: "
                        '"333333333333" is required, and no longer "222222222222"'
                    ),
                )
            ],
        ),
    ],
    ids=["one more image", "another image", "a built image", "model", "hardware", "operator"],
)
def test_a_changed_value_says_who_comes_and_who_goes(
    changes: dict[str, Any], expected: list[tuple[Effect, str]]
) -> None:
    """Lists by their entries, everything else as a whole."""
    assert told(compare(of(), of(**changes))) == expected


def test_a_further_variable_of_the_operator_is_a_loosening() -> None:
    """Not an admission: the list guards, and its entries do not come and go in rollouts."""
    environment = (*policy().environment, "LD_PRELOAD")
    (change,) = compare(of(), of(environment=environment))
    assert change.effect is Effect.LOOSENING
    assert "LD_PRELOAD is accepted, too" in change.sentence


@pytest.mark.parametrize("text", ["", " \n"])
def test_no_condition_at_all_is_a_loosening(text: str) -> None:
    """Google would admit every token of its attestation service."""
    for changes in (compare(of(), Condition(text=text)), first(Condition(text=text))):
        assert [change.effect for change in changes] == [Effect.LOOSENING]


def test_a_first_condition_after_none_is_a_tightening() -> None:
    """Every clause of it."""
    changes = compare(Condition(text=""), of())
    assert {change.effect for change in changes} == {Effect.TIGHTENING}
    assert len(changes) == len(policy().clauses)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{TEXT} || true", "'workload-sa@secundus-vision.iam.gserviceaccount.com' || true"),
        (f"true || false{AND}{TEXT}", "line 1: true || false"),
        ("assertion.swname != ''", "line 1: assertion.swname != ''"),
    ],
)
@pytest.mark.parametrize("before", [True, False], ids=["deployed", "new"])
def test_a_line_of_other_origin_cannot_be_judged(text: str, shown: str, *, before: bool) -> None:
    """One `||` makes all other lines meaningless, so no other change is claimed."""
    other = Condition(text=text)
    (change,) = compare(other, of()) if before else compare(of(), other)
    assert change.effect is Effect.UNJUDGED
    assert change.sentence.startswith("the deployed condition" if before else "the condition")
    (detail,) = change.details
    assert detail.endswith(shown)


def test_two_clauses_about_one_claim_cannot_be_judged() -> None:
    """Only one of them would be compared."""
    twice = f"{TEXT}{AND}assertion.dbgstat == 'disabled-since-boot'"
    (change,) = compare(of(), Condition(text=twice))
    assert change.effect is Effect.UNJUDGED
    assert "dbgstat" in change.sentence


NEWER = {
    "requires": "it is of a newer kind",
    "without": "an older kind is admitted",
    "cel": "assertion.newer.claim in [\n  'a',\n  'b',\n]",
}


def test_a_clause_that_only_the_state_describes_can_be_named() -> None:
    """The branch may have dropped it, so this version's program does not know it."""
    text = f"{TEXT}{AND}{NEWER['cel']}"
    known = described({"newer.claim": NEWER})
    (change,) = compare(Condition(text=text, described=known), of())
    assert change.effect is Effect.LOOSENING
    assert change.sentence.endswith(
        "it is of a newer kind. After this change an older kind is admitted"
    )
    more = text.replace("'b'", "'b',\n  'c'")
    wider = {**NEWER, "cel": NEWER["cel"].replace("'b'", "'b',\n  'c'")}
    (change,) = compare(
        Condition(text=text, described=known),
        Condition(text=more, described=described({"newer.claim": wider})),
    )
    assert (change.effect, change.sentence) == (
        Effect.LOOSENING,
        "it is of a newer kind: c is accepted, too",
    )


@pytest.mark.parametrize("listed", [None, "text", [None], {"a": None}, {"a": {"cel": "b"}}])
def test_a_description_of_another_form_is_left_out(listed: object) -> None:
    """A program of another version may register something else."""
    assert described(listed) == ()


def test_the_first_condition_lists_what_it_requires() -> None:
    """With words in place of a digest that nobody knows yet."""
    (change,) = first(of(image_digests=(UNBUILT,)))
    assert change.effect is Effect.ADMITTED
    assert len(change.details) == len(policy().clauses)
    assert any("the image that `up` builds from this commit" in each for each in change.details)


def test_a_first_condition_of_other_origin_cannot_be_judged() -> None:
    """Nobody knows what it admits."""
    (change,) = first(Condition(text="true"))
    assert (change.effect, change.details) == (Effect.UNJUDGED, ("line 1: true",))


@pytest.mark.parametrize(
    ("claim", "old", "new"),
    [
        ("secboot", "assertion.secboot == false", "assertion.secboot == true"),
        ("hwmodel", "!(assertion.hwmodel in ['GCP_AMD_SEV'])", "assertion.hwmodel in ["),
        ("dbgstat", "assertion.dbgstat != 'disabled-since-boot'", "assertion.dbgstat == '"),
    ],
)
def test_a_clause_of_another_form_cannot_be_judged(claim: str, old: str, new: str) -> None:
    """Values can be compared. An operator cannot: the clause may say the opposite, or nothing."""
    clauses = tuple(
        replace(each, cel=old) if each.claim == claim else each
        for each in described(policy().described())
    )
    deployed = Condition(text=AND.join(each.cel for each in clauses), described=clauses)
    (change,) = compare(deployed, Condition(text=TEXT))
    assert change.effect is Effect.UNJUDGED
    assert change.sentence.startswith(f"the clause about {claim} is another one")
    assert change.details[0] == f"deployed: {old}"
    assert change.details[1].startswith(f"new: {new}")
