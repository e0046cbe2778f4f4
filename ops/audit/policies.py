"""The allow policies that lead to model or pictures, against the grants of the stack.

A refresh of the stack sees that a grant of its own is gone. It cannot see a grant that somebody
else made, because the stack manages each grant alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ops.audit.finding import Finding, Kind, not_read
from ops.google_api import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ops.google_api import GoogleApi, Json
    from ops.stack_state import Deployed

_VERSION: Final = {"options": {"requestedPolicyVersion": 3}}

BY_DEFAULT: Final = ("roles/storage.legacy",)
"""Roles that Google grants on each new bucket to the owners, editors and viewers of the project."""

READS: Final = (
    "roles/iam.serviceAccountOpenIdTokenCreator",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/iam.workloadIdentityUser",
    "roles/storage.legacyObjectOwner",
    "roles/storage.legacyObjectReader",
    "roles/storage.objectAdmin",
    "roles/storage.objectCreator",
    "roles/storage.objectUser",
    "roles/storage.objectViewer",
)
"""Roles that, on a whole project, read or write every object, or act as every account."""

ADMINISTERS: Final = (
    "roles/editor",
    "roles/iam.securityAdmin",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/iam.workloadIdentityPoolAdmin",
    "roles/owner",
    "roles/resourcemanager.projectIamAdmin",
    "roles/storage.admin",
)
"""Roles that, on a whole project, may give themselves what they have not."""

MESSAGES: Final = ("roles/pubsub.publisher", "roles/pubsub.subscriber")
ADMINISTERS_MESSAGES: Final = ("roles/pubsub.admin", "roles/pubsub.editor")
"""The same of the messages, where the stack has a topic."""


class Grant(NamedTuple):
    """One member, one role, and the condition's expression; empty without one."""

    role: str
    member: str
    condition: str = ""


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """A resource with an allow policy, and the grants on it that the stack made."""

    what: str
    read: Callable[[GoogleApi], Json]
    remove: str
    """the command that removes a binding, without role and member"""
    declared: frozenset[Grant] = field(default_factory=frozenset)
    messages: bool = False
    """of a project: whether the stack has messages there"""


def guarded(resources: Iterable[Deployed]) -> Iterator[Guarded]:
    """Every bucket, account, repository, topic and subscription of a state, with its grants."""
    resources = tuple(resources)
    for each in resources:
        kind = each.type.rpartition(":")[2]
        if kind == "Bucket":
            yield _bucket(each.id, _grants(resources, "BucketIAMMember", "bucket", each.id))
        elif kind == "Account":
            name = str(each.properties.get("name", each.id))
            yield _account(name, _grants(resources, "IAMMember", "serviceAccountId", name))
        elif kind == "Repository":
            grants = _grants(
                resources,
                "RepositoryIamMember",
                "repository",
                each.id.rpartition("/")[2],
            )
            yield _repository(each.id, grants)
        elif kind in ("Topic", "Subscription"):
            key = kind.lower()
            yield _messages(each.id, key, _grants(resources, f"{kind}IAMMember", key, each.id))


def of_project(project: str, resources: Iterable[Deployed]) -> Guarded:
    """The project itself."""
    resources = tuple(resources)
    return Guarded(
        what=f"the project {project}",
        read=lambda api: api.post(
            f"cloudresourcemanager.googleapis.com/v1/projects/{project}:getIamPolicy", _VERSION
        ),
        remove=f"gcloud projects remove-iam-policy-binding {project}",
        declared=_grants(resources, "IAMMember", "project", project),
        messages=any(each.type.endswith(":Topic") for each in resources),
    )


def compared(api: GoogleApi, resource: Guarded, project: str) -> Iterator[Finding]:
    """What differs between a policy and the grants of the stack."""
    try:
        present = set(_present(resource.read(api)))
    except ApiError as error:
        yield not_read(f"who has which role on {resource.what}", error, project)
        return
    for grant in sorted(present - resource.declared):
        if not grant.role.startswith(BY_DEFAULT):
            yield _added(resource, grant)
    yield from _missing(resource, present)


