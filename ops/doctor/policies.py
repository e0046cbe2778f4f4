"""Organization policies that would refuse an update in its middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ops.doctor.check import not_checked, not_ok, ok
from ops.doctor.project import RESOURCE_MANAGER
from ops.google_api import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.doctor.check import Check
    from ops.google_api import GoogleApi, Json

ISSUER: Final = "https://confidentialcomputing.googleapis.com"
VIEWER: Final = "roles/orgpolicy.policyViewer"


class Constraint(NamedTuple):
    """A constraint of lists, the value that must be allowed, and for what."""

    name: str
    needed: str
    """empty: any list refuses, because it holds customers or domains that nobody knows here"""
    what_for: str


CONSTRAINTS: Final[Mapping[str, tuple[Constraint, ...]]] = {
    "primus": (
        Constraint(
            "iam.allowedPolicyMemberDomains",
            "",
            "the repository's grant to the accounts of another organization",
        ),
        Constraint("iam.workloadIdentityPoolProviders", ISSUER, "the attestation service"),
    ),
    "secundus": (
        Constraint(
            "compute.trustedImageProjects",
            "projects/confidential-space-images",
            "Google's boot images",
        ),
    ),
}
"""https://docs.cloud.google.com/resource-manager/docs/organization-policy/org-policy-constraints"""


def checks(api: GoogleApi, project: str, company: str) -> Iterator[Check]:
    """One check for each constraint that matters to this company."""
    for constraint in CONSTRAINTS[company]:
        name = f"policy {constraint.name}"
        try:
            # https://docs.cloud.google.com/resource-manager/reference/rest/v1/projects/getEffectiveOrgPolicy
            policy = api.post(
                f"{RESOURCE_MANAGER}/{project}:getEffectiveOrgPolicy",
                {"constraint": f"constraints/{constraint.name}"},
            )
        except ApiError as error:
            yield not_checked(
                name,
                error.short,
                f"an administrator of the organization can grant {VIEWER}, or look",
            )
            continue
        yield _judged(name, constraint, policy)


def _judged(name: str, constraint: Constraint, policy: Json) -> Check:
    """Whether a policy of lists allows what is needed."""
    listed = policy.get("listPolicy") or {}
    allowed = [str(each) for each in listed.get("allowedValues", ())]
    denied = [str(each) for each in listed.get("deniedValues", ())]
    if listed.get("allValues") == "DENY":
        restricted = "nothing"
    elif constraint.needed and any(each.rstrip("/") == constraint.needed for each in denied):
        restricted = f"all but {', '.join(denied)}"
    elif allowed and not any(each.rstrip("/") == constraint.needed for each in allowed):
        restricted = ", ".join(allowed)
    else:
        return ok(name, f"it allows {constraint.what_for}")
    needed = constraint.needed or "the other company's organization"
    return not_ok(
        name,
        f"it allows {restricted}",
        f"an administrator of the organization: allow {needed} in constraints/{constraint.name} of"
        f" this project, for {constraint.what_for}",
    )
