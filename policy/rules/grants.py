"""Rules about grants: who never gets one, and which kinds are never used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy.resource import Resource

_GRANT: Final = re.compile(r".*I[aA]M(Member|Binding|Policy)|.*Iam(Member|Binding|Policy)")
_AUTHORITATIVE: Final = re.compile(
    r".*(I[aA]M|Iam)(Binding|Policy)|gcp:storage/.*(AccessControl|ACL)"
)
_KEYS: Final = ("gcp:serviceaccount/key:Key", "gcp:storage/hmacKey:HmacKey")
_PUBLIC: Final = ("allUsers", "allAuthenticatedUsers")
_PRIMITIVE: Final = ("roles/owner", "roles/editor", "roles/viewer")
_TOKENS: Final = (
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/iam.serviceAccountOpenIdTokenCreator",
    "roles/iam.serviceAccountTokenCreator",
)
_WHOLE_POOL: Final = re.compile(
    r"principal(Set)?://iam\.googleapis\.com/.*/workloadIdentityPools/[^/]+(/(\*|group/.*|attribute\."
    r"(?!(image_digest|built_image_digest)/sha256:).*)?)?"
)
_WHOLE_PROJECT: Final = re.compile(
    r"project(Owner|Editor|Viewer):.*|principalSet://cloudresourcemanager\.googleapis\.com/.*"
)
_REPOSITORY: Final = "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"


def members(resource: Resource) -> Iterator[str]:
    """Whom a grant names."""
    if not _GRANT.fullmatch(resource.type):
        return
    for member in _members(resource):
        if member in _PUBLIC:
            yield f"got the member {member}, expected nobody but those who need it: it is public"
        if _WHOLE_POOL.fullmatch(member):
            yield (
                f"got the member {member}, expected an attested image (attribute.image_digest/…):"
                " it is more than one image of the pool, whatever the grant's purpose"
            )
        # An image is no secret, and the operator's accounts do not exist yet.
        if _WHOLE_PROJECT.fullmatch(member) and resource.type != _REPOSITORY:
            yield f"got the member {member}, expected one account: it is everybody of a project"


def _members(resource: Resource) -> Iterator[str]:
    for place in resource.places("members"):
        yield str(resource.value("members", place))
    yield str(resource.value("member") or "")


def roles(resource: Resource) -> Iterator[str]:
    """Which role a grant gives."""
    if not _GRANT.fullmatch(resource.type):
        return
    role = resource.value("role")
    if role in _PRIMITIVE:
        yield f"got {role}, expected the one role that is needed: it covers the whole project"
    if role in _TOKENS:
        yield (
            f"got {role}, expected roles/iam.workloadIdentityUser for an attested image: whoever"
            " has it acts as the account without any attestation"
        )


def kinds(resource: Resource) -> Iterator[str]:
    """Kinds of resources that remove other grants, or that are a lasting secret."""
    if _AUTHORITATIVE.fullmatch(resource.type):
        yield (
            f"got {resource.type}, expected a grant for one member (…IAMMember): it removes every"
            " grant that it does not name, or hides grants from the bucket's policy"
        )
    if resource.type in _KEYS:
        yield (
            f"got {resource.type}, expected none: whoever has the key is the account, without any"
            " attestation"
        )


RULES: Final = (
    Rule(
        name="grant-members",
        description="No grant names everybody, a whole pool, or a whole project.",
        check=members,
    ),
    Rule(
        name="grant-roles",
        description="No grant gives owner, editor or viewer, or an account's tokens and keys.",
        check=roles,
    ),
    Rule(
        name="grant-kinds",
        description="Grants are additive, and there is no key of a service account.",
        check=kinds,
    ),
)
