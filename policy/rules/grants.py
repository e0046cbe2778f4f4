"""Rules about grants: who may get one, and which roles and kinds are never used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from policy.rule import Rule
from policy.rules.pinned import ATTESTED, ONE_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policy.resource import Resource

_GRANT: Final = re.compile(r".*I[aA]M(Member|Binding|Policy)|.*Iam(Member|Binding|Policy)")
_AUTHORITATIVE: Final = re.compile(
    r".*(I[aA]M|Iam)(Binding|Policy)|gcp:storage/.*(AccessControl|ACL)"
)
_KEYS: Final = ("gcp:serviceaccount/key:Key", "gcp:storage/hmacKey:HmacKey")
_BUCKET_GRANT: Final = "gcp:storage/bucketIAMMember:BucketIAMMember"
_PRIVATE_BUCKET: Final = "confidential-inference:infra:PrivateBucket"
_REPOSITORY: Final = "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"
_OF_A_CONTAINER: Final = re.compile(r"gcp:(projects|folder|organizations)/.*")
"""Grants for everything in a project, a folder or an organisation."""

_ONE: Final = re.compile(r"(user|group|serviceAccount):[^@\s:]+@[^@\s:]+\.[^@\s:]+")
_PROJECT_ACCOUNTS: Final = re.compile(
    r"principalSet://cloudresourcemanager\.googleapis\.com/projects/[0-9]+/type/ServiceAccount"
)
_REASONS: Final = (
    (re.compile(r"allUsers|allAuthenticatedUsers", re.IGNORECASE), "it is public"),
    (
        re.compile(r"principal(Set)?://iam\.googleapis\.com/.*"),
        "it is more than one image of the pool, whatever the grant's purpose",
    ),
    (
        re.compile(
            r"project(Owner|Editor|Viewer):.*|principalSet://cloudresourcemanager\.googleapis.*"
        ),
        "it is everybody of a project",
    ),
    (re.compile(".*", re.DOTALL), "it can be many"),
)

_READS: Final = "roles/storage.objectViewer"
_PULL: Final = "roles/artifactregistry.reader"
_FEDERATED: Final = "roles/iam.workloadIdentityUser"
_PRIMITIVE: Final = ("roles/owner", "roles/editor", "roles/viewer")
_TOKENS: Final = (
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/iam.serviceAccountOpenIdTokenCreator",
    "roles/iam.serviceAccountTokenCreator",
)
_ADMINISTRATORS: Final = (
    "roles/iam.organizationRoleAdmin",
    "roles/iam.roleAdmin",
    "roles/iam.securityAdmin",
    "roles/iam.workloadIdentityPoolAdmin",
    "roles/resourcemanager.folderAdmin",
    "roles/resourcemanager.folderIamAdmin",
    "roles/resourcemanager.organizationAdmin",
    "roles/resourcemanager.projectIamAdmin",
    "roles/storage.admin",
    "roles/storage.folderAdmin",
    "roles/storage.legacyBucketOwner",
)
"""Roles that may change allow policies, custom roles or a provider's condition."""
_MESSAGES: Final = ("roles/pubsub.admin", "roles/pubsub.editor")
"""Roles that may change a topic or a subscription, and where its messages go."""
_TO_ONE: Final = (
    "roles/iam.serviceAccountUser",
    _FEDERATED,
    "roles/pubsub.publisher",
    "roles/pubsub.subscriber",
    "roles/storage.legacy",
    "roles/storage.object",
)
"""How the names of roles begin that give access to accounts, to messages, or to objects."""


def members(resource: Resource) -> Iterator[str]:
    """Whom a grant names."""
    if not _GRANT.fullmatch(resource.type):
        return
    for member in _members(resource):
        if _ONE.fullmatch(member) or ATTESTED.fullmatch(member):
            continue
        # An image is no secret, and the operator's accounts do not exist yet.
        may_pull = resource.type == _REPOSITORY and resource.value("role") == _PULL
        if may_pull and _PROJECT_ACCOUNTS.fullmatch(member):
            continue
        reason = next(reason for form, reason in _REASONS if form.fullmatch(member))
        yield (
            f"got the member {member}, expected one user, group or service account by its address,"
            f" or an attested image (attribute.image_digest/…): {reason}"
        )


def _members(resource: Resource) -> Iterator[str]:
    for place in resource.places("members"):
        yield str(resource.value("members", place))
    member = resource.value("member")
    if member is not None:
        yield str(member)


def roles(resource: Resource) -> Iterator[str]:
    """Which role a grant gives."""
    if not _GRANT.fullmatch(resource.type):
        return
    role = resource.value("role")
    if role in _PRIMITIVE:
        yield f"got {role}, expected the one role that is needed: it covers the whole project"
    if role in _TOKENS:
        yield (
            f"got {role}, expected {_FEDERATED} for an attested image: whoever has it acts as the"
            " account without any attestation"
        )
    if role in _ADMINISTRATORS:
        yield (
            f"got {role}, expected the one role that is needed: whoever has it can give the model"
            " or the pictures to anybody"
        )
    if role in _MESSAGES:
        yield (
            f"got {role}, expected roles/pubsub.publisher or roles/pubsub.subscriber: whoever has"
            " it decides where the messages go, and can delete the work that waits"
        )
    if _OF_A_CONTAINER.fullmatch(resource.type) and str(role).startswith(_TO_ONE):
        yield (
            f"got {role} on everything in a project, a folder or an organisation, expected it on"
            " the one bucket, account, topic or subscription"
        )
    if role == _FEDERATED:
        for member in _members(resource):
            if not ATTESTED.fullmatch(member):
                yield (
                    f"got {role} for {member}, expected it for an attested image alone: whoever"
                    " has it gets tokens of the account, a person too"
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


def one_model(resource: Resource) -> Iterator[str]:
    """Whether a grant on the bucket of the models is for one of them, and for one account."""
    if resource.type != _BUCKET_GRANT:
        return
    above = resource.parent
    if above is None or above.type != _PRIVATE_BUCKET:
        yield (
            f"got a grant on a bucket outside of the component {_PRIVATE_BUCKET}, expected one"
            " below it: whether it is the bucket of the models could not be told"
        )
        return
    if above.name.endswith(("-input", "-result")):
        return
    expression = resource.value("condition", "expression")
    found = ONE_MODEL.fullmatch(expression) if isinstance(expression, str) else None
    if found is None or found["bucket"] != resource.value("bucket"):
        yield (
            f"got the condition {expression!r}, expected one for one model's object: the reader of"
            " one operator's models would read those of another operator"
        )
    role = resource.value("role")
    if role != _READS:
        yield f"got {role}, expected {_READS}: whoever has more can replace a model"
    for member in _members(resource):
        if not member.startswith("serviceAccount:"):
            yield (
                f"got {member}, expected the account that an attested workload acts as: a person"
                " would read the model without any attestation"
            )


RULES: Final = (
    Rule(
        name="grant-members",
        description="Each grant names one user, group, service account or attested image; an image"
        " may be pulled by the service accounts of one project.",
        check=members,
    ),
    Rule(
        name="grant-roles",
        description="No grant gives owner, editor or viewer, an account's tokens or keys, the right"
        " to change grants, or every bucket or account of a project.",
        check=roles,
    ),
    Rule(
        name="grant-one-model",
        description="A grant on the model bucket lets one account read one model's object.",
        check=one_model,
    ),
    Rule(
        name="grant-kinds",
        description="Grants are additive, and there is no key of a service account.",
        check=kinds,
    ),
)
