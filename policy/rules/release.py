"""Rules about the release: condition, attribute mapping, and whose tokens are accepted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from infra.attestation.clause import PolicyError, in_one_line
from infra.attestation.release_policy import MAX_CONDITION, read
from policy.rule import Rule
from policy.rules.pinned import CLAUSES, ISSUER, MAPPING, TOKEN_AUDIENCE, is_pinned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy.resource import Resource

PROVIDER: Final = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"

OTHER_KINDS: Final = ("aws", "saml", "x509")
"""Kinds of identity providers that are no attestation."""

SHOWN: Final = 300
"""Characters of a clause in a message."""


def condition(resource: Resource) -> Iterator[str]:
    """The release condition of a provider."""
    if resource.type == PROVIDER:
        text = resource.value("attributeCondition")
        yield from condition_problems(text if isinstance(text, str) else "")


def condition_problems(text: str) -> Iterator[str]:
    """What is wrong with a release condition."""
    if not text.strip():
        yield (
            "got no condition, expected the clauses of the release policy: every workload that"
            " Google attests would be admitted"
        )
        return
    if len(text) > MAX_CONDITION:
        yield f"got {len(text)} characters, expected at most {MAX_CONDITION}: Google refuses more"
    try:
        clauses = read(text)
    except PolicyError as error:
        yield f"{error}. Expected nothing but clauses of infra/attestation/clauses.py"
        return
    claims = Counter(clause.claim for clause in clauses)
    for claim in sorted(CLAUSES.keys() - claims.keys()):
        yield f"got no clause about {claim}, expected each clause of the release policy"
    for claim in sorted(claim for claim, number in claims.items() if number > 1):
        yield f"got {claims[claim]} clauses about {claim}, expected one"
    for clause in clauses:
        if clause.claim not in CLAUSES:
            yield (
                f"got a clause about {clause.claim}, expected only those of"
                " policy/rules/pinned.py: add the new one there"
            )
        elif not is_pinned(clause.claim, in_one_line(clause.cel)):
            yield (
                f"got the clause {in_one_line(clause.cel)[:SHOWN]!r}, expected"
                f" {CLAUSES[clause.claim]!r}, as in policy/rules/pinned.py"
            )


def trust(resource: Resource) -> Iterator[str]:
    """Whose tokens a provider accepts, and what it takes from them."""
    if resource.type != PROVIDER:
        return
    for kind in OTHER_KINDS:
        if resource.value(kind) is not None:
            yield f"got a provider of kind {kind}, expected oidc alone: no other attests a workload"
    issuer = resource.value("oidc", "issuerUri")
    if issuer != ISSUER:
        yield f"got the issuer {issuer!r}, expected Google's attestation service, {ISSUER!r}"
    audiences = resource.whole("oidc", "allowedAudiences")
    if audiences != [TOKEN_AUDIENCE]:
        yield f"got the audiences {audiences!r}, expected {[TOKEN_AUDIENCE]!r} alone"
    if resource.value("oidc", "jwksJson"):
        yield "got keys in jwksJson, expected none: the issuer's own keys sign the tokens"
    mapping = resource.whole("attributeMapping")
    if mapping != dict(MAPPING):
        yield f"got the attribute mapping {mapping!r}, expected {dict(MAPPING)!r}"


RULES: Final = (
    Rule(
        name="release-condition",
        description="The release condition holds every clause of the release policy once,"
        " and nothing else.",
        check=condition,
    ),
    Rule(
        name="release-trust",
        description="Only tokens of Google's attestation service are accepted,"
        " and attributes are mapped as the grants expect.",
        check=trust,
    ),
)
