"""Projects, their enabled APIs and their repositories: three small APIs, with grants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.image_builder.oci import Reference
from tests.cloud.rest_requests import ANYBODY, asker, message

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud
    from tests.cloud.rest_requests import Ask

PROJECTS = "https://cloudresourcemanager.googleapis.com/v1/projects/"
SERVICES = "https://serviceusage.googleapis.com/v1/"
PRIMUS = f"{SERVICES}projects/primus-models/services"
ARTIFACTS = "https://artifactregistry.googleapis.com/v1/"
LOCATION = "projects/primus-models/locations/us-west1"
REPOSITORY = f"{LOCATION}/repositories/images"
NEW_REPOSITORY = f"{ARTIFACTS}{LOCATION}/repositories?repository_id="
ROLES = (
    "artifactregistry.admin",
    "browser",
    "resourcemanager.projectIamAdmin",
    "serviceusage.serviceUsageAdmin",
)
STARTED_WITH = {"cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com"}


@pytest.fixture
def ask(cloud: Cloud) -> Ask:
    """Requests by Primus' deployer."""
    apis = ("artifactregistry", "cloudresourcemanager", "serviceusage")
    return asker(cloud, "primus-models", ROLES, apis)


@pytest.fixture
def _repository(ask: Ask) -> None:
    answer = ask("POST", f"{NEW_REPOSITORY}images", {"format": "DOCKER", "labels": {"a": "b"}})
    assert answer.status_code == 200


@pytest.mark.parametrize("reference", ["primus-models", "111111111111"])
def test_a_project_is_found_by_id_and_by_number(ask: Ask, reference: str) -> None:
    """Either leads to the same project."""
    project = ask("GET", PROJECTS + reference).json()
    assert (project["projectId"], project["projectNumber"]) == ("primus-models", "111111111111")


def test_a_grant_on_a_project_is_effective_immediately(
    ask: Ask,
) -> None:
    """After the read-modify-write of the project's policy, the caller is admitted."""
    assert ask("GET", f"{PROJECTS}primus-models", by=ANYBODY).status_code == 403
    read = {"options": {"requestedPolicyVersion": 3}}
    policy = ask("POST", f"{PROJECTS}primus-models:getIamPolicy", read).json()
    policy["bindings"].append({"role": "roles/browser", "members": [ANYBODY]})
    change = {"policy": policy, "updateMask": "bindings,etag,auditConfigs"}
    written = ask("POST", f"{PROJECTS}primus-models:setIamPolicy", change)
    assert written.json()["etag"] != policy["etag"]
    assert ask("GET", f"{PROJECTS}primus-models", by=ANYBODY).status_code == 200


def test_a_role_on_one_project_grants_nothing_on_another(ask: Ask, cloud: Cloud) -> None:
    """Primus' deployer may not change Secundus' policy."""
    cloud.projects["secundus-vision"].services |= STARTED_WITH
    change: Any = {"policy": {"bindings": []}}
    answer = ask("POST", f"{PROJECTS}secundus-vision:setIamPolicy", change)
    assert "resourcemanager.projects.setIamPolicy" in message(answer, 403)


def test_an_api_is_enabled_and_listed(ask: Ask, cloud: Cloud) -> None:
    """Enabling is an operation that is done; from then on the API is in the list."""
    operation = ask("POST", f"{PRIMUS}/iam.googleapis.com:enable").json()
    assert ask("GET", SERVICES + operation["name"]).json()["done"] is True
    listed = ask("GET", f"{PRIMUS}?filter=state:ENABLED").json()["services"]
    names = {service["config"]["name"] for service in listed}
    assert names == cloud.projects["primus-models"].services
    assert "iam.googleapis.com" in names


def test_several_apis_are_enabled_at_once(ask: Ask, cloud: Cloud) -> None:
    """`services:batchEnable`, as the plugin asks when it has several to enable."""
    services = ["iam.googleapis.com", "sts.googleapis.com"]
    ask("POST", f"{PRIMUS}:batchEnable", {"serviceIds": services})
    assert cloud.projects["primus-models"].services.issuperset(services)


