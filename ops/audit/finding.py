"""What an audit finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How much it means."""

    DIFFERENCE = "difference"
    """the cloud has something else than the stack deployed"""
    ADMINISTRATOR = "administrator"
    """somebody who may change what leads there, by a role on the whole project"""
    PENDING = "pending"
    """what the cloud is about to replace, and what nobody can judge before"""
    NOT_READ = "not read"
    """nobody knows, because the auditor may not read it"""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found, what it lets somebody do, and the command that ends it."""

    kind: Kind
    what: str
    means: str = ""
    fix: str = ""


AUDITORS_ROLES = (
    "roles/compute.viewer",
    "roles/iam.securityReviewer",
    "roles/iam.serviceAccountViewer",
    "roles/iam.workloadIdentityPoolViewer",
    "roles/pubsub.viewer",
    "roles/storage.bucketViewer",
)
"""On the company's project; they read policies, keys and providers, and no object.
https://docs.cloud.google.com/iam/docs/keys-list-get#required-roles"""


REPAIRED = "pulumi up --refresh --stack {stack}"


def difference(what: str, means: str, fix: str = REPAIRED) -> Finding:
    """Something that is not as the stack deployed it."""
    return Finding(kind=Kind.DIFFERENCE, what=what, means=means, fix=fix)


def not_read(what: str, error: Exception, project: str) -> Finding:
    """Something that could not be read, and how an auditor gets the right to."""
    roles = ", ".join(AUDITORS_ROLES)
    return Finding(
        kind=Kind.NOT_READ,
        what=f"{what}: {error}",
        fix=f"grant {roles} on {project} to whoever audits",
    )
