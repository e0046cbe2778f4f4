"""Rules about the release: condition, attribute mapping, and whose tokens are accepted."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from infra.attestation.clause import PolicyError, literals
from infra.attestation.release_policy import (
    ISSUER,
    MAPPING,
    MAX_CONDITION,
    TOKEN_AUDIENCE,
    read,
)
from infra.naming import DIGEST
from policy.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy.resource import Resource

PROVIDER: Final = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"

REQUIRED: Final = frozenset(
    {
        "dbgstat",
        "google_service_accounts",
        "hwmodel",
        "secboot",
        "submods.confidential_space.monitoring_enabled.memory",
        "submods.confidential_space.support_attributes",
        "submods.container.args",
        "submods.container.cmd_override",
        "submods.container.env.MODEL_AUDIENCE",
        "submods.container.env.MODEL_READER",
        "submods.container.env.MODEL_SHA256",
        "submods.container.env.MODEL_URI",
        "submods.container.env_override",
        "submods.container.image_digest",
        "submods.gce.project_number",
        "submods.nvidia_gpu",
        "swname",
    }
)
"""The claims that a condition must be about. They are here a second time on purpose: whoever drops
a clause from infra/attestation/clauses.py must drop it here too, in a file with its own owners."""

_IMAGE: Final = "submods.container.image_digest"
_OTHER_KINDS: Final = ("aws", "saml", "x509")
"""Identity providers that are no attestation."""


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
    for claim in sorted(REQUIRED - claims.keys()):
        yield f"got no clause about {claim}, expected each clause of the release policy"
    for claim in sorted(claim for claim, number in claims.items() if number > 1):
        yield f"got {claims[claim]} clauses about {claim}, expected one"
    for clause in clauses:
        if clause.claim == _IMAGE:
            yield from _digests(literals(clause.cel))


def _digests(admitted: tuple[str, ...]) -> Iterator[str]:
    if not admitted:
        yield "got no image digest, expected at least one"
    for digest in admitted:
        if not re.fullmatch(DIGEST, digest):
            yield f"got the image digest {digest!r}, expected 'sha256:' and 64 hex digits"


def trust(resource: Resource) -> Iterator[str]:
    """Whose tokens a provider accepts, and what it takes from them."""
    if resource.type != PROVIDER:
        return
    for kind in _OTHER_KINDS:
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
