"""`empty` and `leftovers` against the local cloud, with Google's own client libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.oauth2.credentials import Credentials

from infra.config import primus_settings, secundus_settings
from infra.stack_name import StackName
from ops.google_api import GoogleApi
from ops.stack_state import BUCKET, OBJECT, Deployed
from ops.teardown import contents, leftovers
from rehearsal.cloud.state import Instance, Pool, Repository, ServiceAccount
from rehearsal.companies import COMPANIES, two_companies
from tests.fixtures.stack_files import committed

if TYPE_CHECKING:
    from google.cloud.storage import Client

    from ops.teardown.leftovers import Leftover
    from rehearsal.cloud.state import Cloud

PRIMUS, SECUNDUS = COMPANIES["primus"], COMPANIES["secundus"]
POOLS = f"projects/{PRIMUS.project_number}/locations/global/workloadIdentityPools"
RESULTS = Deployed(type=BUCKET, name="secundus-result", id="results")
TRACKED = Deployed(
    type=OBJECT,
    name="secundus-pictures-a.png",
    id="results-a.png",
    properties={"bucket": "results", "name": "a.png"},
)
SERVICES = (
    "artifactregistry",
    "compute",
    "iam",
    "storage",
)


@pytest.fixture
def filled(owner: Client) -> Client:
    """A bucket with an object of the stack's, and three of a run."""
    bucket = owner.create_bucket("results", location="us-west1")
    for name in ("a.png", "result", "results.jsonl", "state/1"):
        bucket.blob(name).upload_from_string("0123456789")
    return owner


def test_what_the_stack_did_not_put_there_is_counted_and_deleted(
    filled: Client, cloud: Cloud
) -> None:
    """`destroy` deletes the stack's own objects, and would stop at the others."""
    (found,) = contents.contents(filled, [RESULTS, TRACKED])
    assert (found.objects, found.size) == (3, 30)
    assert found.newest is not None
    assert contents.delete(filled, found) == 3
    assert [*cloud.buckets["results"].objects] == ["a.png"]
    assert [*contents.contents(filled, [RESULTS, TRACKED])] == []


@pytest.mark.parametrize(
    "bucket",
    [
        Deployed(type=BUCKET, name="others", id="results", managed=False),
        Deployed(type=BUCKET, name="gone", id="deleted-by-hand"),
        Deployed(type=OBJECT, name="no bucket", id="results"),
    ],
    ids=["made by others", "gone", "no bucket"],
)
def test_only_buckets_that_the_stack_made_are_looked_at(filled: Client, bucket: Deployed) -> None:
    """Never one that others have made, and one that is gone is no error."""
    assert [*contents.contents(filled, [bucket])] == []


