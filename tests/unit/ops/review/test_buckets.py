"""What would be lost, and what protects the rest."""

from __future__ import annotations

from typing import Any

import pytest

from ops.review import buckets
from ops.review.change import Effect
from tests.fixtures.previews import (
    BUCKET,
    OBJECT,
    REPOSITORY,
    UNKNOWN,
    Json,
    read_preview,
    step,
)


def bucket(**changes: Any) -> Json:
    """The inputs of a private bucket."""
    return {
        "name": "results",
        "location": "us-west1",
        "forceDestroy": False,
        "publicAccessPrevention": "enforced",
        "uniformBucketLevelAccess": True,
        **changes,
    }


def told(*steps: Json) -> list[tuple[Effect, str]]:
    """Effect and sentence of every change."""
    return [(each.effect, each.sentence) for each in buckets.changes(read_preview(*steps))]


def test_a_deleted_bucket_is_a_loss() -> None:
    """Google refuses while it holds something else than what the stack uploaded."""
    ((effect, sentence),) = told(step("delete", BUCKET, old=bucket()))
    assert effect is Effect.LOSS
    assert sentence.startswith("the bucket results is deleted, and every object in it is lost. Goo")


def test_a_bucket_that_is_forced_is_deleted_with_everything() -> None:
    """Nobody refuses then."""
    ((_, sentence),) = told(step("delete", BUCKET, old=bucket(forceDestroy=True)))
    assert sentence == "the bucket results is deleted, and every object in it is lost"


def test_a_replaced_bucket_is_a_loss_and_says_why() -> None:
    """A new location, for example."""
    moved = step("replace", BUCKET, old=bucket(), new=bucket(location="us-east1"))
    ((effect, sentence),) = told(moved)
    assert effect is Effect.LOSS
    assert sentence.startswith("the bucket results is replaced (location changes), and every")


def test_what_the_stack_uploads_again_is_counted() -> None:
    """It has the files of these; results it has not."""
    old, new = (bucket(forceDestroy=True, location=each) for each in ("us-west1", "us-east1"))
    moved = step("replace", BUCKET, old=old, new=new)
    pictures = [
        step(
            "replace",
            OBJECT,
            name,
            old={"bucket": where, "name": name},
            new={"bucket": "results", "name": name},
        )
        for name, where in (("a", "results"), ("b", "results"), ("c", "other"))
    ]
    ((_, sentence),) = told(moved, *pictures)
    assert sentence.endswith("every object in it is lost; `up` uploads 2 of them again")


def test_a_protected_bucket_is_not_lost_because_the_engine_refuses() -> None:
    """The review says it before the engine does."""
    ((_, sentence),) = told(step("delete", BUCKET, old=bucket(), protect=True))
    assert sentence.endswith("It is protected: the engine refuses the whole `up`")


def test_a_bucket_that_the_engine_only_forgets_is_not_lost() -> None:
    """`retainOnDelete`."""
    assert told(step("delete", BUCKET, old=bucket(), retainOnDelete=True)) == []


def test_a_replaced_repository_loses_its_images() -> None:
    """Until they are pushed again, no machine can boot one."""
    old, new = ({"repositoryId": "images", "location": each} for each in ("us", "europe"))
    ((effect, sentence),) = told(step("replace", REPOSITORY, old=old, new=new))
    assert effect is Effect.LOSS
    assert sentence == (
        "the image repository images is replaced (location changes), and every image in it is lost"
    )


def test_a_deleted_model_is_named() -> None:
    """Its hash may be admitted still."""
    model = {"bucket": "models", "name": "models/ab/model.tar.gz"}
    assert told(step("delete", OBJECT, old=model)) == [
        (Effect.LOSS, "the model models/ab/model.tar.gz is deleted from the bucket models")
    ]


@pytest.mark.parametrize(("number", "shown"), [(1, 1), (10, 10), (11, 11), (500, 11)])
def test_deleted_pictures_are_counted_and_the_first_are_named(number: int, shown: int) -> None:
    """A folder may hold ten thousand."""
    steps = [
        step("delete", OBJECT, f"p{each}", old={"bucket": "input", "name": f"{each:05}.jpg"})
        for each in range(number)
    ]
    (change,) = buckets.changes(read_preview(*steps))
    assert change.effect is Effect.LOSS
    assert str(number) in change.sentence
    assert len(change.details) == shown
    assert change.details[0] == "00000.jpg"


def test_a_picture_that_is_uploaded_again_is_not_lost() -> None:
    """Its source is the file."""
    picture = {"bucket": "results", "name": "a.jpg", "source": {"hash": "1", "path": "a"}}
    moved = {**picture, "contentType": "x", "source": {"hash": "1", "path": "b"}}
    same = step("same", BUCKET, old=bucket(), new=bucket())
    assert told(same, step("replace", OBJECT, old=picture, new=moved)) == []
    assert told(same, step("update", OBJECT, old=picture, new=picture)) == []


