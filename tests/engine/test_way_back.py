"""After a change that fails half-way and is then reversed, the cloud is as before.

The tests compare the cloud's own policies and contents, not the state. The state can hold a grant
that is gone from the cloud: the engine created it, then deleted its equal, and so deleted both.
No test needs a built image or a finished run.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud, Repository, ServiceAccount, StoredObject
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.workspace import Workspace
from tests.engine.deployed_stacks import keep_one_picture
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

LOCATION = "projects/primus-models/locations/us-west1/repositories"


class Deployed(NamedTuple):
    """A program, and the cloud of its deployment."""

    workspace: Workspace
    cloud: Cloud


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployed]:
    """Both companies deployed, with one picture."""
    cloud = Cloud()
    two_companies(cloud)
    with running(cloud) as local:
        scratch = Workspace(tmp_path_factory.mktemp("back") / "workspace", local, pulumi_cli)
        keep_one_picture(scratch.program)
        scratch.create_stacks()
        configure(scratch, "primus", "image.digest", PINNED)
        both = Deployed(scratch, cloud)
        for company in COMPANIES:
            up(both, company)
        yield both


def configure(workspace: Workspace, company: str, key: str, value: str | None) -> None:
    """`pulumi config set`, or `rm` for None."""
    verb, values = ("rm", []) if value is None else ("set", [value])
    done = workspace.pulumi(company, "config", verb, "--path", key, *values)
    assert done.returncode == 0, done.stderr


def up(deployed: Deployed, company: str) -> None:
    """`pulumi up`, which must succeed."""
    done = deployed.workspace.pulumi(company, "up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    push(deployed.cloud)


def refused(workspace: Workspace, company: str) -> str:
    """The output of `pulumi up`, which must fail."""
    done = workspace.pulumi(company, "up", "--yes", "--skip-preview")
    assert done.returncode != 0
    return done.stdout + done.stderr


def granted(cloud: Cloud) -> set[tuple[str, str, str]]:
    """Every grant: resource, role, member."""
    named: list[tuple[str, Any]] = [
        *cloud.projects.items(),
        *cloud.buckets.items(),
        *cloud.service_accounts.items(),
        *cloud.repositories.items(),
    ]
    return {
        (name, binding["role"], member)
        for name, each in named
        for binding in each.policy.bindings
        for member in binding["members"]
    }


def resources(cloud: Cloud) -> set[str]:
    """The names of all resources and objects."""
    return {
        *cloud.buckets,
        *(f"{b.name}/{path}" for b in cloud.buckets.values() for path in b.objects),
        *cloud.service_accounts,
        *cloud.repositories,
        *(
            f"{repository.name}/{digest}"
            for repository in cloud.repositories.values()
            for digest in repository.manifests
            if digest != PINNED
        ),
        *cloud.networking,
        *cloud.instances,
        *(name for name, pool in cloud.pools.items() if pool.deleted_at is None),
        *(name for name, each in cloud.providers.items() if each.deleted_at is None),
    }


def _object(bucket: str) -> Callable[[Cloud], None]:
    def put(cloud: Cloud) -> None:
        stored = StoredObject({"name": "by-hand", "generation": "1"}, b"")
        cloud.buckets[bucket].objects["by-hand"] = stored

    return put


def _account(company: str) -> Callable[[Cloud], None]:
    def create(cloud: Cloud) -> None:
        project = COMPANIES[company].project
        email = f"taken-name@{project}.iam.gserviceaccount.com"
        cloud.service_accounts[email] = ServiceAccount(email, project, {"email": email})

    return create


def _repository(cloud: Cloud) -> None:
    name = f"{LOCATION}/taken-name"
    cloud.repositories[name] = Repository(name, "primus-models", {"format": "DOCKER"})


@pytest.mark.parametrize(
    ("company", "key", "obstacle", "reason"),
    [
        ("secundus", "names.resultBucket", _object("secundus-vision-result-bucket"), "objects"),
        ("secundus", "names.inputBucket", _object("secundus-vision-input-bucket"), "objects"),
        ("primus", "names.modelBucket", _object("primus-models-model-bucket"), "objects"),
        ("primus", "names.serviceAccount", _account("primus"), "409"),
        ("primus", "names.repository", _repository, "409"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_failed_change_of_a_name_that_is_reversed_loses_no_grant(
    deployed: Deployed,
    company: str,
    key: str,
    obstacle: Callable[[Cloud], None],
    reason: str,
) -> None:
    """On buckets, projects, accounts and repositories."""
    change_and_change_back(deployed, company, key, obstacle, reason)


def test_a_failed_change_of_the_workloads_account_that_is_reversed_loses_no_grant(
    deployed: Deployed,
) -> None:
    """Primus admits the other account first: otherwise Secundus' preview would refuse it."""
    workspace, cloud = deployed
    _account("secundus")(cloud)
    before = granted(cloud), resources(cloud)
    other = "taken-name@secundus-vision.iam.gserviceaccount.com"
    configure(workspace, "primus", "operator.serviceAccount", other)
    up(deployed, "primus")
    configure(workspace, "secundus", "names.serviceAccount", "taken-name")
    assert "409" in refused(workspace, "secundus")
    configure(workspace, "primus", "operator.serviceAccount", None)
    up(deployed, "primus")
    configure(workspace, "secundus", "names.serviceAccount", None)
    up(deployed, "secundus")
    assert (granted(cloud), resources(cloud)) == before
    _clear(cloud)


