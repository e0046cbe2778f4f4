"""iam.googleapis.com: service accounts, and the grants to a deleted one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.rest_requests import ANYBODY, asker, message

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud
    from tests.cloud.rest_requests import Ask

IAM = "https://iam.googleapis.com/v1/projects/primus-models"
READER = "model-reader@primus-models.iam.gserviceaccount.com"
USER = "roles/iam.serviceAccountUser"


@pytest.fixture
def ask(cloud: Cloud) -> Ask:
    """Requests by Primus' deployer, who may administer service accounts."""
    return asker(cloud, "primus-models", ["iam.serviceAccountAdmin"], ["iam"], IAM)


@pytest.fixture
def reader(ask: Ask) -> Any:
    """A service account, as in the response to its creation."""
    body = {"accountId": "model-reader", "serviceAccount": {"displayName": "Model reader"}}
    return ask("POST", "/serviceAccounts", body).json()


def test_a_created_account_can_be_read(ask: Ask, reader: Any) -> None:
    """By its e-mail, also under `projects/-`."""
    assert reader["name"] == f"projects/primus-models/serviceAccounts/{READER}"
    assert reader["displayName"] == "Model reader"
    assert ask("GET", f"/serviceAccounts/{READER}").json() == reader
    assert ask("GET", f"/../-/serviceAccounts/{READER}").status_code == 200


@pytest.mark.parametrize("account_id", ["short", "x" * 31, "Upper-case", "ends-with-"])
def test_a_bad_account_id_is_refused(ask: Ask, account_id: str) -> None:
    """An account id is 6 to 30 lower-case letters, digits and hyphens."""
    answer = ask("POST", "/serviceAccounts", {"accountId": account_id})
    assert f'The account ID "{account_id}" does not' in message(answer, 400)


@pytest.mark.usefixtures("reader")
def test_a_second_account_of_the_same_id_is_a_conflict(
    ask: Ask,
) -> None:
    """409."""
    answer = ask("POST", "/serviceAccounts", {"accountId": "model-reader"})
    assert "already exists within project projects/primus-models" in message(answer, 409)


def test_an_unknown_field_is_refused(ask: Ask) -> None:
    """By name."""
    body = {"accountId": "model-reader", "serviceAccount": {"display_nam": "x"}}
    assert 'Unknown name "display_nam"' in message(ask("POST", "/serviceAccounts", body), 400)


def test_a_patch_changes_what_its_mask_names(ask: Ask, reader: Any) -> None:
    """PATCH takes the masked fields and leaves the others."""
    body = {"displayName": "Other", "description": "ignored", "etag": reader["etag"]}
    change = {"serviceAccount": body, "updateMask": "display_name"}
    after = ask("PATCH", f"/serviceAccounts/{READER}", change).json()
    assert after["displayName"] == "Other"
    assert "description" not in after


@pytest.mark.usefixtures("reader")
def test_a_token_of_a_disabled_account_is_refused(ask: Ask, cloud: Cloud) -> None:
    """It is valid again when the account is enabled."""
    by = f"serviceAccount:{READER}"
    cloud.service_accounts[READER].policy.bindings = [
        {"role": "roles/iam.serviceAccountAdmin", "members": [by]}
    ]
    cloud.service_accounts[READER].disabled = True
    assert ask("GET", f"/serviceAccounts/{READER}").json()["disabled"] is True
    assert ask("GET", f"/serviceAccounts/{READER}", by=by).status_code == 401
    cloud.service_accounts[READER].disabled = False
    assert ask("GET", f"/serviceAccounts/{READER}", by=by).status_code == 200


@pytest.mark.usefixtures("reader")
def test_a_policy_is_read_and_written_back(ask: Ask, cloud: Cloud) -> None:
    """The read-modify-write of a policy ends in the cloud's own policy."""
    policy = ask("POST", f"/serviceAccounts/{READER}:getIamPolicy").json()
    policy["bindings"].append({"role": USER, "members": [ANYBODY]})
    ask("POST", f"/serviceAccounts/{READER}:setIamPolicy", {"policy": policy})
    assert cloud.service_accounts[READER].policy.members(USER) == {ANYBODY}


