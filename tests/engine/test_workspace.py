"""The scratch copy of the program, and the closed environment that its engine runs in."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rehearsal.companies import COMPANIES
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import PROGRAM, EngineError

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine


@pytest.fixture
def ambient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person with Google, Docker and Pulumi settings of their own."""
    for name in (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CREDENTIALS",
        "GOOGLE_PROJECT",
        "CLOUDSDK_CORE_PROJECT",
        "DOCKER_HOST",
        "PULUMI_ACCESS_TOKEN",
        "PULUMI_CONFIG_PASSPHRASE_FILE",
        "ALL_PROXY",
    ):
        monkeypatch.setenv(name, "the-persons-own")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://the-persons-own.example")


def test_the_committed_stack_files_stay_as_they_are(workspace: Workspace) -> None:
    """`pulumi stack init` writes into the copy; the repository's files are not touched."""
    name = "Pulumi.primus.yaml"
    before = (REPOSITORY / name).read_text()
    assert "encryptionsalt" not in before
    assert "encryptionsalt" in (workspace.program / name).read_text()


def test_the_copy_holds_the_program_and_nothing_that_was_compiled(scratch: Workspace) -> None:
    """What `pulumi up` reads is there, byte for byte, without caches of the interpreter."""
    assert {path.name for path in scratch.program.iterdir()} == {*PROGRAM, ".venv"}
    assert list(scratch.program.glob("[!.]*/**/__pycache__")) == []
    for source in (REPOSITORY / "workload").rglob("*.py"):
        copy = scratch.program / source.relative_to(REPOSITORY)
        assert copy.read_bytes() == source.read_bytes()


def test_both_stacks_exist_in_a_private_backend(workspace: Workspace) -> None:
    """The backend is in the workspace's folder and holds the two stacks."""
    listed = json.loads(workspace.pulumi("primus", "stack", "ls", "--json").stdout)
    assert {stack["name"] for stack in listed} == set(COMPANIES)
    assert list((workspace.folder / "state").rglob("primus.json")) != []


@pytest.mark.usefixtures("ambient")
@pytest.mark.parametrize("company", COMPANIES)
def test_no_setting_of_the_person_gets_in(scratch: Workspace, company: str) -> None:
    """No variable of the caller's, save how to show text and PATH, reaches the engine."""
    assert "the-persons-own" not in " ".join(scratch.environment(company).values())


@pytest.mark.usefixtures("ambient")
def test_the_automation_api_is_as_closed_as_the_command(workspace: Workspace) -> None:
    """A program run by the Automation API sees none of the caller's settings either."""
    (workspace.program / "__main__.py").write_text(
        "import os, pulumi\n"
        "pulumi.export('seen', sorted(k for k, v in os.environ.items() if 'persons-own' in v))\n"
        "pulumi.export('stack', pulumi.get_stack())\n"
    )
    outputs = workspace.stack("secundus").up().outputs
    assert {name: output.value for name, output in outputs.items()} == {
        "seen": [],
        "stack": "secundus",
    }


def test_each_company_acts_as_its_own_deployer(scratch: Workspace, local_cloud: LocalCloud) -> None:
    """The access token of a company's environment speaks for its deployer, and for hours."""
    for company in COMPANIES.values():
        token = scratch.environment(company.name)["GOOGLE_OAUTH_ACCESS_TOKEN"]
        known = local_cloud.cloud.tokens[token]
        assert known.member == company.deployer
        assert known.expires - local_cloud.cloud.now() > 11 * 3600


def test_docker_is_logged_in_as_the_deployer_in_private(scratch: Workspace) -> None:
    """The registry login carries the same token, in a file that only its owner can read."""
    environment = scratch.environment("primus")
    config = Path(environment["DOCKER_CONFIG"], "config.json")
    login = json.loads(config.read_text())["auths"]["us-west1-docker.pkg.dev"]["auth"]
    token = environment["GOOGLE_OAUTH_ACCESS_TOKEN"]
    assert base64.b64decode(login).decode() == f"oauth2accesstoken:{token}"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600


def test_the_stack_is_chosen_by_the_company(workspace: Workspace) -> None:
    """`pulumi` without `--stack` works on the company's own stack."""
    for company in COMPANIES:
        done = workspace.pulumi(company, "stack", "--show-name")
        assert done.stdout.strip() == company, done.stderr


def test_a_stack_that_cannot_be_created_is_an_error(workspace: Workspace) -> None:
    """Creating the stacks twice fails in the engine's own words."""
    with pytest.raises(EngineError, match=r"stack init primus failed: .*already exists"):
        workspace.create_stacks()
