"""What a stack stops managing, or takes over, is no loss: the review says whose it is."""

from __future__ import annotations

from typing import Any

from ops.review.change import Effect
from tests.fixtures.previews import BUCKET, POOL, REPOSITORY, Json, read_preview, reviewed, step

SETTINGS = {
    "name": "photos",
    "location": "US-WEST1",
    "publicAccessPrevention": "enforced",
    "uniformBucketLevelAccess": True,
}


def given_up() -> Json:
    """The stack has created the bucket, and only reads it from then on."""
    made = step("read", BUCKET, old=SETTINGS, new={}, id="photos")
    made["newState"]["external"] = True
    return made


def taken_over(kind: str, inputs: dict[str, Any]) -> Json:
    """The stack has only read the resource, and manages it from then on."""
    made = step("replace", kind, old={}, new=inputs, id="photos")
    made["oldState"] |= {"external": True, "delete": True, "outputs": inputs}
    return made


def alarming(*steps: Json) -> list[str]:
    """The sentences that nobody may overlook, but for what a rule advises."""
    return [each.sentence for each in reviewed(*steps).alarms if each.effect is not Effect.ADVICE]


def notes(*steps: Json) -> list[str]:
    """The sentences of all notes."""
    return [each.sentence for each in reviewed(*steps).changes if each.effect is Effect.NOTE]


def test_a_bucket_that_becomes_existing_stays_as_it_is() -> None:
    """Nothing is deleted, and nobody gets access."""
    assert alarming(given_up()) == []
    (sentence,) = notes(given_up())
    assert sentence.startswith(f"{BUCKET} photos stays as it is, and this stack manages it no")
    assert sentence.endswith("read and checked, and never changed or deleted")


def test_what_has_been_read_before_is_no_news() -> None:
    """It is read on every preview."""
    again = step("read", BUCKET, old={}, new={}, external=True)
    assert notes(again) == []
    assert notes(step("read", BUCKET, new={}, external=True)) == []


def test_an_existing_resource_that_is_adopted_is_neither_lost_nor_new() -> None:
    """The engine calls it a replacement, which would lose what is in the bucket or the pool."""
    for kind, inputs in (
        (BUCKET, SETTINGS),
        (REPOSITORY, {"repositoryId": "r", "mode": "STANDARD_REPOSITORY"}),
        (POOL, {"workloadIdentityPoolId": "primus-wip-1a2b3c"}),
    ):
        adopted = taken_over(kind, inputs)
        assert alarming(adopted) == []
        (sentence,) = notes(adopted)
        assert sentence.startswith(f"{kind} photos, which exists, is this stack's own from then on")
        assert "`destroy` deletes it" in sentence


def test_a_change_by_the_adoption_is_judged() -> None:
    """As a change of any other bucket."""
    adopted = taken_over(BUCKET, {**SETTINGS, "forceDestroy": True})
    adopted["oldState"]["outputs"] = {**SETTINGS, "forceDestroy": False}
    assert any("forceDestroy is true" in each for each in notes(adopted))


def test_the_first_adoption_is_an_import() -> None:
    """The stack had never read it."""
    (sentence,) = notes(step("import", BUCKET, new=SETTINGS, id="photos"))
    assert sentence.startswith(f"{BUCKET} photos, which exists, is this stack's own")


def test_a_replacement_by_what_others_have_made_is_a_loss() -> None:
    """Another name in `existing`: the stack's own bucket ends."""
    moved = step("replace", BUCKET, old=SETTINGS, new={}, id="photos")
    moved["newState"] |= {"external": True, "id": "others"}
    assert any("the bucket photos is replaced" in each for each in alarming(moved))
    assert not any(step.op == "import" for step in read_preview(moved).steps)
