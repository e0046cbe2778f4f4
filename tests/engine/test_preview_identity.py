"""The identities that only read: docs/pull-requests.md lists their roles, and these are enough.

Each company has a state bucket and a backend of its own here, on the local cloud, as on that page.
The local cloud has no Cloud KMS: the state's key is a passphrase, and the key's role is not shown.
"""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from rehearsal.administrator import Admin
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import Workspace
from tests.engine.deployed_stacks import run, run_own, unchanged
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Binding, Policy

pytestmark = pytest.mark.engine

PAGE: Final = (REPOSITORY / "docs" / "pull-requests.md").read_text()
STORAGE: Final = "storage.googleapis.com/storage/v1/b"
KEY: Final = ("roles/cloudkms.cryptoKeyDecrypter", "the key")

Grant = tuple[str, str]
"""A role, and what it is granted on, in the words of the page."""


def table(title: str) -> dict[str, list[Grant]]:
    """By company, the roles in the first table below a heading of the page."""
    section = PAGE.partition(f"\n### {title}\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| `(roles/[\w.]+)` \| ([^|]+) \| .* \| (\w+) \|$", section, re.MULTILINE)
    return {
        company: [(role, on.strip()) for role, on, stack in rows if stack in (company, "both")]
        for company in COMPANIES
    }


PREVIEW: Final = table("4. Roles")
REFRESH: Final = table("Who may ask the cloud, too")
EACH: Final = [(company, grant) for company in COMPANIES for grant in REFRESH[company]]


class OwnBackends(Workspace):
    """The program, with a backend for each company, and run by its deployer or by the reader."""

    reads = False

    def environment(self, company: str) -> dict[str, str]:
        """The reader has neither the deployer's token nor its login at the image registry."""
        backend = {"PULUMI_BACKEND_URL": f"gs://{state_bucket(company)}"}
        login = {"GOOGLE_OAUTH_ACCESS_TOKEN": self._cloud.cloud.mint(reader(company))}
        reading = {**login, "DOCKER_CONFIG": "/dev/null"} if self.reads else {}
        return {**super().environment(company), **backend, **reading}

    @property
    def cloud(self) -> Cloud:
        """The state of the local cloud."""
        return self._cloud.cloud


def reader(company: str) -> str:
    """The account of a company's previews."""
    return f"serviceAccount:ci-preview@{COMPANIES[company].project}.iam.gserviceaccount.com"


def state_bucket(company: str) -> str:
    """The bucket of a company's backend."""
    return f"{COMPANIES[company].project}-state"


def deploy(local: LocalCloud, folder: Path, cli: Path) -> OwnBackends:
    """Both stacks; Primus' handover came to Secundus as a file (docs/handover.md)."""
    workspace = OwnBackends(folder / "workspace", local, cli)
    for company in COMPANIES:
        admin = Admin(workspace.environment(company))
        where = f"{STORAGE}?project={COMPANIES[company].project}"
        admin.call("POST", where, {"name": state_bucket(company)})
        run(workspace, company, "stack", "init", company)
    run(workspace, "primus", "config", "set", "--path", "image.digest", PINNED)
    run(workspace, "primus", "up", "--yes", "--skip-preview")
    push(local.cloud)
    exporting = ("handover", "export", "--stack", "primus", "--output", "from-primus.json")
    run_own(workspace, "primus", *exporting)
    taking = ("handover", "import", "from-primus.json", "--stack", "secundus", "--yes")
    run_own(workspace, "secundus", *taking)
    one_picture(workspace.program)
    run(workspace, "secundus", "config", "set", "pictures", "model/one")
    run(workspace, "secundus", "up", "--yes", "--skip-preview")
    return workspace


def one_picture(program: Path) -> None:
    """A folder with the first picture, because a refresh asks for each one."""
    pictures = sorted((program / "model" / "pictures").iterdir())
    (program / "model" / "one").mkdir()
    shutil.copy(pictures[0], program / "model" / "one")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[OwnBackends]:
    """Both companies, deployed by their deployers; from then on the reader runs `pulumi`."""
    cloud = Cloud()
    two_companies(cloud)
    with running(cloud) as local:
        local.machines.boot = False
        workspace = deploy(local, tmp_path_factory.mktemp("identity"), pulumi_cli)
        workspace.reads = True
        cloud.audit.clear()
        yield workspace


def policy_of(cloud: Cloud, company: str, on: str) -> Policy:
    """The allow policy of what the page names."""
    project = COMPANIES[company].project
    repositories = (each for each in cloud.repositories.values())
    match on:
        case "the state bucket":
            return cloud.buckets[state_bucket(company)].policy
        case "the image repository":
            return next(repositories).policy
        case "the model's bucket":
            return cloud.buckets[f"{project}-model-bucket"].policy
        case "the input bucket":
            return cloud.buckets[f"{project}-input-bucket"].policy
        case "the project":
            return cloud.projects[project].policy
    raise AssertionError(f"the page grants a role on {on}, which this test does not know")


@contextmanager
def granted(cloud: Cloud, company: str, grants: Iterable[Grant]) -> Iterator[None]:
    """The reader has these roles, and no other."""
    played = [each for each in grants if each != KEY]
    bound: list[tuple[Policy, Binding]] = [
        (policy_of(cloud, company, on), {"role": role, "members": [reader(company)]})
        for role, on in played
    ]
    for policy, binding in bound:
        policy.bindings.append(binding)
    try:
        yield
    finally:
        for policy, binding in bound:
            policy.bindings.remove(binding)


