"""`confidential-inference doctor` against the local cloud: each check, and each of its ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.oauth2.credentials import Credentials

from infra.config import primus_settings, secundus_settings
from infra.stack_name import StackName
from ops.doctor import machine, names, policies, project, tools
from ops.doctor.check import Status
from ops.google_api import GoogleApi
from rehearsal.companies import COMPANIES, two_companies
from tests.fixtures.stack_files import committed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from google.cloud.storage import Client

    from infra.config.primus_settings import PrimusSettings
    from infra.config.secundus_settings import SecundusSettings
    from ops.doctor.check import Check
    from rehearsal.cloud.state import Cloud

NOBODY = "user:nobody@example.com"
IMAGE = "projects/confidential-space-images/global/images/"
OK, NOT_OK, NOT_CHECKED = Status.OK, Status.NOT_OK, Status.NOT_CHECKED


@pytest.fixture
def prepared(cloud: Cloud) -> Cloud:
    """Both companies' projects as documented, and the APIs that an update switches on."""
    for each in cloud.projects.values():
        each.policy.bindings.clear()
    cloud.service_accounts.clear()
    two_companies(cloud)
    for each in cloud.projects.values():
        each.services.update(
            f"{name}.googleapis.com"
            for name in ("artifactregistry", "cloudbilling", "compute", "iam", "storage")
        )
    return cloud


def session(cloud: Cloud, company: str, member: str = "") -> GoogleApi:
    """The session of a company's deployer, or of somebody else."""
    token = cloud.mint(member or COMPANIES[company].deployer)
    return GoogleApi(Credentials(token))  # type: ignore[no-untyped-call]  # untyped library


def primus(**changes: Any) -> PrimusSettings:
    """The committed configuration with changes."""
    return primus_settings.parse({**committed("primus"), **changes}, StackName("primus"))


def secundus(**changes: Any) -> SecundusSettings:
    """The committed configuration with changes."""
    return secundus_settings.parse({**committed("secundus"), **changes}, StackName("secundus"))


def results(found: Iterable[Check]) -> dict[str, Status]:
    """The status by check; whatever is not ok has a fix."""
    checks = [*found]
    assert all(each.fix for each in checks if each.status is NOT_OK)
    return {each.name: each.status for each in checks}


def of_project(cloud: Cloud, company: str, member: str = "", **changes: Any) -> dict[str, Status]:
    """The checks of a company's project."""
    settings = primus(**changes) if company == "primus" else secundus(**changes)
    return results(project.checks(session(cloud, company, member), settings, company))


@pytest.mark.parametrize("company", ["primus", "secundus"])
def test_a_project_as_the_readme_prepares_it_is_ok(prepared: Cloud, company: str) -> None:
    """With the documented roles, and no more."""
    assert of_project(prepared, company) == dict.fromkeys(
        ("credentials", "project", "billing", "APIs", "roles"), OK
    )


PROBLEMS: dict[str, tuple[Callable[[Cloud], object], str, Status]] = {
    "another number": (
        lambda cloud: setattr(cloud.projects["primus-models"], "number", "9" * 12),
        "project",
        NOT_OK,
    ),
    "no billing": (
        lambda cloud: setattr(cloud.projects["primus-models"], "billing_account", ""),
        "billing",
        NOT_OK,
    ),
    "billing not known": (
        lambda cloud: cloud.projects["primus-models"].services.remove(
            "cloudbilling.googleapis.com"
        ),
        "billing",
        NOT_CHECKED,
    ),
    "no Service Usage": (
        lambda cloud: cloud.projects["primus-models"].services.remove(
            "serviceusage.googleapis.com"
        ),
        "APIs",
        NOT_OK,
    ),
    "no Resource Manager": (
        lambda cloud: cloud.projects["primus-models"].services.remove(
            "cloudresourcemanager.googleapis.com"
        ),
        "project",
        NOT_OK,
    ),
    "a role is missing": (
        lambda cloud: cloud.projects["primus-models"].policy.bindings.pop(),
        "roles",
        NOT_OK,
    ),
}