@pytest.mark.usefixtures("reader")
def test_an_old_etag_is_a_conflict(ask: Ask) -> None:
    """A policy that was written since it was read is not overwritten."""
    policy = ask("POST", f"/serviceAccounts/{READER}:getIamPolicy").json()
    first = ask("POST", f"/serviceAccounts/{READER}:setIamPolicy", {"policy": policy})
    second = ask("POST", f"/serviceAccounts/{READER}:setIamPolicy", {"policy": policy})
    assert first.status_code == 200
    assert "concurrent policy changes" in message(second, 409)


@pytest.mark.usefixtures("reader")
def test_a_grant_to_a_missing_account_is_refused(ask: Ask) -> None:
    """A member that does not exist is refused in Google's words."""
    nobody = "nobody@primus-models.iam.gserviceaccount.com"
    binding = {"role": USER, "members": [f"serviceAccount:{nobody}"]}
    change = {"policy": {"bindings": [binding]}}
    answer = ask("POST", f"/serviceAccounts/{READER}:setIamPolicy", change)
    assert message(answer, 400) == f"Service account {nobody} does not exist."


@pytest.mark.usefixtures("reader")
def test_a_new_account_of_the_same_name_inherits_nothing(ask: Ask, cloud: Cloud) -> None:
    """Neither the grants of the deleted account nor its tokens."""
    member = f"serviceAccount:{READER}"
    policy = cloud.projects["secundus-vision"].policy
    policy.bindings.append({"role": "roles/browser", "members": [ANYBODY, member]})
    unique_id, old = cloud.service_accounts[READER].doc["uniqueId"], cloud.mint(member)
    ask("DELETE", f"/serviceAccounts/{READER}")
    ask("POST", "/serviceAccounts", {"accountId": "model-reader"})
    assert policy.members("roles/browser") == {ANYBODY, f"deleted:{member}?uid={unique_id}"}
    assert old not in cloud.tokens


def test_a_deleted_account_is_404(ask: Ask, reader: Any) -> None:
    """For callers with the permission."""
    ask("DELETE", f"/serviceAccounts/{reader['email']}")
    assert message(ask("GET", f"/serviceAccounts/{READER}"), 404) == "Unknown service account"


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize(
    ("verb", "action"),
    [("DELETE", ""), ("POST", ":getIamPolicy"), ("POST", ":setIamPolicy")],
)
def test_another_projects_path_does_not_lead_to_an_account(
    ask: Ask, cloud: Cloud, verb: str, action: str
) -> None:
    """An administrator of one project does not reach the accounts of another by his own path."""
    secundus = cloud.projects["secundus-vision"]
    secundus.services.add("iam.googleapis.com")
    secundus.policy.bindings = [{"role": "roles/iam.serviceAccountAdmin", "members": [ANYBODY]}]
    path = f"/../secundus-vision/serviceAccounts/{READER}{action}"
    before = cloud.service_accounts[READER].policy.etag
    assert ask(verb, path, {}, by=ANYBODY).status_code == 404
    assert cloud.service_accounts[READER].policy.etag == before


def test_a_disabled_api_says_how_to_enable_it(ask: Ask, cloud: Cloud) -> None:
    """403 SERVICE_DISABLED, before any other check."""
    cloud.projects["primus-models"].services.clear()
    answer = ask("GET", f"/serviceAccounts/{READER}")
    assert "has not been used in project 111111111111 before" in message(answer, 403)
    error = answer.json()["error"]
    assert error["details"][0]["reason"] == "SERVICE_DISABLED"
    assert error["errors"][0]["reason"] == "accessNotConfigured"


def test_an_unknown_project_is_403(ask: Ask) -> None:
    """A caller without permissions does not learn whether it exists."""
    assert "(or it may not exist)" in message(ask("POST", "/../nowhere/serviceAccounts"), 403)


def test_an_unmodelled_method_is_a_clear_404(ask: Ask) -> None:
    """It differs from the error for a missing resource."""
    answer = ask("POST", f"/serviceAccounts/{READER}:signBlob")
    assert "not modelled by the local cloud" in message(answer, 404)


def test_a_disabled_account_can_be_enabled_again(ask: Ask, reader: Any) -> None:
    """By methods of its own; no PATCH changes it."""
    assert "disabled" not in reader
    for method, shown in (("disable", True), ("enable", None)):
        assert ask("POST", f"/serviceAccounts/{READER}:{method}", {}).json() == {}
        assert ask("GET", f"/serviceAccounts/{READER}").json().get("disabled") is shown
    change = {"serviceAccount": {"disabled": True}, "updateMask": "disabled"}
    assert ask("PATCH", f"/serviceAccounts/{READER}", change).status_code == 400