def test_a_built_image_is_pushed_again_into_a_new_repository(
    deployed: Deployed,
) -> None:
    """The deleted repository held it; the image itself has not changed."""
    configure(deployed.workspace, "primus", "image.digest", None)
    up(deployed, "primus")
    (repository,) = deployed.cloud.repositories.values()
    assert repository.manifests.keys() - {PINNED}
    change_and_change_back(deployed, "primus", "names.repository", _repository, "409")


@pytest.mark.parametrize("command", [("preview",), ("up", "--yes", "--skip-preview")])
@pytest.mark.parametrize("company", COMPANIES)
def test_a_move_to_another_region_without_agreement_is_refused(
    deployed: Deployed, company: str, command: tuple[str, ...]
) -> None:
    """By a preview, and by an update without a preview; nothing changes."""
    workspace, cloud = deployed
    before = granted(cloud), resources(cloud)
    configure(workspace, company, "region", "us-east1")
    if company == "secundus":
        configure(workspace, company, "zone", "us-east1-b")
    done = workspace.pulumi(company, *command)
    configure(workspace, company, "region", "us-west1")
    if company == "secundus":
        configure(workspace, company, "zone", "us-west1-b")
    assert done.returncode != 0
    assert "got 'us-east1', expected 'us-west1', where the last `up` put" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert (granted(cloud), resources(cloud)) == before


def test_a_state_without_a_region_takes_the_configured_one(deployed: Deployed) -> None:
    """An earlier version stored no region; from the next `up` on, the state holds it."""
    workspace, _ = deployed
    forget_region(workspace)
    up(deployed, "primus")
    configure(workspace, "primus", "region", "us-east1")
    assert "expected 'us-west1'" in refused(workspace, "primus")
    configure(workspace, "primus", "region", "us-west1")


def test_an_agreed_move_that_fails_can_be_reversed(deployed: Deployed) -> None:
    """An object in the bucket stops the move; the way back needs an agreement of its own."""
    workspace, cloud = deployed
    by_hand = _object("primus-models-model-bucket")
    by_hand(cloud)
    before = granted(cloud), resources(cloud)
    for key in ("region", "acceptLoss"):
        configure(workspace, "primus", key, "us-east1")
    assert "containing objects" in refused(workspace, "primus")
    configure(workspace, "primus", "region", "us-west1")
    assert "got 'us-west1', expected 'us-east1'" in refused(workspace, "primus")
    configure(workspace, "primus", "acceptLoss", "us-west1")
    up(deployed, "primus")
    assert (granted(cloud), resources(cloud)) == before
    _clear(cloud)


def test_an_agreed_move_succeeds(deployed: Deployed) -> None:
    """Bucket, model, repository and grants exist in the new region."""
    workspace, cloud = deployed
    grants = {(on.replace("us-west1", "us-east1"), *rest) for on, *rest in granted(cloud)}
    for key in ("region", "acceptLoss"):
        configure(workspace, "primus", key, "us-east1")
    up(deployed, "primus")
    assert granted(cloud) == grants
    bucket = cloud.buckets["primus-models-model-bucket"]
    assert (bucket.meta["location"], len(bucket.objects)) == ("US-EAST1", 1)


def forget_region(workspace: Workspace) -> None:
    """Remove the region from the state, as an earlier version left it."""
    state = json.loads(workspace.pulumi("primus", "stack", "export").stdout)
    listed = state["deployment"]["resources"]
    (region,) = [r for r in listed if r["urn"].endswith("pulumi:index:Stash::region")]
    listed.remove(region)
    for each in listed:
        each["dependencies"] = [u for u in each.get("dependencies", []) if u != region["urn"]]
        for urns in each.get("propertyDependencies", {}).values():
            if region["urn"] in urns:
                urns.remove(region["urn"])
    (workspace.folder / "state.json").write_text(json.dumps(state))
    done = workspace.pulumi(
        "primus", "stack", "import", "--file", str(workspace.folder / "state.json")
    )
    assert done.returncode == 0, done.stderr


def change_and_change_back(
    deployed: Deployed, company: str, key: str, obstacle: Callable[[Cloud], None], reason: str
) -> None:
    """Change a name into a taken one, reverse that, and compare the cloud with before."""
    workspace, cloud = deployed
    obstacle(cloud)
    before = granted(cloud), resources(cloud)
    configure(workspace, company, key, "taken-name")
    assert reason in refused(workspace, company)
    configure(workspace, company, key, None)
    up(deployed, company)
    assert (granted(cloud), resources(cloud)) == before
    _clear(cloud)


def _clear(cloud: Cloud) -> None:
    for bucket in cloud.buckets.values():
        bucket.objects.pop("by-hand", None)
    for named in (cloud.service_accounts, cloud.repositories):
        for name in [name for name in named if "taken-name" in name]:
            del named[name]