@pytest.mark.parametrize(("spoil", "name", "status"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_is_wrong_with_a_project_is_found(
    prepared: Cloud, spoil: Callable[[Cloud], object], name: str, status: Status
) -> None:
    """By the check of its name."""
    spoil(prepared)
    assert of_project(prepared, "primus")[name] is status


def test_somebody_without_any_role_is_told_so(prepared: Cloud) -> None:
    """The project cannot be seen, and every role is missing."""
    found = of_project(prepared, "primus", NOBODY)
    assert found == {
        "credentials": OK,
        "project": NOT_OK,
        "billing": NOT_CHECKED,
        "APIs": NOT_CHECKED,
        "roles": NOT_OK,
    }


def test_an_expired_token_ends_the_checks_of_the_project(prepared: Cloud) -> None:
    """Nothing else could be asked."""
    api = session(prepared, "primus")
    prepared.clock_offset += 7200
    assert results(project.checks(api, primus(), "primus")) == {"credentials": NOT_OK}


LISTS: dict[str, tuple[str, str, dict[str, Any], Status]] = {
    "domains": (
        "primus",
        "iam.allowedPolicyMemberDomains",
        {"allowedValues": ["C0abc"]},
        NOT_OK,
    ),
    "another issuer": (
        "primus",
        "iam.workloadIdentityPoolProviders",
        {"allowedValues": ["https://token.actions.githubusercontent.com"]},
        NOT_OK,
    ),
    "the issuer": (
        "primus",
        "iam.workloadIdentityPoolProviders",
        {"allowedValues": ["https://confidentialcomputing.googleapis.com/"]},
        OK,
    ),
    "no issuer": ("primus", "iam.workloadIdentityPoolProviders", {"allValues": "DENY"}, NOT_OK),
    "the issuer denied": (
        "primus",
        "iam.workloadIdentityPoolProviders",
        {"deniedValues": ["https://confidentialcomputing.googleapis.com"]},
        NOT_OK,
    ),
    "other images": (
        "secundus",
        "compute.trustedImageProjects",
        {"allowedValues": ["projects/debian-cloud"]},
        NOT_OK,
    ),
    "the images": (
        "secundus",
        "compute.trustedImageProjects",
        {"allowedValues": ["projects/confidential-space-images", "projects/debian-cloud"]},
        OK,
    ),
    "other images denied": (
        "secundus",
        "compute.trustedImageProjects",
        {"deniedValues": ["projects/debian-cloud"]},
        OK,
    ),
}


@pytest.mark.parametrize(("company", "constraint", "policy", "status"), LISTS.values(), ids=LISTS)
def test_an_organization_policy_is_judged_by_its_list(
    prepared: Cloud, company: str, constraint: str, policy: dict[str, Any], status: Status
) -> None:
    """A list that lacks what is needed would refuse in the middle of an update."""
    owned = prepared.projects[COMPANIES[company].project]
    owned.policy.bindings.append(
        {"role": "roles/orgpolicy.policyViewer", "members": [COMPANIES[company].deployer]}
    )
    owned.organization_policies[f"constraints/{constraint}"] = policy
    found = results(policies.checks(session(prepared, company), owned.id, company))
    assert found.pop(f"policy {constraint}") is status
    assert set(found.values()) <= {OK}


def test_organization_policies_that_may_not_be_read_are_said(prepared: Cloud) -> None:
    """Whoever deploys usually may not."""
    found = results(policies.checks(session(prepared, "primus"), "primus-models", "primus"))
    assert set(found.values()) == {NOT_CHECKED}


def of_machine(cloud: Cloud, **changes: Any) -> dict[str, Status]:
    """The checks of the machine."""
    return results(machine.checks(session(cloud, "secundus"), secundus(**changes)))


def test_the_committed_machine_is_ok(prepared: Cloud) -> None:
    """Zone, type and boot image."""
    assert of_machine(prepared) == {"zone": OK, "machine type": OK, "boot image": OK}


def fleet(*zones: str) -> dict[str, Any]:
    """The keys of a fleet in these zones."""
    return {"run": "", "fleet": {"mostMachines": 3, "zones": [*zones]}}


def test_each_zone_of_a_fleet_must_have_its_machines(
    prepared: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none that the fleet is not in."""
    settings = secundus(**fleet("us-west1-a", "us-west1-c"))
    said = [each.detail for each in machine.checks(session(prepared, "secundus"), settings)]
    assert said[:4] == [
        "us-west1-a",
        "n2d-standard-2 with SEV in us-west1-a",
        "us-west1-c",
        "n2d-standard-2 with SEV in us-west1-c",
    ]
    monkeypatch.setattr("rehearsal.cloud.compute.compute_api.FAMILIES", {"e2": ()})
    lacking = [*machine.checks(session(prepared, "secundus"), settings)][1]
    assert (lacking.status, lacking.detail) == (NOT_OK, "us-west1-a has no n2d-standard-2")


def test_a_zone_of_a_fleet_that_google_has_not_is_found_with_its_key(prepared: Cloud) -> None:
    """The fix is for the list of zones."""
    opened = ["us-west1-x"]
    settings = secundus(**fleet(*opened), newLocations=opened)
    first = next(machine.checks(session(prepared, "secundus"), settings))
    assert first.status is NOT_OK
    assert first.fix == "pulumi config set --path 'fleet.zones[N]' ZONE"


def test_whoever_deploys_a_fleet_needs_one_role_more(prepared: Cloud) -> None:
    """It creates topics, and grants on them."""
    assert of_project(prepared, "secundus")["roles"] is OK
    policy = prepared.projects["secundus-vision"].policy
    granted = [each for each in policy.bindings if each["role"] != "roles/pubsub.admin"]
    policy.bindings[:] = granted
    assert of_project(prepared, "secundus", **fleet("us-west1-a"))["roles"] is NOT_OK
    assert of_project(prepared, "secundus")["roles"] is OK


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        (
            {
                "region": "us-west5",
                "zone": "us-west5-a",
                "newLocations": ["us-west5", "us-west5-a"],
            },
            "zone",
        ),
        ({"confidentialSpaceImage": f"{IMAGE}confidential-space-220100"}, "boot image"),
        ({"confidentialSpaceImage": f"{IMAGE}confidential-space-261200"}, "boot image"),
    ],
    ids=["no such zone", "an image of long ago", "an image of the future"],
)
def test_what_google_has_not_is_found(prepared: Cloud, changes: dict[str, Any], name: str) -> None:
    """Before the machine is created as the last of forty resources."""
    assert of_machine(prepared, **changes)[name] is NOT_OK


def test_a_machine_type_that_the_zone_lacks_is_found(
    prepared: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zones differ in what they have."""
    monkeypatch.setattr("rehearsal.cloud.compute.compute_api.FAMILIES", {"e2": ()})
    assert of_machine(prepared)["machine type"] is NOT_OK


def test_an_image_that_is_deprecated_is_found(prepared: Cloud) -> None:
    """The condition refuses an image out of support."""
    prepared.deprecated_images["confidential-space-260900"] = "DEPRECATED"
    (check,) = (
        each
        for each in machine.checks(session(prepared, "secundus"), secundus())
        if each.name == "boot image"
    )
    assert check.status is NOT_OK
    assert f"confidentialSpaceImage {IMAGE}confidential-space-261000" in check.fix


def test_before_the_first_update_the_machine_cannot_be_checked(prepared: Cloud) -> None:
    """The update switches the Compute API on."""
    prepared.projects["secundus-vision"].services.remove("compute.googleapis.com")
    found = of_machine(prepared)
    assert found["zone"] is found["machine type"] is NOT_CHECKED


@pytest.mark.parametrize(
    ("subnetwork", "status"),
    [
        ({"privateIpGoogleAccess": True}, OK),
        ({"privateIpGoogleAccess": False}, NOT_OK),
        (None, NOT_OK),
    ],
    ids=["with access", "without", "missing"],
)
def test_a_subnetwork_of_others_must_reach_googles_services(
    prepared: Cloud, subnetwork: dict[str, Any] | None, status: Status
) -> None:
    """The machine has no external address."""
    if subnetwork is not None:
        place = "projects/secundus-vision/regions/us-west1/subnetworks/workload-subnet"
        prepared.networking[place] = {**subnetwork, "selfLink": place, "network": "n"}
    found = of_machine(prepared, existing=["network", "subnetwork"])
    assert found["subnetwork"] is status


def test_names_are_free_before_the_first_update(prepared: Cloud, owner: Client) -> None:
    """A bucket of that name is found, and needs no search once the stack is deployed."""
    api, settings = session(prepared, "primus"), primus()
    assert results(names.checks(api, settings, deployed=False)) == {"names": OK}
    prepared.projects["primus-models"].policy.bindings.append(
        {"role": "roles/storage.admin", "members": ["user:deployer@primus.example"]}
    )
    owner.create_bucket(settings.names.model_bucket, project="primus-models", location="us-west1")
    assert results(names.checks(api, settings, deployed=False)) == {"names": NOT_OK}
    assert results(names.checks(api, settings, deployed=True)) == {"names": OK}
    api = session(prepared, "secundus", NOBODY)
    assert results(names.checks(api, secundus(), deployed=False)) == {"names": NOT_CHECKED}


def test_the_clock_is_compared_with_that_of_a_server(
    prepared: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the date of any answer; without an answer, it is not known."""
    assert not prepared.audit
    assert tools.clock().status is OK
    monkeypatch.setattr(tools, "SKEW_SECONDS", -1)
    assert tools.clock().status is NOT_OK
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert tools.clock().status is NOT_CHECKED
