"""Pools, providers and images: who may act as the model's reader by attestation."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from infra import naming
from infra.attestation.release_policy import ISSUER, MAPPING, TOKEN_AUDIENCE, UNBUILT
from ops.review import release
from ops.review.change import Effect
from tests.fixtures.previews import (
    IMAGE,
    POOL,
    PROVIDER,
    RELEASE,
    UNKNOWN,
    Json,
    read_preview,
    step,
    urn,
)
from tests.fixtures.tokens import AUDIENCE, DIGEST, NEXT_DIGEST, policy

POOL_ID = "primus-wip-1a2b3c"


def provider(**changes: Any) -> Json:
    """The inputs of a provider as this program declares it."""
    return {
        "attributeCondition": policy().condition,
        "attributeMapping": dict(MAPPING),
        "oidc": {"issuerUri": ISSUER, "allowedAudiences": [TOKEN_AUDIENCE]},
        "workloadIdentityPoolId": POOL_ID,
        "workloadIdentityPoolProviderId": "primus-wip-provider",
        **changes,
    }


def component(**changes: Any) -> Json:
    """The inputs of the component that describes the clauses of its provider."""
    unnamed = AUDIENCE.replace("1a2b3c", naming.NO_SUFFIX)
    declared = policy(**{"image_digests": (UNBUILT,), "audience": unnamed, **changes})
    return {"declaredClauses": declared.described()}


def told(*steps: Json) -> list[tuple[Effect, str]]:
    """Effect and sentence of every change of the release."""
    return [(each.effect, each.sentence) for each in release.changes(read_preview(*steps))]


def with_component(op: str, **inputs: Any) -> Json:
    """The step of a provider below its component."""
    return step(op, PROVIDER, **inputs, parent=urn(RELEASE, "release"))


def test_an_unknown_condition_is_judged_as_the_program_declares_it() -> None:
    """The pool's id is known, so the clause about the provider does not change."""
    told_ = told(
        step("same", RELEASE, "release", old=component(), new=component()),
        with_component("update", old=provider(), new=provider(attributeCondition=UNKNOWN)),
    )
    assert told_ == [
        (Effect.ADMITTED, "the image that `up` builds from this commit is admitted"),
        (Effect.RETIRED, f"image {DIGEST} is admitted no longer"),
        (Effect.NOTE, release.DECLARED),
    ]


def test_another_clause_of_an_unknown_condition_is_judged_too() -> None:
    """The image alone is unknown."""
    wider = component(hardware=("GCP_AMD_SEV",))
    narrow = provider(attributeCondition=policy(hardware=("GCP_AMD_SEV",)).condition)
    told_ = told(
        step("update", RELEASE, "release", old=wider, new=component()),
        with_component("update", old=narrow, new=provider(attributeCondition=UNKNOWN)),
    )
    assert (
        Effect.LOOSENING,
        "its memory is encrypted by hardware: GCP_INTEL_TDX is accepted, too",
    ) in told_


def test_a_pool_with_a_new_id_changes_the_clause_about_the_provider() -> None:
    """Its suffix is not known yet."""
    told_ = told(
        step("same", RELEASE, "release", old=component(), new=component()),
        with_component(
            "replace",
            old=provider(),
            new=provider(attributeCondition=UNKNOWN, workloadIdentityPoolId=UNKNOWN),
        ),
    )
    assert any(
        effect is Effect.OTHER and "primus-wip-000000" in sentence for effect, sentence in told_
    )


@pytest.mark.parametrize("known", [True, False], ids=["known text", "declared text"])
def test_a_branch_cannot_describe_a_text_as_harmless(*, known: bool) -> None:
    """What it declares is judged by the clauses of the program, like what it deploys."""
    harmless = {"requires": "it is harmless", "without": "nothing is admitted", "cel": "true || x"}
    declared = component()["declaredClauses"] | {"harmless": harmless}
    text = f"{policy().condition} &&\ntrue || x" if known else UNKNOWN
    told_ = told(
        step("update", RELEASE, "release", old=component(), new={"declaredClauses": declared}),
        with_component("update", old=provider(), new=provider(attributeCondition=text)),
    )
    assert (
        Effect.UNJUDGED,
        "the condition holds what this program does not write:",
    ) in told_


@pytest.mark.parametrize(
    "inputs", [None, {}, {"declaredClauses": UNKNOWN}], ids=["no component", "older", "unknown"]
)
def test_an_unknown_condition_that_nobody_declares_is_not_known(inputs: Json | None) -> None:
    """It is an alarm: nothing can be said of the release."""
    steps = () if inputs is None else (step("same", RELEASE, "release", old=inputs, new=inputs),)
    changed = with_component("update", old=provider(), new=provider(attributeCondition=UNKNOWN))
    ((effect, sentence),) = told(*steps, changed)
    assert effect is Effect.UNKNOWN
    assert sentence.startswith("the condition of the provider it")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"oidc": {"issuerUri": "https://x.example", "allowedAudiences": []}}, "oidc.issuerUri"),
        (
            {"oidc": {"issuerUri": ISSUER, "allowedAudiences": [TOKEN_AUDIENCE, "other"]}},
            "oidc.allowedAudiences",
        ),
        (
            {
                "oidc": {
                    "issuerUri": ISSUER,
                    "allowedAudiences": [TOKEN_AUDIENCE],
                    "jwksJson": "{}",
                }
            },
            "oidc.jwksJson",
        ),
        ({"attributeMapping": {"google.subject": "assertion.sub"}}, "attributeMapping"),
        ({"aws": {"accountId": "1"}}, "aws"),
    ],
)
def test_trust_in_others_is_a_loosening(changes: Json, key: str) -> None:
    """Whose tokens are accepted, and what is read from them, guards like the condition."""
    loosened = told(step("update", PROVIDER, old=provider(), new=provider(**changes)))
    assert (
        Effect.LOOSENING,
        f"{key} of the provider it is not that of this program:",
    ) in loosened
    back = told(step("update", PROVIDER, old=provider(**changes), new=provider()))
    assert any(
        effect is Effect.OTHER and sentence.startswith(f"{key} of the provider it becomes that")
        for effect, sentence in back
    )
    same = told(step("same", PROVIDER, old=provider(**changes), new=provider(**changes)))
    assert same == []


