"""A review names the operator that a change is about."""

from __future__ import annotations

import pytest

from ops.review import operators
from ops.review.change import Change, Effect, Section
from tests.fixtures.previews import PROVIDER, reviewed, step
from tests.fixtures.tokens import policy


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        ("primus-operator-acme-attestation", "acme"),
        ("primus-operator-acme-attestation-release-built", "acme"),
        ("primus-operator-acme-attestation-release-0123456789ab", "acme"),
        ("primus-operator-acme-model-reader", "acme"),
        ("primus-model-operator-acme-reader-0123456789ab", "acme"),
        ("primus-operator-a-attestation-attestation", "a-attestation"),
        ("primus-operator-a-model-reader-model-reader", "a-model-reader"),
        ("primus-attestation", ""),
        ("primus-attestation-release-built", ""),
        ("primus-model-reader-0123456789ab", ""),
        ("primus-images-operator-333333333333", ""),
        ("secundus-operator-user:a@b.example", ""),
    ],
)
def test_the_operator_is_the_one_in_the_resources_name(name: str, operator: str) -> None:
    """Of the operator without a name, nothing is said."""
    change = Change(
        effect=Effect.NOTE, section=Section.RELEASE, sentence="it changes", urn=f"urn::x::{name}"
    )
    expected = f"operator {operator}: it changes" if operator else "it changes"
    assert operators.named(change).sentence == expected


def test_two_operators_of_one_preview_are_told_apart() -> None:
    """The same clause is dropped for one, and a digest comes for the other."""
    before, dropped = policy(), policy()
    text = "\n".join(dropped.condition.splitlines()[1:])
    steps = [
        step(
            "update",
            PROVIDER,
            f"primus-operator-{name}-attestation",
            old={"attributeCondition": before.condition},
            new={"attributeCondition": text},
        )
        for name in ("acme", "borg")
    ]
    sentences = [change.sentence for change in reviewed(*steps).alarms]
    assert [each.partition(":")[0] for each in sentences if "no longer required" in each] == [
        "operator acme",
        "operator borg",
    ]