def test_only_an_enabled_api_can_be_disabled(ask: Ask, cloud: Cloud) -> None:
    """A second time is an error."""
    url = f"{PRIMUS}/artifactregistry.googleapis.com:disable"
    assert ask("POST", url).status_code == 200
    assert cloud.projects["primus-models"].services == STARTED_WITH
    assert "is not enabled" in message(ask("POST", url), 400)


def test_an_unknown_api_cannot_be_enabled(ask: Ask) -> None:
    """It is refused by name."""
    answer = ask("POST", f"{PRIMUS}/nosuch.googleapis.com:enable")
    assert "nosuch.googleapis.com" in message(answer, 403)


def test_service_usage_cannot_enable_itself(ask: Ask, cloud: Cloud) -> None:
    """A person must have enabled it before."""
    cloud.projects["primus-models"].services.clear()
    answer = ask("POST", f"{PRIMUS}/serviceusage.googleapis.com:enable")
    assert message(answer, 403).startswith("Service Usage API has not been used in project 1111")


def test_an_operation_can_be_read_only_in_its_project(ask: Ask, cloud: Cloud) -> None:
    """Its name leads to its project, on which the permission is needed."""
    secundus = cloud.projects["secundus-vision"]
    secundus.services = set(STARTED_WITH)
    role = "roles/serviceusage.serviceUsageAdmin"
    secundus.policy.bindings = [{"role": role, "members": [ANYBODY]}]
    services = f"{SERVICES}projects/secundus-vision/services"
    operation = ask("POST", f"{services}/iam.googleapis.com:enable", by=ANYBODY).json()
    assert ask("GET", SERVICES + operation["name"], by=ANYBODY).status_code == 200
    answer = ask("GET", SERVICES + operation["name"])
    assert "serviceusage.operations.get" in message(answer, 403)


@pytest.mark.usefixtures("_repository")
def test_an_image_is_found_by_its_digest(ask: Ask, cloud: Cloud) -> None:
    """A missing image, or one in a missing repository, is not found."""
    there, absent = (f"workload@sha256:{letter * 64}" for letter in "ab")
    cloud.repositories[REPOSITORY].manifests["sha256:" + "a" * 64] = ("application/json", b"")
    images = f"{ARTIFACTS}{REPOSITORY}/dockerImages/"
    assert ask("GET", images + there).json() == {
        "name": f"{REPOSITORY}/dockerImages/{there}",
        "uri": f"us-west1-docker.pkg.dev/primus-models/images/{there}",
        "mediaType": "application/json",
    }
    assert "not found" in message(ask("GET", images + absent), 404)
    assert "not found" in message(ask("GET", images.replace("images/d", "other/d") + there), 404)
    assert "artifactregistry.dockerimages.get" in message(
        ask("GET", images + there, by=ANYBODY), 403
    )


@pytest.mark.usefixtures("_repository")
def test_a_repository_says_where_to_push(ask: Ask) -> None:
    """Created by an operation, read with its address."""
    repository = ask("GET", ARTIFACTS + REPOSITORY).json()
    assert repository["name"] == REPOSITORY
    assert repository["registryUri"] == "us-west1-docker.pkg.dev/primus-models/images"
    assert (repository["format"], repository["mode"]) == ("DOCKER", "STANDARD_REPOSITORY")


@pytest.mark.parametrize(
    ("name", "body", "location", "refusal"),
    [
        ("images", {"format": "BANANA"}, "us-west1", '"BANANA"'),
        ("images", {}, "us-west1", "repository.format"),
        ("images", {"format": "DOCKER", "mode": "REMOTE_REPOSITORY"}, "us-west1", "mode"),
        ("Images", {"format": "DOCKER"}, "us-west1", 'Invalid repository id "Images"'),
        ("images", {"format": "DOCKER", "formatted": 1}, "us-west1", '"formatted"'),
    ],
)
def test_an_invalid_repository_is_refused(
    ask: Ask, name: str, body: Any, location: str, refusal: str
) -> None:
    """The API refuses what the provider plugin accepts."""
    url = f"{ARTIFACTS}projects/primus-models/locations/{location}/repositories"
    answer = ask("POST", f"{url}?repository_id={name}", body)
    assert refusal in message(answer, 400)