def test_an_unknown_issuer_is_not_known() -> None:
    """It could be anybody."""
    unknown = {"issuerUri": UNKNOWN, "allowedAudiences": [TOKEN_AUDIENCE]}
    changed = step("update", PROVIDER, old=provider(), new=provider(oidc=unknown))
    assert told(changed) == [(Effect.UNKNOWN, "oidc.issuerUri of the provider it")]


@pytest.mark.parametrize(
    ("before", "after", "effect"),
    [
        (True, None, Effect.ADMITTED),
        (True, False, Effect.ADMITTED),
        (None, True, Effect.RETIRED),
        (False, UNKNOWN, Effect.UNKNOWN),
    ],
)
@pytest.mark.parametrize("type_", [POOL, PROVIDER, "gcp:serviceaccount/account:Account"])
def test_a_switch_that_admits_again_is_an_admission(
    type_: str, before: Any, after: Any, effect: Effect
) -> None:
    """And one that stops everybody a reduction."""
    old, new = provider(disabled=before), provider(disabled=after)
    assert [each for each, _ in told(step("update", type_, old=old, new=new))] == [effect]


@pytest.mark.parametrize("type_", [POOL, PROVIDER])
def test_a_setting_that_is_not_known_cannot_be_judged(type_: str) -> None:
    """Such as a pool's own trust in certificates."""
    changed = step("update", type_, old=provider(), new=provider(inlineTrustConfigs=[1]))
    ((effect, sentence),) = told(changed)
    assert effect is Effect.UNJUDGED
    assert sentence.endswith("has settings that the review does not know: inlineTrustConfigs")


def test_a_second_provider_of_a_pool_is_a_loosening() -> None:
    """It gets around the first one's condition."""
    told_ = told(
        step("same", PROVIDER, "first", old=provider(), new=provider()),
        step("create", PROVIDER, "second", new=provider()),
    )
    assert (
        Effect.LOOSENING,
        "the provider second admits beside first, by its own condition",
    ) in told_


def test_a_first_provider_admits_what_its_condition_says() -> None:
    """No second one, so no loosening."""
    assert [effect for effect, _ in told(step("create", PROVIDER, new=provider()))] == [
        Effect.ADMITTED
    ]


def test_a_provider_in_the_place_of_another_is_compared_with_it() -> None:
    """Another name is no reason to take its condition for the first one."""
    wider = policy(hardware=("GCP_AMD_SEV",)).condition
    told_ = told(
        step("delete", PROVIDER, "old", old=provider(attributeCondition=wider)),
        step("create", PROVIDER, "new", new=provider()),
    )
    assert (
        Effect.LOOSENING,
        "its memory is encrypted by hardware: GCP_INTEL_TDX is accepted, too",
    ) in told_


def test_what_the_branch_calls_the_issuer_is_no_reason_to_trust_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The policy pack's copy decides, which has owners of its own."""
    other = "https://issuer.example"
    monkeypatch.setattr("infra.attestation.release_policy.ISSUER", other)
    # A copy of its own: the module has read the names that it imports.
    spec = importlib.util.find_spec("ops.review.release")
    assert spec is not None
    assert spec.loader is not None
    on_the_branch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(on_the_branch)
    oidc = {"issuerUri": other, "allowedAudiences": [TOKEN_AUDIENCE]}
    changed = step("update", PROVIDER, old=provider(), new=provider(oidc=oidc))
    (change,) = on_the_branch.changes(read_preview(changed))
    assert change.effect is Effect.LOOSENING
    assert change.sentence == "oidc.issuerUri of the provider it is not that of this program:"


def test_a_deleted_release_is_retired() -> None:
    """The provider, and the pool with its id."""
    told_ = told(
        step("delete", POOL, old={"workloadIdentityPoolId": POOL_ID}),
        step("delete", PROVIDER, old=provider()),
    )
    assert [effect for effect, _ in told_] == [Effect.RETIRED, Effect.RETIRED]
    assert f"the pool {POOL_ID} ends" in told_[0][1]


def test_a_built_image_names_the_tag_of_its_sources() -> None:
    """A pinned image has no such step."""
    changed = step("update", IMAGE, old={"imageName": "r/w:old"}, new={"imageName": "r/w:new"})
    assert told(changed) == [(Effect.NOTE, "`up` builds and pushes r/w:new, and no longer r/w:old")]
    assert told(step("same", IMAGE, old={"imageName": "a"}, new={"imageName": "a"})) == []


def test_a_condition_changed_by_hand_is_compared_as_the_cloud_has_it() -> None:
    """After a refresh, the outputs hold what is deployed."""
    by_hand = provider(attributeCondition=policy(image_digests=(DIGEST, NEXT_DIGEST)).condition)
    told_ = told(step("update", PROVIDER, old=by_hand, new=provider()))
    assert told_ == [(Effect.RETIRED, f"image {NEXT_DIGEST} is admitted no longer")]
