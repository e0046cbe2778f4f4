"""The release: identity pools, their providers with the condition, and the built image."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from infra.attestation.clause import literals
from infra.attestation.release_policy import AND, parts
from infra.naming import NO_SUFFIX, bucket_of
from ops.review import conditions
from ops.review.change import Change, Effect, Section
from ops.review.conditions import Condition, Requirement, described
from ops.review.values import at, text
from policy.resource import is_unknown
from policy.rules.pinned import ISSUER, MAPPING, TOKEN_AUDIENCE
from policy.rules.release import OTHER_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.review.preview import Preview, Step

POOL: Final = "gcp:iam/workloadIdentityPool:WorkloadIdentityPool"
PROVIDER: Final = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
IMAGE: Final = "docker:index/image:Image"
RELEASE: Final = "confidential-inference:infra:ModelRelease"
TYPES: Final = (POOL, PROVIDER, IMAGE)

_ACCOUNT: Final = "gcp:serviceaccount/account:Account"
_POOL_ID: Final = "workloadIdentityPoolId"
_CONDITION: Final = "attributeCondition"
_READER: Final = "submods.container.env.MODEL_READER"
_MODEL: Final = "submods.container.env.MODEL_SHA256"
_URI: Final = "submods.container.env.MODEL_URI"
_JUDGED: Final = frozenset(
    {
        *OTHER_KINDS,
        "attributeCondition",
        "attributeMapping",
        "description",
        "disabled",
        "displayName",
        "oidc",
        "project",
        "workloadIdentityPoolId",
        "workloadIdentityPoolProviderId",
    }
)
"""Inputs of pools and providers that something here judges, or that guard nothing."""

DECLARED: Final = (
    "The condition's text is not known before `up`, because the image is not built yet. This is"
    " what the program declares; `up` with the policy pack checks the text before it is deployed."
)


def changes(preview: Preview) -> Iterator[Change]:
    """Every change of who may act as the model's reader by attestation."""
    for step in preview.of_type(IMAGE):
        yield from _image(step)
    for step in preview.of_type(POOL):
        yield from _pool(step)
    for step in preview.of_type(_ACCOUNT):
        yield from _disabled(step, f"the account {text(at(step.after, 'accountId'))}")
    providers = list(preview.of_type(PROVIDER))
    for step in providers:
        yield from _provider(step, preview)
        yield from _beside_another(step, providers)


def _beside_another(step: Step, providers: list[Step]) -> Iterator[Change]:
    """A new provider gets around the condition of the one that the pool has."""
    pool = at(step.after, _POOL_ID)
    for other in providers:
        if step.before is None and other.before is not None and at(other.after, _POOL_ID) == pool:
            yield _change(
                Effect.LOOSENING,
                f"the provider {step.name} admits beside {other.name}, by its own condition",
                step=step,
            )


def model_names(preview: Preview) -> dict[str, str]:
    """By its name, what is of the model: the reader and the bucket that the conditions name."""
    names: dict[str, str] = {}
    for step in preview.of_type(PROVIDER):
        for condition in (at(step.before, _CONDITION), declared_condition(step, preview)):
            names.update(_names(condition) if isinstance(condition, str) and condition else ())
    return names


@dataclass(frozen=True)
class Releases:
    """What the conditions of a stack's providers say after the change."""

    reader_of: Mapping[str, str]
    """by the full name of a pool, the account that its workloads may act as"""
    models_of: Mapping[str, frozenset[str]]
    """by account, the models that it may read"""
    components: Mapping[str, str]
    """by URN of the component of a release, the account that it declares"""

    def declared_reader(self, component: str) -> str:
        """The account that a component declares; empty if it is none of a release."""
        return self.components.get(component, "")


def releases(preview: Preview) -> Releases:
    """Every release, by what its condition pins."""
    readers: dict[str, str] = {}
    models: dict[str, frozenset[str]] = {}
    components: dict[str, str] = {}
    for step in preview.of_type(PROVIDER):
        condition = at(step.after, _CONDITION)
        if is_unknown(condition):
            condition = declared_condition(step, preview)
        if not isinstance(condition, str) or not condition:
            continue
        pinned = {
            part.clause.claim: literals(part.text) for part in parts(condition) if part.clause
        }
        reader = "".join(pinned.get(_READER, ())[:1])
        models[reader] = models.get(reader, frozenset()) | {*pinned.get(_MODEL, ())}
        components[step.parent] = reader
        pool = str(at(step.before, "name") or "").partition("/providers/")[0]
        if pool:
            readers[pool] = reader
    return Releases(readers, models, components)


def pool_names(preview: Preview) -> frozenset[str]:
    """The full names of the pools whose providers this stack has, as the cloud knows them."""
    names = (at(step.before, "name") for step in preview.of_type(PROVIDER))
    return frozenset(str(name).partition("/providers/")[0] for name in names if name)


def _names(condition: str) -> Iterator[tuple[str, str]]:
    for part in parts(condition):
        claim = part.clause.claim if part.clause else ""
        values = literals(part.text)
        if claim == _READER:
            yield values[0], "the model's reader"
        elif claim == _URI:
            yield bucket_of(values[0]), "the model's bucket"


def _image(step: Step) -> Iterator[Change]:
    """The tag is made of the build context, so it says which sources an image is built from."""
    before, after = at(step.before, "imageName"), at(step.after, "imageName")
    if step.changes and after is not None:
        was = f", and no longer {text(before)}" if before not in (None, after) else ""
        yield _change(Effect.NOTE, f"`up` builds and pushes {text(after)}{was}", step=step)


