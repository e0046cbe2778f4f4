"""The company's project: is it there, open, and may whoever asks deploy into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.config.secundus_settings import SecundusSettings
from ops.doctor.check import not_checked, not_ok, ok
from ops.google_api import API_IS_OFF, NO_ANSWER, ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infra.config.company_settings import Company
    from ops.doctor.check import Check
    from ops.google_api import GoogleApi

RESOURCE_MANAGER: Final = "cloudresourcemanager.googleapis.com/v1/projects"
BEFOREHAND: Final = ("cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com")
"""Without them no other API can be switched on by an update."""

ROLES: Final[Mapping[str, Mapping[str, str]]] = {
    "primus": {
        "roles/artifactregistry.admin": "artifactregistry.repositories.create",
        "roles/browser": "resourcemanager.projects.get",
        "roles/iam.serviceAccountAdmin": "iam.serviceAccounts.create",
        "roles/iam.workloadIdentityPoolAdmin": "iam.workloadIdentityPools.create",
        "roles/serviceusage.serviceUsageAdmin": "serviceusage.services.enable",
        "roles/storage.admin": "storage.buckets.create",
    },
    "secundus": {
        "roles/compute.instanceAdmin.v1": "compute.instances.create",
        "roles/compute.networkAdmin": "compute.networks.create",
        "roles/compute.securityAdmin": "compute.firewalls.create",
        "roles/iam.serviceAccountAdmin": "iam.serviceAccounts.create",
        "roles/resourcemanager.projectIamAdmin": "resourcemanager.projects.setIamPolicy",
        "roles/serviceusage.serviceUsageAdmin": "serviceusage.services.enable",
        "roles/storage.admin": "storage.buckets.create",
    },
}
"""By company, the roles of whoever deploys (docs/first-deployment.md), and a permission that only
each has."""
OF_A_FLEET: Final[Mapping[str, str]] = {"roles/pubsub.admin": "pubsub.topics.create"}
"""What whoever deploys a fleet needs besides."""


def roles_for(settings: Company, company: str) -> Mapping[str, str]:
    """The roles that a deployment with these settings needs, each with its permission."""
    fleet = isinstance(settings, SecundusSettings) and settings.fleet is not None
    return {**ROLES[company], **(OF_A_FLEET if fleet else {})}


def checks(api: GoogleApi, settings: Company, company: str) -> Iterator[Check]:
    """Everything about the project. If Google does not answer at all, one check says so."""
    project = settings.project
    try:
        found = api.get(f"{RESOURCE_MANAGER}/{project}")
    except ApiError as error:
        if error.status in (NO_ANSWER, 401):
            yield not_ok("credentials", str(error), "gcloud auth application-default login")
            return
        yield ok("credentials", "Google knows them")
        yield _not_seen(project, error)
    else:
        yield ok("credentials", "Google knows them")
        yield _project(settings, str(found.get("projectNumber")), str(found.get("lifecycleState")))
    yield _billing(api, project)
    yield _apis(api, project)
    yield from _permissions(api, project, roles_for(settings, company))


def _not_seen(project: str, error: ApiError) -> Check:
    if error.reason == API_IS_OFF:
        return not_ok("project", str(error), _enable(project))
    return not_ok(
        "project",
        str(error),
        f"is {project} the right project? If it is, grant roles/browser on it to whoever deploys",
    )


def _project(settings: Company, number: str, state: str) -> Check:
    if number != settings.project_number:
        return not_ok(
            "project",
            f"{settings.project} has the number {number}, configured is {settings.project_number}",
            f"pulumi config set projectNumber {number}",
        )
    if state != "ACTIVE":
        return not_ok("project", f"{settings.project} is {state}", "take another project")
    return ok("project", f"{settings.project}, number {number}")


def _billing(api: GoogleApi, project: str) -> Check:
    try:
        found = api.get(f"cloudbilling.googleapis.com/v1/projects/{project}/billingInfo")
    except ApiError as error:
        how = f"gcloud billing projects describe {project}"
        return not_checked("billing", error.short, how)
    if not found.get("billingEnabled"):
        return not_ok(
            "billing",
            f"{project} has no open billing account",
            f"gcloud billing projects link {project} --billing-account ACCOUNT",
        )
    return ok("billing", str(found.get("billingAccountName")))


def _enable(project: str) -> str:
    return f"gcloud services enable {' '.join(BEFOREHAND)} --project {project}"


def _apis(api: GoogleApi, project: str) -> Check:
    url = f"serviceusage.googleapis.com/v1/projects/{project}/services"
    try:
        enabled = {
            str(each["config"]["name"])
            for each in api.pages(url, "services", filter="state:ENABLED")
        }
    except ApiError as error:
        if error.reason == API_IS_OFF:
            return not_ok("APIs", str(error), _enable(project))
        return not_checked("APIs", error.short)
    if missing := [each for each in BEFOREHAND if each not in enabled]:
        return not_ok("APIs", f"off: {', '.join(missing)}", _enable(project))
    return ok("APIs", f"{len(enabled)} are on; an update switches on the others")


def _permissions(api: GoogleApi, project: str, roles: Mapping[str, str]) -> Iterator[Check]:
    asked: Sequence[str] = sorted(set(roles.values()))
    try:
        answer = api.post(
            f"{RESOURCE_MANAGER}/{project}:testIamPermissions", {"permissions": asked}
        )
    except ApiError as error:
        yield not_checked("roles", error.short)
        return
    granted = set(answer.get("permissions", ()))
    missing = [role for role, permission in roles.items() if permission not in granted]
    if missing:
        yield not_ok(
            "roles",
            f"whoever asks lacks {', '.join(missing)}, or what they allow",
            f"an owner: gcloud projects add-iam-policy-binding {project} --member MEMBER --role"
            f" {missing[0]}   # and so on",
        )
    else:
        yield ok("roles", f"{len(roles)} of {len(roles)} that the deployment needs")