def compared_project(api: GoogleApi, resource: Guarded, project: str) -> Iterator[Finding]:
    """Roles on the project that read data or act as accounts; who administers is listed apart."""
    try:
        present = set(_present(resource.read(api)))
    except ApiError as error:
        yield not_read(f"who has which role on {resource.what}", error, project)
        return
    reads = (*READS, *MESSAGES) if resource.messages else READS
    administers = (*ADMINISTERS, *ADMINISTERS_MESSAGES) if resource.messages else ADMINISTERS
    for grant in sorted(present - resource.declared):
        if grant.role in reads:
            yield _added(resource, grant)
        elif grant.role in administers:
            yield Finding(
                kind=Kind.ADMINISTRATOR,
                what=f"{grant.member} has {grant.role} on {resource.what}",
            )
    yield from _missing(resource, present)


def _added(resource: Guarded, grant: Grant) -> Finding:
    condition = " --condition-from-file FILE" if grant.condition else ""
    return Finding(
        kind=Kind.DIFFERENCE,
        what=f"{grant.member} has {grant.role} on {resource.what}, and the stack did not grant it",
        means=f"what {grant.role} allows, without any attestation",
        fix=f"{resource.remove} --role {grant.role} --member '{grant.member}'{condition}",
    )


def _missing(resource: Guarded, present: set[Grant]) -> Iterator[Finding]:
    for grant in sorted(resource.declared - present):
        yield Finding(
            kind=Kind.DIFFERENCE,
            what=f"{grant.member} has no longer {grant.role} on {resource.what}",
            means="a run that needs it is refused",
            fix="pulumi up --refresh --stack {stack}",
        )


def _present(policy: Json) -> Iterator[Grant]:
    for binding in policy.get("bindings", ()):
        expression = (binding.get("condition") or {}).get("expression", "")
        for member in binding["members"]:
            yield Grant(binding["role"], member, expression)


def _grants(resources: tuple[Deployed, ...], kind: str, key: str, name: str) -> frozenset[Grant]:
    return frozenset(
        _grant(each.properties)
        for each in resources
        if each.type.rpartition(":")[2] == kind
        and str(each.properties.get(key, "")).removeprefix("b/") in (name, name.rpartition("/")[2])
    )


def _grant(properties: Mapping[str, Any]) -> Grant:
    condition = properties.get("condition") or {}
    return Grant(
        str(properties.get("role")), str(properties.get("member")), condition.get("expression", "")
    )


def _bucket(name: str, declared: frozenset[Grant]) -> Guarded:
    return Guarded(
        what=f"the bucket {name}",
        read=lambda api: api.get(
            f"storage.googleapis.com/storage/v1/b/{name}/iam", optionsRequestedPolicyVersion="3"
        ),
        remove=f"gcloud storage buckets remove-iam-policy-binding gs://{name}",
        declared=declared,
    )


def _account(name: str, declared: frozenset[Grant]) -> Guarded:
    email = name.rpartition("/")[2]
    return Guarded(
        what=f"the account {email}",
        read=lambda api: api.post(f"iam.googleapis.com/v1/{name}:getIamPolicy", _VERSION),
        remove=f"gcloud iam service-accounts remove-iam-policy-binding {email}",
        declared=declared,
    )


def _repository(name: str, declared: frozenset[Grant]) -> Guarded:
    _, project, _, location, _, repository = name.split("/")
    return Guarded(
        what=f"the repository {repository}",
        read=lambda api: api.get(
            f"artifactregistry.googleapis.com/v1/{name}:getIamPolicy",
            **{"options.requestedPolicyVersion": "3"},
        ),
        remove=f"gcloud artifacts repositories remove-iam-policy-binding {repository}"
        f" --location {location} --project {project}",
        declared=declared,
    )


def _messages(name: str, kind: str, declared: frozenset[Grant]) -> Guarded:
    """A topic or a subscription, whose messages name pictures and start machines."""
    _, project, _, short = name.split("/")
    return Guarded(
        what=f"the {kind} {short}",
        read=lambda api: api.get(
            f"pubsub.googleapis.com/v1/{name}:getIamPolicy",
            **{"options.requestedPolicyVersion": "3"},
        ),
        remove=f"gcloud pubsub {kind}s remove-iam-policy-binding {short} --project {project}",
        declared=declared,
    )