@pytest.mark.parametrize("place", ["us-west9", "us-wets1", "eu", "EU", "nam4", "global"])
def test_a_repository_in_an_unknown_location_is_refused(ask: Ask, place: str) -> None:
    """A misspelt region, and locations that only buckets have."""
    url = NEW_REPOSITORY.replace("us-west1", place)
    answer = ask("POST", f"{url}images", {"format": "DOCKER"})
    assert f"Location {place} is not found" in message(answer, 403)


@pytest.mark.parametrize(
    "place",
    ["us", "europe", "asia", "northamerica-northeast1", "europe-west12", "me-central2"],
)
def test_a_repository_may_be_in_any_location_of_google(ask: Ask, place: str) -> None:
    """Any region and three multi-regions; its address begins with the location."""
    url = NEW_REPOSITORY.replace("us-west1", place)
    assert ask("POST", f"{url}images", {"format": "DOCKER"}).status_code == 200
    made = ask("GET", ARTIFACTS + REPOSITORY.replace("us-west1", place)).json()
    assert made["registryUri"] == f"{place}-docker.pkg.dev/primus-models/images"
    reference = Reference.parse(f"{made['registryUri']}/workload:v1")
    assert (reference.location, reference.repository) == (place, "images")


@pytest.mark.usefixtures("_repository")
def test_a_second_repository_of_the_same_name_is_a_conflict(
    ask: Ask,
) -> None:
    """The name is taken."""
    answer = ask("POST", f"{NEW_REPOSITORY}images", {"format": "DOCKER"})
    assert message(answer, 409) == "the repository already exists"


@pytest.mark.usefixtures("_repository")
def test_a_repository_is_patched_by_mask(ask: Ask) -> None:
    """Labels change, and the format cannot."""
    change = {"labels": {"c": "d"}, "description": "ignored"}
    after = ask("PATCH", f"{ARTIFACTS}{REPOSITORY}?updateMask=labels", change).json()
    assert after["labels"] == {"c": "d"}
    assert "description" not in after
    answer = ask("PATCH", f"{ARTIFACTS}{REPOSITORY}?updateMask=format", {"format": "NPM"})
    assert "'format' is not an updatable field" in message(answer, 400)


@pytest.mark.usefixtures("_repository")
def test_a_repository_can_be_granted_to_another_companys_accounts(ask: Ask, cloud: Cloud) -> None:
    """Reader for each service account of a project; the policy is read by GET, written by POST."""
    number = "222222222222"
    member = (
        f"principalSet://cloudresourcemanager.googleapis.com/projects/{number}/type/ServiceAccount"
    )
    policy = ask("GET", f"{ARTIFACTS}{REPOSITORY}:getIamPolicy").json()
    policy["bindings"].append({"role": "roles/artifactregistry.reader", "members": [member]})
    ask("POST", f"{ARTIFACTS}{REPOSITORY}:setIamPolicy", {"policy": policy})
    held = cloud.repositories[REPOSITORY].policy.members("roles/artifactregistry.reader")
    assert held == {member}
    by = "serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com"
    assert ask("GET", ARTIFACTS + REPOSITORY, by=by).status_code == 200


@pytest.mark.usefixtures("_repository")
def test_deleting_a_repository_deletes_its_content(ask: Ask, cloud: Cloud) -> None:
    """A new one of the same name is empty; the policy of a deleted one cannot be read."""
    cloud.repositories[REPOSITORY].blobs["sha256:0"] = b"layer"
    operation = ask("DELETE", ARTIFACTS + REPOSITORY).json()
    assert ask("GET", ARTIFACTS + operation["name"]).json()["done"] is True
    assert ask("GET", f"{ARTIFACTS}{REPOSITORY}:getIamPolicy").status_code == 404
    ask("POST", f"{NEW_REPOSITORY}images", {"format": "DOCKER"})
    assert cloud.repositories[REPOSITORY].blobs == {}


def test_a_body_that_is_no_json_object_is_refused(
    ask: Ask,
) -> None:
    """With 400, and no crash."""
    answer = ask("POST", f"{PROJECTS}primus-models:getIamPolicy", ["bindings"])
    assert "Invalid JSON payload" in message(answer, 400)
