"""Rules about what the component `ModelRelease` declares, and what its children deploy.

A review of a preview judges what is declared where the image is not built yet. A program could
declare one condition and deploy another that has every clause, too, for other values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from infra.attestation.clause import PolicyError, in_one_line, literals
from infra.attestation.release_policy import UNBUILT, read
from infra.naming import NO_SUFFIX, SUFFIX_BYTES
from policy.rule import Rule
from policy.rules.pinned import ATTESTED
from policy.rules.release import PROVIDER, SHOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policy.resource import Resource

RELEASE: Final = "confidential-inference:infra:ModelRelease"
ACCOUNT_GRANT: Final = "gcp:serviceaccount/iAMMember:IAMMember"

_IMAGE: Final = "submods.container.image_digest"
_READER: Final = "submods.container.env.MODEL_READER"
_AUDIENCE: Final = "submods.container.env.MODEL_AUDIENCE"


def condition(resource: Resource) -> Iterator[str]:
    """Whether a provider gets the condition that its component declares."""
    if resource.type != PROVIDER:
        return
    declared = _declared(resource)
    if not declared:
        yield (
            f"got no declared clauses, expected a provider below the component {RELEASE}: a review"
            " judges what that declares"
        )
        return
    text = resource.value("attributeCondition")
    try:
        deployed = read(str(text))
    except PolicyError:
        return  # release-condition says so, and which clauses are missing
    for clause in deployed:
        expected = declared.get(clause.claim, "")
        if not _is_declared(clause.claim, clause.cel, expected):
            yield (
                f"got {_shown(clause.cel)}, expected {_shown(expected)}, as the component {RELEASE}"
                " declares: a review judges what is declared"
            )


def _shown(clause: str) -> str:
    return repr(in_one_line(clause)[:SHOWN]) if clause else "no clause about that claim"


def _is_declared(claim: str, got: str, declared: str) -> bool:
    if claim == _IMAGE:
        digests, expected = set(literals(got)), set(literals(declared))
        built = digests - expected
        return expected - {UNBUILT} <= digests and len(built) <= (UNBUILT in expected)
    return re.fullmatch(_with_any_suffix(in_one_line(declared)), in_one_line(got)) is not None


def _with_any_suffix(text: str) -> str:
    """A pattern for a text that names a pool whose random suffix is not known yet."""
    suffix = f"-[0-9a-f]{{{2 * SUFFIX_BYTES}}}/"
    return re.escape(text).replace(re.escape(f"-{NO_SUFFIX}/"), suffix)


def pool(resource: Resource) -> Iterator[str]:
    """Whether a grant for an attested image names the component's own provider and account."""
    if resource.type != ACCOUNT_GRANT:
        return
    member = resource.value("member")
    attested = ATTESTED.fullmatch(member) if isinstance(member, str) else None
    if attested is None:
        return
    audience = "".join(literals(_declared(resource).get(_AUDIENCE, "")))
    expected = f"principalSet:{audience}".partition("/providers/")[0]
    if not re.fullmatch(_with_any_suffix(f"{expected}/"), f"{attested[1]}/"):
        yield (
            f"got an image of the pool {attested[1]}, expected {expected}, which the component"
            f" {RELEASE} declares: in another pool, its owner decides what an image is"
        )
    account = str(resource.value("serviceAccountId")).rpartition("/")[2]
    reader = "".join(literals(_declared(resource).get(_READER, "")))
    if account != reader:
        yield (
            f"got a grant on the account {account}, expected {reader}, which the component"
            f" {RELEASE} declares: this image would read the models of another operator"
        )


def _declared(resource: Resource) -> Mapping[str, str]:
    """By claim, the clauses that a resource's component declares."""
    component = resource.parent
    if component is None or component.type != RELEASE:
        return {}
    clauses: Any = component.whole("declaredClauses")
    return {
        claim: str(each["cel"])
        for claim, each in (clauses.items() if isinstance(clauses, dict) else ())
        if isinstance(each, dict) and "cel" in each
    }


RULES: Final = (
    Rule(
        name="release-declared",
        description="A provider gets the condition that the program declares, which a review"
        " shows.",
        check=condition,
    ),
    Rule(
        name="release-pool",
        description="A grant for an attested image names pool and model reader of the release.",
        check=pool,
    ),
)
