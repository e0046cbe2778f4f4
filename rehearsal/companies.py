"""The two companies of the rehearsal, as the committed stack files name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.state import Cloud


@dataclass(frozen=True)
class Company:
    """A company: its project, and who deploys its stack with which roles on that project."""

    name: str
    project: str
    project_number: str
    deployer: str
    roles: tuple[str, ...]
    fleet_roles: tuple[str, ...] = ()
    """what else it takes to deploy a fleet in place of one machine"""


COMPANIES = {
    company.name: company
    for company in (
        Company(
            "primus",
            "primus-models",
            "111111111111",
            "user:deployer@primus.example",
            (
                "roles/artifactregistry.admin",
                "roles/browser",
                "roles/iam.serviceAccountAdmin",
                "roles/iam.workloadIdentityPoolAdmin",
                "roles/serviceusage.serviceUsageAdmin",
                "roles/storage.admin",
            ),
        ),
        Company(
            "secundus",
            "secundus-vision",
            "222222222222",
            "user:deployer@secundus.example",
            (
                "roles/compute.instanceAdmin.v1",
                "roles/compute.networkAdmin",
                "roles/compute.securityAdmin",
                "roles/iam.serviceAccountAdmin",
                "roles/resourcemanager.projectIamAdmin",
                "roles/serviceusage.serviceUsageAdmin",
                "roles/storage.admin",
            ),
            ("roles/pubsub.admin",),
        ),
    )
}
"""By stack name. The roles are those that docs/first-deployment.md tells a real user to grant, and
no more: a run as owner would not show that they suffice."""

ENABLED_BEFOREHAND = ("cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com")
"""The APIs without which no other can be enabled."""


def two_companies(cloud: Cloud, companies: Mapping[str, Company] = COMPANIES) -> None:
    """Give a cloud the two projects, each with its deployer's grants; it may have them already."""
    for company in companies.values():
        project = cloud.project(company.project) or cloud.add_project(
            company.project, company.project_number
        )
        project.services.update(ENABLED_BEFOREHAND)
        project.policy.bindings += [
            {"role": role, "members": [company.deployer]}
            for role in (*company.roles, *company.fleet_roles)
        ]