def without(grants: list[Grant], left_out: Grant) -> list[Grant]:
    """The grants but one, which is among them."""
    assert left_out in grants
    return [each for each in grants if each != left_out]


def refused(workspace: OwnBackends, company: str, *command: str) -> str:
    """What `pulumi` printed; it must have failed because Google answered 403."""
    done = workspace.pulumi(company, *command)
    printed = done.stdout + done.stderr
    assert done.returncode != 0, printed
    assert re.search(r"\b403\b|PermissionDenied", printed), printed
    return printed


@pytest.mark.parametrize("company", COMPANIES)
def test_the_listed_roles_are_enough_for_a_preview(deployed: OwnBackends, company: str) -> None:
    """It compares with the state, and asks for the pinned image; nothing has changed."""
    with granted(deployed.cloud, company, PREVIEW[company]):
        printed = run(deployed, company, "preview", "--expect-no-changes")
    assert "Could not ask" not in printed


@pytest.mark.parametrize("company", COMPANIES)
def test_a_preview_needs_the_state_bucket(deployed: OwnBackends, company: str) -> None:
    """Without that role there is none."""
    grants = without(PREVIEW[company], ("roles/storage.objectViewer", "the state bucket"))
    with granted(deployed.cloud, company, grants):
        assert "could not list bucket" in refused(deployed, company, "preview")


def test_only_a_pinned_image_needs_the_image_repository(deployed: OwnBackends) -> None:
    """Without that role the preview warns; a stack that builds its image does not even ask."""
    grants = without(PREVIEW["primus"], ("roles/artifactregistry.reader", "the image repository"))
    with granted(deployed.cloud, "primus", grants):
        assert "Could not ask whether" in run(deployed, "primus", "preview")
        with unchanged(deployed.program / "Pulumi.primus.yaml"):
            run(deployed, "primus", "config", "rm", "--path", "confidential-inference:image.digest")
            printed = run(deployed, "primus", "preview")
    assert "docker:index:Image primus-workload create" in printed
    assert "Could not ask" not in printed


@pytest.mark.parametrize("company", COMPANIES)
def test_the_reader_deploys_nothing(deployed: OwnBackends, company: str) -> None:
    """Also if it could write the state; every permission that it ever used only reads."""
    deployed.cloud.audit.clear()
    up = ("up", "--yes", "--skip-preview")
    writes_state = ("roles/storage.objectUser", "the state bucket")
    with unchanged(deployed.program / f"Pulumi.{company}.yaml"):
        with granted(deployed.cloud, company, PREVIEW[company]):
            label = ("--path", "confidential-inference:labels.team", "vision")
            run(deployed, company, "config", "set", *label)
            assert "storage.objects.create" in refused(deployed, company, *up)
        with granted(deployed.cloud, company, [writes_state, *PREVIEW[company]]):
            assert "update failed" in refused(deployed, company, *up)
    used = {
        entry.permission
        for entry in deployed.cloud.audit
        if entry.allowed and state_bucket(company) not in entry.resource
    }
    assert {each for each in used if not re.search(r"\.(get\w*|list)$", each)} == set()


@pytest.mark.parametrize(
    ("company", "kept"), [("primus", "model-bucket"), ("secundus", "input-bucket")]
)
def test_the_reader_reads_neither_model_nor_pictures_and_so_cannot_refresh(
    deployed: OwnBackends, company: str, kept: str
) -> None:
    """To ask for an object is to be able to read it: whoever may refresh gets the content."""
    bucket = f"{COMPANIES[company].project}-{kept}"
    (name,) = deployed.cloud.buckets[bucket].objects
    download = f"{STORAGE}/{bucket}/o/{name.replace('/', '%2F')}?alt=media"
    with granted(deployed.cloud, company, PREVIEW[company]):
        refused(deployed, company, "preview", "--refresh")
        answer = Admin(deployed.environment(company)).ask("GET", download)
        assert (answer.status_code, "storage.objects.get" in answer.text) == (403, True)
    with granted(deployed.cloud, company, [*PREVIEW[company], *REFRESH[company]]):
        answer = Admin(deployed.environment(company)).ask("GET", download)
    assert answer.content == deployed.cloud.buckets[bucket].objects[name].data


@pytest.mark.parametrize("company", COMPANIES)
def test_the_further_roles_are_enough_to_refresh(deployed: OwnBackends, company: str) -> None:
    """Each resource of the stack is asked for; nothing has changed."""
    with granted(deployed.cloud, company, [*PREVIEW[company], *REFRESH[company]]):
        run(deployed, company, "preview", "--refresh", "--expect-no-changes")


@pytest.mark.parametrize(
    ("company", "left_out"), EACH, ids=[f"{company}, {grant[0]}" for company, grant in EACH]
)
def test_a_refresh_needs_each_of_the_further_roles(
    deployed: OwnBackends, company: str, left_out: Grant
) -> None:
    """Without any one of them Google refuses."""
    grants = [*PREVIEW[company], *without(REFRESH[company], left_out)]
    with granted(deployed.cloud, company, grants):
        refused(deployed, company, "preview", "--refresh")


def test_the_page_lists_the_roles_of_both_identities() -> None:
    """The tables were found, with the one role that is not played here."""
    assert all(KEY in PREVIEW[company] for company in COMPANIES)
    assert all(REFRESH.values())
