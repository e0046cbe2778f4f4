"""The scripts of .github/workflows, run as a runner would, against the local cloud.

What is GitHub's own is not here: events, approvals, the identities' tokens, `gh`.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rehearsal import revisions
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import two_companies
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import Workspace
from tests.engine.deployed_stacks import run, unchanged
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

PREVENTION = "infra/components/private_bucket.py"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Workspace]:
    """Primus, deployed from the working tree."""
    cloud = Cloud()
    two_companies(cloud)
    folder = tmp_path_factory.mktemp("scripts")
    revisions.copy_working_tree(folder / "program")
    with running(cloud) as local:
        workspace = Workspace(folder / "workspace", local, pulumi_cli, program=folder / "program")
        workspace.create_stacks()
        run(workspace, "primus", "config", "set", "--path", "image.digest", PINNED)
        run(workspace, "primus", "up", "--yes", "--skip-preview")
        push(cloud)
        yield workspace


class Runner:
    """Runs the scripts of one job's steps; `summary` and `outputs` are what they left."""

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self._workspace = workspace
        self._files = {name: folder / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
        for path in self._files.values():
            path.touch()

    @property
    def summary(self) -> str:
        """The job's summary."""
        return self._files["GITHUB_STEP_SUMMARY"].read_text()

    @property
    def outputs(self) -> str:
        """The outputs, in the runner's form."""
        return self._files["GITHUB_OUTPUT"].read_text()

    def run(self, workflow: str, job: str, step: str, **values: str) -> tuple[int, str]:
        """The exit code and the log of the step with this text in its script."""
        script = script_of(workflow, job, step)
        files = {name: str(path) for name, path in self._files.items()}
        done = subprocess.run(
            # https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax
            ["bash", "-e"],
            cwd=self._workspace.program,
            env={**self._workspace.environment("primus"), "STACK": "primus", **files, **values},
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


def script_of(workflow: str, job: str, part: str) -> str:
    """The one script of a job that holds a text."""
    path = REPOSITORY / ".github" / "workflows" / workflow
    parsed: dict[str, Any] = yaml.safe_load(path.read_text())
    scripts = [step.get("run", "") for step in parsed["jobs"][job]["steps"]]
    (script,) = [script for script in scripts if part in script]
    return str(script)


@pytest.fixture
def runner(deployed: Workspace, tmp_path: Path) -> Runner:
    """A runner with nothing in its summary."""
    return Runner(deployed, tmp_path)


def test_a_deployment_is_the_one_that_was_reviewed(deployed: Workspace, runner: Runner) -> None:
    """After the approval the review is another one if the stack has changed, and the job stops."""
    label = ("config", "set", "--path", "confidential-inference:labels.team", "vision")
    with unchanged(deployed.program / "Pulumi.primus.yaml"):
        run(deployed, "primus", *label)
        assert runner.run("deploy.yml", "review", "GITHUB_OUTPUT")[0] == 0
        assert "labels.team: nothing → vision" in runner.summary
        approved = runner.outputs.removeprefix("digest=").strip()
        compare = ("deploy.yml", "deploy", "$APPROVED")
        assert runner.run(*compare, APPROVED=approved)[0] == 0
        run(deployed, "primus", "up", "--yes", "--skip-preview")
        code, log = runner.run(*compare, APPROVED=approved)
    assert code == 1
    assert "::error::The stack has changed since the approval" in log
    assert "labels.team" not in runner.summary.rpartition("<!-- ")[2]


@pytest.mark.parametrize(
    ("workflow", "job", "output"),
    [("preview.yml", "stack", "markdown<<end-"), ("deploy.yml", "review", "")],
)
def test_a_forbidden_change_fails_and_is_shown(
    deployed: Workspace, runner: Runner, workflow: str, job: str, output: str
) -> None:
    """The summary says why; only the comment gets it, too, and no digest is approved."""
    path = deployed.program / PREVENTION
    with unchanged(path):
        path.write_text(path.read_text().replace('"enforced"', '"inherited"'))
        code, _ = runner.run(workflow, job, "GITHUB_OUTPUT")
    assert code == 1
    assert "**VIOLATION**: bucket-private" in runner.summary
    assert runner.outputs.startswith(output)
    assert bool(runner.outputs) == bool(output)


def test_a_comment_says_that_a_preview_failed(deployed: Workspace, runner: Runner) -> None:
    """With the marker, so that it replaces the review of an earlier commit."""
    with unchanged(deployed.program / "Pulumi.primus.yaml"):
        run(deployed, "primus", "config", "set", "region", "nowhere")
        code, log = runner.run("preview.yml", "stack", "GITHUB_OUTPUT")
    assert code == 2
    assert "got:         'nowhere'" in log
    _, marker, title, *_ = runner.outputs.splitlines()
    assert marker == "<!-- confidential-inference review: primus -->"
    assert title == "### primus: the preview failed"


def test_the_review_of_a_destruction_names_what_is_lost(runner: Runner) -> None:
    """Before the approval."""
    assert runner.run("destroy.yml", "review", "preview.json")[0] == 0
    assert "**DATA LOSS**: the bucket primus-models-model-bucket is deleted" in runner.summary


@pytest.mark.parametrize(("typed", "expected"), [("primus", 0), ("secundus", 1)])
def test_a_destruction_needs_the_name_of_the_stack(
    runner: Runner, typed: str, expected: int
) -> None:
    """Typed in, letter by letter."""
    assert runner.run("destroy.yml", "review", "$TYPED", TYPED=typed)[0] == expected