def _pool(step: Step) -> Iterator[Change]:
    name = text(at(step.before, _POOL_ID))
    if step.ends:
        yield _change(
            Effect.RETIRED,
            f"the pool {name} ends: what it admitted is refused from then on, and its id stays"
            " reserved for 30 days",
            step=step,
        )
    yield from _disabled(step, f"the pool {step.name}")
    yield from _other_settings(step, f"the pool {step.name}")


def _other_settings(step: Step, what: str) -> Iterator[Change]:
    """Such as a pool's own trust in certificates."""
    others = sorted(step.changed_keys - _JUDGED)
    if step.changes and step.after is not None and others:
        sentence = f"{what} has settings that the review does not know: {', '.join(others)}"
        yield _change(Effect.UNJUDGED, sentence, step=step)


def _disabled(step: Step, what: str) -> Iterator[Change]:
    """A disabled pool or provider admits nobody, and nobody acts as a disabled account."""
    if step.before is None or step.after is None:
        return
    before, after = at(step.before, "disabled") is True, at(step.after, "disabled")
    if is_unknown(after):
        yield _change(Effect.UNKNOWN, f"whether {what} is disabled", step=step)
    elif before and after is not True:
        yield _change(Effect.ADMITTED, f"{what} is enabled again", step=step)
    elif not before and after is True:
        yield _change(Effect.RETIRED, f"{what} is disabled", step=step)


def _provider(step: Step, preview: Preview) -> Iterator[Change]:
    what = f"the provider {step.name}"
    if step.after is None:
        yield _change(
            Effect.RETIRED, f"{what} is deleted: nobody gets the model by attestation", step=step
        )
        return
    yield from _disabled(step, what)
    yield from _trusted(step, what)
    yield from _other_settings(step, what)
    after = at(step.after, _CONDITION)
    known = not is_unknown(after)
    if not known:
        after = declared_condition(step, preview)
        if after is None:
            yield _change(
                Effect.UNKNOWN,
                f"the condition of {what}, and with it who may act as the model's reader",
                step=step,
            )
            return
    # Only what this version of the program writes: a branch could describe any text as harmless.
    new = Condition(text=str(after or ""))
    replaced = step if step.before is not None else _predecessor(preview)
    if replaced is None:
        compared = conditions.first(new)
    else:
        deployed = str(at(replaced.before, _CONDITION) or "")
        old = Condition(text=deployed, described=_described(replaced, preview, before=True))
        compared = conditions.compare(old, new)
    yield from (replace(change, urn=step.urn) for change in compared)
    if not known:
        yield _change(Effect.NOTE, DECLARED, step=step)


def _predecessor(preview: Preview) -> Step | None:
    """The one provider that is deleted: a new one in its place is compared with it."""
    deleted = [step for step in preview.of_type(PROVIDER) if step.after is None]
    return deleted[0] if len(deleted) == 1 else None


def declared_condition(step: Step, preview: Preview) -> str | None:
    """A provider's condition as the program declares it, with the pool's id where that is known."""
    declared = _described(step, preview, before=False)
    if not declared:
        return None
    pool = at(step.after, _POOL_ID)

    def named(found: re.Match[str]) -> str:
        known = isinstance(pool, str) and pool.startswith(f"{found[1]}-")
        return f"/workloadIdentityPools/{pool}/" if known else found[0]

    text = AND.join(each.cel for each in declared)
    return re.sub(rf"/workloadIdentityPools/([^/']+)-{NO_SUFFIX}/", named, text)


def _described(step: Step, preview: Preview, *, before: bool) -> tuple[Requirement, ...]:
    """The clauses that a provider's component describes."""
    component = next((each for each in preview.of_type(RELEASE) if each.urn == step.parent), None)
    if component is None:
        return ()
    return described(at(component.before if before else component.after, "declaredClauses"))


def _trusted(step: Step, what: str) -> Iterator[Change]:
    """Whose tokens the provider accepts, and what it reads from them."""
    expected: dict[tuple[str, ...], Any] = {
        ("oidc", "issuerUri"): ISSUER,
        ("oidc", "allowedAudiences"): [TOKEN_AUDIENCE],
        ("oidc", "jwksJson"): None,
        ("attributeMapping",): dict(MAPPING),
        **{(kind,): None for kind in OTHER_KINDS},
    }
    for path, right in expected.items():
        before, after = at(step.before, *path) or None, at(step.after, *path) or None
        key = ".".join(path)
        if before == after:
            continue
        if is_unknown(after):
            yield _change(Effect.UNKNOWN, f"{key} of {what}", step=step)
        elif after != right:
            yield _change(
                Effect.LOOSENING,
                f"{key} of {what} is not that of this program:",
                (f"expected: {text(right)}", f"got: {text(after)}"),
                step=step,
            )
        elif step.before is not None:
            yield _change(
                Effect.OTHER,
                f"{key} of {what} becomes that of this program, and is no longer {text(before)}",
                step=step,
            )


def _change(
    effect: Effect, sentence: str, details: tuple[str, ...] = (), step: Step | None = None
) -> Change:
    return Change(
        effect=effect,
        section=Section.RELEASE,
        sentence=sentence,
        details=details,
        urn=step.urn if step else "",
    )