@pytest.mark.parametrize(("key", "other"), [("source", {"hash": "2"}), ("content", "x")])
def test_an_object_that_is_overwritten_is_lost(key: str, other: Any) -> None:
    """The model bucket keeps no deleted object for a day, and has no versions."""
    model = {"bucket": "results", "name": "models/ab/model.tar.gz", "source": {"hash": "1"}}
    same = step("same", BUCKET, old=bucket(), new=bucket())
    changed = step("replace", OBJECT, old=model, new={**model, key: other})
    (change,) = buckets.changes(read_preview(same, changed))
    assert change.effect is Effect.LOSS
    assert change.sentence == "the content of 1 object in the bucket results is overwritten"
    assert change.details == ("models/ab/model.tar.gz",)


def test_a_file_that_goes_into_a_bucket_of_others_is_a_loosening() -> None:
    """A new resource needs no grant of this stack for that."""
    same = step("same", BUCKET, old=bucket(), new=bucket())
    inside, outside, unknown = (
        step("create", OBJECT, str(each), new={"bucket": each, "name": "m"})
        for each in ("results", "eve", UNKNOWN)
    )
    assert told(same, inside) == []
    ((effect, sentence),) = told(same, outside)
    assert effect is Effect.LOOSENING
    assert sentence.startswith("1 file of this machine will be uploaded into the bucket eve, which")
    ((effect, sentence),) = told(same, unknown)
    assert (effect, sentence) == (
        Effect.UNKNOWN,
        "into which bucket 1 file of this machine will be uploaded",
    )


@pytest.mark.parametrize("old", [None, {"name": "other"}], ids=["first", "another before"])
def test_an_existing_bucket_that_is_used_from_now_on_is_shown(old: Json | None) -> None:
    """The program has required that it is of the stack's project: no alarm for what goes in."""
    used = step("read", BUCKET, old=old, new={}, id="photos")
    upload = step("create", OBJECT, new={"bucket": "photos", "name": "m"})
    ((effect, sentence),) = told(used, upload)
    assert effect is Effect.OTHER
    assert sentence.startswith("the existing bucket photos is used from now on")
    assert told(step("read", BUCKET, old={"name": "photos"}, new={}, id="photos"), upload) == []


def test_a_bucket_that_is_not_listed_may_be_one_of_the_stack() -> None:
    """Without --show-sames the review says that it judges little."""
    upload = step("create", OBJECT, new={"bucket": "results", "name": "m"})
    preview = read_preview(upload, changeSummary={"same": 1})
    assert list(buckets.changes(preview)) == []


@pytest.mark.parametrize("op", ["create", "update"])
def test_a_setting_of_a_bucket_that_is_not_known_cannot_be_judged(op: str) -> None:
    """It may delete objects, or let somebody in; what the plugin adds by itself does not."""
    defaults = {"__defaults": ["storageClass", "rpo"], "storageClass": "STANDARD", "rpo": "x"}
    old = bucket() if op == "update" else None
    assert told(step(op, BUCKET, old=old, new=bucket(**defaults))) == []
    ((effect, sentence),) = told(step(op, BUCKET, old=old, new=bucket(website={"a": "b"})))
    assert effect is Effect.UNJUDGED
    assert sentence == "the bucket results has settings that the review does not know: website"


def test_a_repository_that_deletes_images_cannot_be_judged() -> None:
    """By a clean-up policy."""
    old = {"repositoryId": "images", "location": "us", "labels": {}}
    new = {**old, "labels": {"a": "b"}, "cleanupPolicies": [{"action": "DELETE"}]}
    ((effect, sentence),) = told(step("update", REPOSITORY, old=old, new=new))
    assert effect is Effect.UNJUDGED
    assert sentence == "the image repository it also changes: cleanupPolicies"
    assert told(step("update", REPOSITORY, old=old, new={**old, "labels": {"a": "b"}})) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("publicAccessPrevention", "inherited"),
        ("publicAccessPrevention", None),
        ("uniformBucketLevelAccess", False),
        ("uniformBucketLevelAccess", None),
    ],
)
def test_a_weaker_bucket_is_a_loosening(key: str, value: Any) -> None:
    """Also if the program no longer says it; and the way back is a tightening."""
    weak = bucket(**{key: value})
    ((effect, sentence),) = told(step("update", BUCKET, old=bucket(), new=weak))
    assert effect is Effect.LOOSENING
    assert sentence.startswith("the bucket results: ")
    ((effect, _),) = told(step("update", BUCKET, old=weak, new=bucket()))
    assert effect is Effect.TIGHTENING
    ((effect, _),) = told(step("create", BUCKET, new=weak))
    assert effect is Effect.LOOSENING


