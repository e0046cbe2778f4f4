"""The identity of access tokens, and the decisions of allow policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access
from rehearsal.cloud.state import AuditEntry, Cloud, Policy, ServiceAccount

if TYPE_CHECKING:
    from rehearsal.cloud.state import Binding, Json

EMAIL = "workload-sa@secundus-vision.iam.gserviceaccount.com"
MEMBER = f"serviceAccount:{EMAIL}"
OF_PROJECT = "principalSet://cloudresourcemanager.googleapis.com/projects/{}/type/ServiceAccount"
GET = "storage.objects.get"


@pytest.fixture
def cloud() -> Cloud:
    """One project with one service account."""
    cloud = Cloud()
    cloud.add_project("secundus-vision", "2" * 12)
    cloud.service_accounts[EMAIL] = ServiceAccount(EMAIL, "secundus-vision", {})
    return cloud


def viewer(member: str, condition: Json | None = None) -> Policy:
    """A policy that lets one member view objects."""
    binding: Binding = {"role": "roles/storage.objectViewer", "members": [member]}
    if condition is not None:
        binding["condition"] = condition
    return Policy([binding])


def test_a_request_without_a_token_is_anonymous(cloud: Cloud) -> None:
    """Its name is the one that Google uses."""
    nobody = access.caller(cloud, {})
    assert str(nobody) == "Anonymous caller"
    assert nobody.members == {"allUsers"}


def test_a_token_is_valid_until_it_expires(cloud: Cloud) -> None:
    """To the second, by the cloud's own clock."""
    token = cloud.mint(MEMBER, lifetime=60)
    assert str(access.caller_of_token(cloud, token)) == EMAIL
    cloud.clock_offset = 60
    with pytest.raises(ApiError, match="invalid authentication credentials") as refused:
        access.caller_of_token(cloud, token)
    assert refused.value.code == 401


def test_an_unknown_token_is_refused(cloud: Cloud) -> None:
    """401, not an anonymous caller."""
    with pytest.raises(ApiError, match="invalid authentication credentials"):
        access.caller(cloud, {"authorization": "Bearer ya29.made-up"})


def test_a_token_of_a_disabled_account_is_refused(cloud: Cloud) -> None:
    """Although it was minted before."""
    token = cloud.mint(MEMBER)
    cloud.service_accounts[EMAIL].disabled = True
    with pytest.raises(ApiError, match="invalid authentication credentials"):
        access.caller_of_token(cloud, token)


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (MEMBER, True),
        (OF_PROJECT.format("2" * 12), True),
        ("allAuthenticatedUsers", True),
        ("allUsers", True),
        (OF_PROJECT.format("1" * 12), False),
        (f"user:{EMAIL}", False),
        (EMAIL, False),
    ],
)
def test_a_service_account_is_a_member_of_its_projects_principal_set(
    cloud: Cloud, member: str, expected: bool
) -> None:
    """Grants to it, and to all service accounts of its project, reach it; others do not."""
    who = access.caller_of_token(cloud, cloud.mint(MEMBER))
    assert access.is_allowed(cloud, who, GET, [viewer(member)]) is expected


def test_a_user_is_no_member_of_a_projects_principal_set(cloud: Cloud) -> None:
    """The set holds service accounts only."""
    who = access.caller_of_token(cloud, cloud.mint("user:admin@secundus.example"))
    assert not access.is_allowed(cloud, who, GET, [viewer(OF_PROJECT.format("2" * 12))])


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("resource.name == 'a'", True),
        ("resource.name == 'b'", False),
        ("resource.missing == 'a'", False),
        ("resource.name", False),
    ],
)
def test_a_conditional_binding_grants_where_its_condition_is_true(
    cloud: Cloud, expression: str, expected: bool
) -> None:
    """Nothing but true grants."""
    policy = viewer(MEMBER, {"title": "t", "expression": expression})
    who = access.caller_of_token(cloud, cloud.mint(MEMBER))
    assert access.decide(cloud, who, GET, "a", [policy]) is expected
    assert cloud.audit == [AuditEntry(MEMBER, GET, "a", expected)]


@pytest.mark.parametrize(
    ("role", "permission", "expected"),
    [
        ("roles/storage.objectCreator", "storage.objects.create", True),
        ("roles/storage.objectCreator", "storage.objects.delete", False),
        ("roles/storage.admin", "storage.buckets.setIamPolicy", True),
        ("roles/iam.workloadIdentityUser", "iam.serviceAccounts.actAs", False),
        ("roles/made.up", "storage.objects.get", False),
    ],
)
def test_a_role_grants_exactly_its_permissions(role: str, permission: str, expected: bool) -> None:
    """An unknown role grants none."""
    assert access.role_includes(role, permission) is expected


def test_a_refusal_names_permission_and_resource(cloud: Cloud) -> None:
    """In the words and details of Google's newer APIs."""
    who = access.caller_of_token(cloud, cloud.mint(MEMBER))
    with pytest.raises(ApiError, match=r"Permission 'x\.y' denied on resource '//z'") as refused:
        access.require(cloud, who, "x.y", "z", [])
    assert refused.value.code == 403
    assert refused.value.details[0]["reason"] == "IAM_PERMISSION_DENIED"


def test_a_policy_is_not_replaced_with_an_old_etag(cloud: Cloud) -> None:
    """It is refused, and nothing is written."""
    policy = viewer(MEMBER)
    stale = policy.as_json()
    access.replace(cloud, policy, {"etag": policy.etag, "bindings": []})
    with pytest.raises(ApiError, match="concurrent policy changes"):
        access.replace(cloud, policy, stale)
    assert policy.bindings == []


def test_a_new_grant_is_known_after_its_delay(cloud: Cloud) -> None:
    """By the cloud's own clock; a grant from before, and one of another role, is known at once."""
    cloud.propagation["roles/storage.objectViewer"] = 300
    who = access.caller_of_token(cloud, cloud.mint(MEMBER))
    old, new = viewer(MEMBER), Policy()
    access.replace(cloud, new, {"bindings": old.bindings})
    assert access.is_allowed(cloud, who, GET, [old])
    assert not access.is_allowed(cloud, who, GET, [new])
    access.replace(cloud, new, new.as_json())  # a change of another grant is no new grant
    cloud.clock_offset += 299
    assert not access.is_allowed(cloud, who, GET, [new])
    cloud.clock_offset += 2
    assert access.is_allowed(cloud, who, GET, [new])
