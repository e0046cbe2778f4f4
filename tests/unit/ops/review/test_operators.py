"""A review names the operator that a change is about."""

from __future__ import annotations

from typing import Any

import pytest

from infra import naming
from ops.review import grants, operators
from ops.review.change import Change, Effect, Section
from tests.fixtures.previews import (
    ACCOUNT_GRANT,
    BUCKET_GRANT,
    PROVIDER,
    RELEASE,
    UNKNOWN,
    Json,
    read_preview,
    reviewed,
    step,
    urn,
)
from tests.fixtures.tokens import BUCKET, DIGEST, policy


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


READERS = {name: f"reader-{name}@primus-models.iam.gserviceaccount.com" for name in ("a", "b")}
MODELS = {"a": "a7" * 32, "b": "b8" * 32}
POOLS = {
    name: f"projects/111111111111/locations/global/workloadIdentityPools/wip-{name}-1"
    for name in READERS
}


def release(name: str) -> Json:
    """The deployed provider of an operator with a model of its own."""
    condition = policy(
        model_reader=READERS[name],
        model_hashes=(MODELS[name],),
        audience=f"//iam.googleapis.com/{POOLS[name]}/providers/primus-wip-provider",
    ).condition
    inputs = {"attributeCondition": condition, "workloadIdentityPoolId": f"wip-{name}-1"}
    provider = step(
        "same",
        PROVIDER,
        f"primus-operator-{name}-attestation",
        old=inputs,
        new=inputs,
        parent=urn(RELEASE, f"primus-operator-{name}-attestation"),
    )
    provider["oldState"]["outputs"]["name"] = f"{POOLS[name]}/providers/primus-wip-provider"
    return provider


def acting(reader: str, pool: str) -> Json:
    """The inputs of a grant to act as an operator's reader, for the image of a pool."""
    return {
        "serviceAccountId": f"projects/primus-models/serviceAccounts/{READERS[reader]}",
        "role": "roles/iam.workloadIdentityUser",
        "member": f"principalSet://iam.googleapis.com/{POOLS[pool]}/attribute.image_digest/{DIGEST}",
    }


def reading(reader: str, model: str) -> Json:
    """The inputs of a grant to read an operator's model."""
    return {
        "bucket": BUCKET,
        "role": "roles/storage.objectViewer",
        "member": f"serviceAccount:{READERS[reader]}",
        "condition": {"expression": naming.only_model(BUCKET, MODELS[model])},
    }


def effects(*steps: Json) -> list[Effect]:
    """What the grants of these steps mean, beside two deployed releases."""
    return [change.effect for change in grants.changes(read_preview(*map(release, "ab"), *steps))]


@pytest.mark.parametrize(
    ("type_", "inputs", "effect"),
    [
        (ACCOUNT_GRANT, acting("b", "b"), Effect.ADMITTED),
        (ACCOUNT_GRANT, acting("b", "a"), Effect.LOOSENING),
        (BUCKET_GRANT, reading("a", "a"), Effect.ADMITTED),
        (BUCKET_GRANT, reading("a", "b"), Effect.LOOSENING),
    ],
)
def test_what_is_of_another_operator_is_a_loosening(
    type_: str, inputs: Json, effect: Effect
) -> None:
    """Only the conditions say whose pool, reader and model belong together."""
    assert effects(step("create", type_, "primus-x", new=inputs)) == [effect]


def test_a_grant_that_moves_to_the_pool_of_another_operator_is_a_loosening() -> None:
    """Neither made anew, nor another grant for the same image."""
    before, after = acting("b", "b"), acting("b", "a")
    assert Effect.LOOSENING in effects(
        step("replace", ACCOUNT_GRANT, "primus-x", old=before, new=after)
    )
    assert Effect.LOOSENING in effects(
        step("delete", ACCOUNT_GRANT, "primus-x", old=before),
        step("create", ACCOUNT_GRANT, "primus-y", new=after),
    )


@pytest.mark.parametrize(("reader", "effect"), [("a", Effect.ADMITTED), ("b", Effect.LOOSENING)])
def test_an_image_that_is_not_built_yet_acts_as_the_reader_of_its_own_release(
    reader: str, effect: Effect
) -> None:
    """Its member is not known, and the account that it may act as is."""
    name = "primus-operator-a-attestation"
    inputs: dict[str, Any] = {**acting(reader, "a"), "member": UNKNOWN}
    built = step(
        "create", ACCOUNT_GRANT, f"{name}-release-built", new=inputs, parent=urn(RELEASE, name)
    )
    built["urn"] = f"urn:pulumi:primus::p::{RELEASE}${ACCOUNT_GRANT}::{name}-release-built"
    assert effects(built) == [effect]


def test_a_release_without_a_condition_lends_no_reader() -> None:
    """Nobody can say whose the pool is."""
    bare = step("same", PROVIDER, old={"attributeCondition": ""}, new={"attributeCondition": ""})
    (change,) = grants.changes(
        read_preview(bare, step("create", ACCOUNT_GRANT, "x", new=acting("a", "a")))
    )
    assert change.effect is Effect.LOOSENING