def test_many_objects_are_deleted_page_by_page(
    filled: Client, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory holds one page; what somebody deleted meanwhile is no error."""
    monkeypatch.setattr(contents, "CHUNK", 2)
    (found,) = contents.contents(filled, [RESULTS])
    delete = contents._delete
    deleted: list[str] = []

    def one_is_gone(blob: Any) -> int:
        if not deleted:
            cloud.buckets["results"].objects.pop(blob.name)
        deleted.append(blob.name)
        return delete(blob)

    monkeypatch.setattr(contents, "_delete", one_is_gone)
    assert contents.delete(filled, found) == 3
    assert sorted(deleted) == ["a.png", "result", "results.jsonl", "state/1"]
    assert cloud.buckets["results"].objects == {}


@pytest.fixture
def api(cloud: Cloud) -> dict[str, GoogleApi]:
    """The deployers' sessions, with the roles of the documentation, and the APIs of both stacks."""
    two_companies(cloud)
    cloud.service_accounts.clear()
    for project in cloud.projects.values():
        project.services.update(f"{each}.googleapis.com" for each in SERVICES)
    return {
        name: GoogleApi(Credentials(cloud.mint(company.deployer)))  # type: ignore[no-untyped-call]
        for name, company in COMPANIES.items()
    }


def left(api: dict[str, GoogleApi], company: str, **changes: Any) -> list[Leftover]:
    """What is left of a stack with the committed configuration."""
    values, name = {**committed(company), **changes}, StackName(company)
    if company == "primus":
        return [*leftovers.of_primus(api[company], primus_settings.parse(values, name))]
    return [*leftovers.of_secundus(api[company], secundus_settings.parse(values, name))]


@pytest.mark.parametrize("company", ["primus", "secundus"])
def test_nothing_is_left_of_a_stack_that_never_was(api: dict[str, GoogleApi], company: str) -> None:
    """Every look-up is allowed to the deployer, and finds nothing."""
    assert left(api, company) == []


def test_everything_of_primus_that_is_left_is_found(
    api: dict[str, GoogleApi], cloud: Cloud, owner: Client
) -> None:
    """With the command that removes it; a deleted pool is only mentioned, with its date."""
    owner.create_bucket("primus-models-model-bucket", location="us-west1")
    email = "primus-sa@primus-models.iam.gserviceaccount.com"
    cloud.service_accounts[email] = ServiceAccount(email, "primus-models", {"email": email})
    place = "projects/primus-models/locations/us-west1/repositories/primus-models-artifact-repo"
    cloud.repositories[place] = Repository(place, "primus-models", {})
    for name in ("primus-wip-abc123", "primus-wip-def456", "primus-wipe-abc123", "primus-wip-x"):
        cloud.pools[f"{POOLS}/{name}"] = Pool(f"{POOLS}/{name}", "primus-models", {})
    cloud.pools[f"{POOLS}/primus-wip-def456"].deleted_at = cloud.now()
    found = left(api, "primus")
    assert [each.what.partition(": ")[0] for each in found] == [
        "bucket primus-models-model-bucket",
        "repository primus-models-artifact-repo",
        "service account primus-sa",
        "identity pool primus-wip-abc123",
        "identity pool primus-wip-def456",
    ]
    assert [bool(each.remove) for each in found] == [True, True, True, True, False]
    assert "reserved until 20" in found[-1].what
    assert email in found[2].remove


def test_everything_of_secundus_that_is_left_is_found(
    api: dict[str, GoogleApi], cloud: Cloud, owner: Client
) -> None:
    """In an order in which it can be removed, the grants of a deleted account too."""
    owner.create_bucket(
        "secundus-vision-result-bucket", project="secundus-vision", location="us-west1"
    )
    own = "projects/secundus-vision"
    cloud.networking = {
        f"{own}/global/networks/workload-network": {"selfLink": "network"},
        f"{own}/regions/us-west1/subnetworks/workload-subnet": {
            "network": "network",
            "selfLink": "s",
        },
        f"{own}/global/firewalls/workload-deny-ingress": {},
    }
    machine = Instance("1", "secundus-vision", "us-west1-b", "workload-vm", {"disks": []})
    cloud.instances[f"{own}/zones/us-west1-b/instances/workload-vm"] = machine
    gone = "deleted:serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com?uid=7"
    other = gone.replace("workload-sa", "other-sa")
    cloud.projects["secundus-vision"].policy.bindings.append(
        {"role": "roles/logging.logWriter", "members": [gone, other]}
    )
    found = left(api, "secundus")
    assert [each.what for each in found] == [
        "firewall rule workload-deny-ingress",
        "machine workload-vm",
        "subnetwork workload-subnet",
        "network workload-network",
        "bucket secundus-vision-result-bucket",
        f"roles/logging.logWriter of {gone} on secundus-vision",
    ]
    assert [each.error for each in found] == [""] * 6
    assert f"--member '{gone}'" in found[-1].remove


def test_what_others_have_made_is_not_left_over(api: dict[str, GoogleApi], owner: Client) -> None:
    """`destroy` leaves it on purpose."""
    owner.create_bucket(
        "secundus-vision-result-bucket", project="secundus-vision", location="us-west1"
    )
    assert left(api, "secundus", existing=["resultBucket"]) == []


def test_what_may_not_be_asked_for_is_said(api: dict[str, GoogleApi], cloud: Cloud) -> None:
    """Not known is not the same as nothing."""
    cloud.projects["primus-models"].policy.bindings.clear()
    found = left(api, "primus")
    assert [each.what for each in found] == [
        "repository primus-models-artifact-repo",
        "service account primus-sa",
        "identity pools",
    ]
    assert all("403" in each.error for each in found)