@pytest.mark.parametrize("key", ["publicAccessPrevention", "uniformBucketLevelAccess"])
def test_an_unknown_protection_is_not_known(key: str) -> None:
    """It could be weaker."""
    changed = step("update", BUCKET, old=bucket(), new=bucket(**{key: UNKNOWN}))
    ((effect, _),) = told(changed)
    assert effect is Effect.UNKNOWN


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (False, True, "forceDestroy is true, and no longer false: `destroy`, or a replacement,"),
        (True, False, "forceDestroy is false, and no longer true: Google refuses to delete"),
    ],
)
def test_a_forced_deletion_is_mentioned(words: str, *, before: bool, after: bool) -> None:
    """It loses nothing yet."""
    changed = step(
        "update", BUCKET, old=bucket(forceDestroy=before), new=bucket(forceDestroy=after)
    )
    ((effect, sentence),) = told(changed)
    assert effect is Effect.NOTE
    assert words in sentence


@pytest.mark.parametrize(
    ("before", "after", "expected", "words"),
    [
        (604800, 0, Effect.LOOSENING, "for 0 days, and no longer for 7 days"),
        (None, 86400, Effect.LOOSENING, "for 1 day, and no longer for 7 days (Google's default)"),
        (0, 604800, Effect.NOTE, "for 7 days, and no longer for 0 days"),
        (
            0,
            UNKNOWN,
            Effect.NOTE,
            "for a time that is not known before `up`, and no longer for 0 days",
        ),
    ],
)
def test_another_soft_delete_says_how_long(
    before: Any, after: Any, expected: Effect, words: str
) -> None:
    """In days; a shorter one is a weaker guard."""
    old, new = (
        bucket(softDeletePolicy=None if each is None else {"retentionDurationSeconds": each})
        for each in (before, after)
    )
    ((effect, sentence),) = told(step("update", BUCKET, old=old, new=new))
    assert effect is expected
    assert words in sentence


def test_a_soft_delete_that_the_program_does_not_mention_stays() -> None:
    """Google keeps what the bucket has."""
    old = bucket(softDeletePolicy={"retentionDurationSeconds": 604800})
    assert told(step("update", BUCKET, old=old, new=bucket(labels={"a": "b"}))) == []


def test_other_settings_are_named() -> None:
    """A rule that deletes objects by their age loses them."""
    ((effect, sentence),) = told(
        step("update", BUCKET, old=bucket(), new=bucket(storageClass="COLDLINE"))
    )
    assert (effect, sentence) == (Effect.NOTE, "the bucket results also changes: storageClass")
    rule = [{"action": {"type": "Delete"}, "condition": {"age": 1}}]
    ((effect, _),) = told(step("update", BUCKET, old=bucket(), new=bucket(lifecycleRules=rule)))
    assert effect is Effect.LOSS


KEPT = {"versioning": {"enabled": True}}
OLD_ONES = {
    "action": {"type": "Delete"},
    "condition": {"daysSinceNoncurrentTime": 30, "withState": "ARCHIVED"},
}
PARTS = {
    "action": {"type": "Delete"},
    "condition": {
        "daysSinceNoncurrentTime": 1,
        "withState": "ARCHIVED",
        "matchesPrefixes": ["parts/"],
    },
}


@pytest.mark.parametrize(
    ("old", "new", "effect", "said"),
    [
        ({}, KEPT, Effect.NOTE, "keeps what is deleted or overwritten, as former versions"),
        (
            {"softDeletePolicy": {"retentionDurationSeconds": 0}},
            {**KEPT, "softDeletePolicy": {"retentionDurationSeconds": 0}},
            Effect.LOOSENING,
            "keeps what is deleted or overwritten",
        ),
        (KEPT, {}, Effect.NOTE, "keeps no more former versions"),
        (KEPT, {"versioning": {"enabled": False}}, Effect.NOTE, "keeps no more former versions"),
        ({}, {"versioning": {"enabled": UNKNOWN}}, Effect.UNKNOWN, "whether the bucket results"),
        ({}, {"lifecycleRules": [OLD_ONES]}, Effect.NOTE, "are deleted after 30 days"),
        ({}, {"lifecycleRules": [PARTS]}, Effect.NOTE, "below parts/ are deleted after 1 day"),
        ({"lifecycleRules": [PARTS]}, {}, Effect.NOTE, "has no lifecycle rules any more"),
        ({}, {"lifecycleRules": UNKNOWN}, Effect.UNKNOWN, "the lifecycle rules of the bucket"),
        (
            {},
            {"lifecycleRules": [{"action": {"type": "Delete"}, "condition": {"age": 3}}]},
            Effect.LOSS,
            "it may delete objects",
        ),
    ],
)
def test_what_becomes_of_former_versions_is_said(
    old: dict[str, Any], new: dict[str, Any], effect: Effect, said: str
) -> None:
    """A model bucket is to forget at once; a rule about live objects loses them."""
    ((found, sentence),) = told(step("update", BUCKET, old=bucket(**old), new=bucket(**new)))
    assert found is effect
    assert said in sentence


def test_rules_that_stay_are_not_mentioned() -> None:
    """Another setting changes."""
    old = bucket(**KEPT, lifecycleRules=[OLD_ONES])
    new = bucket(**KEPT, lifecycleRules=[OLD_ONES], storageClass="COLDLINE")
    ((_, sentence),) = told(step("update", BUCKET, old=old, new=new))
    assert "storageClass" in sentence
