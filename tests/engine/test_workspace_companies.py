"""The cast of the rehearsal: the committed stack files' companies, each with its few roles."""

from __future__ import annotations

from rehearsal.cloud.state import Cloud
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.repository import REPOSITORY


def test_the_deployers_hold_no_role_that_holds_everything() -> None:
    """Each deployer has named roles on its own project only, and is nowhere an owner."""
    cloud = Cloud()
    two_companies(cloud)
    for company in COMPANIES.values():
        policy = cloud.projects[company.project].policy
        roles = {*company.roles, *company.fleet_roles}
        assert {binding["role"] for binding in policy.bindings} == roles
        assert all(binding["members"] == [company.deployer] for binding in policy.bindings)
        assert not {"roles/owner", "roles/editor"} & roles


def test_the_cast_is_the_committed_stack_files_cast() -> None:
    """Projects and numbers are those of the stack files, so that what is shown is what is used."""
    for company in COMPANIES.values():
        text = (REPOSITORY / f"Pulumi.{company.name}.yaml").read_text()
        assert f"project: {company.project}\n" in text
        assert company.project_number in text
