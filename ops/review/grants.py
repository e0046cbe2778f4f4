"""Grants that come and go, in words, and whether that is a loosening.

Each grant of this program is a resource of its own, for one member and one role. Other kinds of
grant replace all members of a role, which the steps do not show, so they cannot be judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.review import release
from ops.review.change import Change, Effect, Section
from ops.review.principals import Principal, principal
from ops.review.values import NOT_KNOWN, at, text
from policy.resource import is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.review.preview import Preview, Step

_GRANT: Final = re.compile(
    r".*I[aA]M(Member|Binding|Policy|AuditConfig)|.*Iam(Member|Binding|Policy)"
)
_ACCOUNT: Final = "gcp:serviceaccount/account:Account"
_MACHINE_ATTACHES: Final = "roles/iam.serviceAccountUser"
_ACTS_AS: Final = "roles/iam.workloadIdentityUser"

BUILT: Final = "-release-built"
"""The end of the name of the grant for the image that the stack builds: its member is not known
before `up`."""

_TARGETS: Final = {
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": (
        "repository",
        "the repository",
    ),
    "gcp:projects/iAMMember:IAMMember": ("project", "the project"),
    "gcp:serviceaccount/iAMMember:IAMMember": ("serviceAccountId", "the account"),
    "gcp:storage/bucketIAMMember:BucketIAMMember": ("bucket", "the bucket"),
}
"""By type of grant, the property that names what it is for, and the word for that."""

_ROLES: Final = {
    _ACTS_AS: "may act as {}",
    _MACHINE_ATTACHES: "may start machines that run as {}",
    "roles/artifactregistry.reader": "may pull the images of {}",
    "roles/confidentialcomputing.workloadUser": "may have a machine attested in {}",
    "roles/iam.serviceAccountTokenCreator": "may get tokens of {}",
    "roles/logging.logWriter": "may write logs in {}",
    "roles/storage.objectUser": "may read, write and delete the objects of {}",
    "roles/storage.objectViewer": "may read the objects of {}",
}

_NO_ACCESS: Final = frozenset(
    {
        # An image is no secret: the model is, and no image holds it.
        "roles/artifactregistry.reader",
        "roles/confidentialcomputing.workloadUser",
        "roles/logging.logWriter",
    }
)
"""Roles that give access neither to a model nor to pictures."""


@dataclass(frozen=True)
class _Grant:
    target: str
    role: str
    principal: Principal
    to_repository: bool
    of_model: bool
    """whether the target is the model's reader or bucket"""

    @property
    def sentence(self) -> str:
        may = _ROLES.get(self.role, f"has {text(self.role)} on {{}}").format(self.target)
        return f"{self.principal.words} {may}"

    @property
    def access(self) -> bool:
        return self.role not in _NO_ACCESS


def is_grant(type_: str) -> bool:
    """Whether a resource type says who may do something."""
    return _GRANT.fullmatch(type_) is not None or type_.endswith(("AccessControl", "ACL"))


def changes(preview: Preview) -> Iterator[Change]:
    """Every grant that is added or removed."""
    own = set(_own_accounts(preview))
    names = release.model_names(preview)
    for step in preview.steps:
        if not is_grant(step.type) or not step.changes:
            continue
        if step.type in _TARGETS or step.type.lower().endswith("iammember"):
            yield from _member(step, own, names)
        else:
            yield _change(
                step,
                Effect.UNJUDGED,
                f"{step.type} {step.name}: it sets all members at once, so it can remove and add"
                " any grant",
            )


def _own_accounts(preview: Preview) -> Iterator[str]:
    """The addresses of the accounts that this stack makes."""
    for step in preview.of_type(_ACCOUNT):
        for properties in (step.before, step.after):
            account, project = at(properties, "accountId"), at(properties, "project")
            yield f"{account}@{project}.iam.gserviceaccount.com"


def _member(step: Step, own: set[str], names: Mapping[str, str]) -> Iterator[Change]:
    before, after = (_grant(step, each, names) for each in (step.before, step.after))
    if before is not None and before == after:
        yield _change(step, Effect.NOTE, f"made anew: {before.sentence}")
        return
    if after is not None:
        yield _added(step, after, own)
    if before is not None:
        if after is None and step.kept_in_the_cloud:
            yield _change(
                step, Effect.NOTE, f"the stack forgets this, and it stays: {before.sentence}"
            )
        else:
            yield _change(
                step,
                Effect.RETIRED if before.access else Effect.NOTE,
                f"no longer: {before.sentence}",
                access=before.access,
            )


def _added(step: Step, after: _Grant, own: set[str]) -> Change:
    who = after.principal
    sentence = f"from now on: {after.sentence}"
    if not who.known:
        if step.name.endswith(BUILT) and release.RELEASE in step.urn:
            return _change(
                step,
                Effect.ADMITTED,
                f"from now on: the image that `up` builds ({NOT_KNOWN})"
                f" {after.sentence.removeprefix(who.words).strip()}",
            )
        if after.access:
            return _change(step, Effect.UNKNOWN, sentence)
    if who.wide and not (after.to_repository and not after.access):
        return _change(step, Effect.LOOSENING, sentence)
    if not after.access:
        return _change(step, Effect.NOTE, sentence, access=False)
    expected = (
        (who.attested and after.role == _ACTS_AS)
        or (who.address in own and after.role in _ROLES)
        # A machine that runs as the model's reader has the model without any attestation.
        or (after.role == _MACHINE_ATTACHES and not after.of_model)
    )
    return _change(step, Effect.ADMITTED if expected else Effect.LOOSENING, sentence)


def _grant(
    step: Step, properties: Mapping[str, Any] | None, names: Mapping[str, str]
) -> _Grant | None:
    if properties is None:
        return None
    key, word = _TARGETS.get(step.type, ("", ""))
    name = _short(at(properties, key)) if key else step.name
    target = f"{names.get(name) or word or step.type} {name}"
    condition = at(properties, "condition", "expression")
    role = at(properties, "role")
    limit = f" (if {text(condition)})" if condition else ""
    return _Grant(
        target=target + limit,
        role=NOT_KNOWN if is_unknown(role) else str(role),
        principal=principal(at(properties, "member")),
        to_repository=word == "the repository",
        of_model=name in names,
    )


def _short(name: object) -> str:
    """The last part of a full name, which people know."""
    return text(name.rpartition("/")[2] if isinstance(name, str) else name)


def _change(step: Step, effect: Effect, sentence: str, *, access: bool = True) -> Change:
    return Change(
        effect=effect, section=Section.GRANTS, sentence=sentence, urn=step.urn, access=access
    )
