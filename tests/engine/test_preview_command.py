"""`make preview` in a repository of a company that took this program over."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal import revisions
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import PACK_ENVIRONMENT, environment_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("pulumi_cli")]

WHO = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
APPROVED = f"confidential-inference:approvedDigests: [sha256:{'ab' * 32}]"
SECRETS_PROVIDER = "secretsprovider: gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k\n"


def git(folder: Path, *arguments: str) -> None:
    """Run git, which must succeed."""
    command = ["git", "-C", str(folder), *WHO, *arguments]
    subprocess.run(command, check=True, capture_output=True)


def replace(path: Path, *pairs: tuple[str, str]) -> None:
    """Replace texts that the file has."""
    text = path.read_text()
    for old, new in pairs:
        assert old in text, f"{path.name} has no {old}"
        text = text.replace(old, new)
    path.write_text(text)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """This program with other companies, projects and people, as the only commit of main.

    Its pictures are not in git, and Secundus approves only what Docker built.
    """
    folder = tmp_path / "their repository"
    revisions.copy_working_tree(folder)
    environment_of(folder)
    assert (REPOSITORY / PACK_ENVIRONMENT).is_dir(), "make setup"
    names = (
        ("primus-models", "acme-model-prod"),
        ("secundus-vision", "globex-vision-1"),
        ("222222222222", "987654321098"),
    )
    replace(folder / "Pulumi.primus.yaml", *names)
    replace(folder / "Pulumi.secundus.yaml", *names, ("user:deployer@secundus", "user:ann@globex"))
    replace(
        folder / "Pulumi.secundus.yaml",
        ("pictures: model/pictures", f"pictures: photos\n  {APPROVED}"),
    )
    (folder / "photos").mkdir()
    shutil.copy(next((folder / "model" / "pictures").iterdir()), folder / "photos")
    with (folder / ".gitignore").open("a") as ignored:
        ignored.write("/photos/\n")
    for name in ("primus", "secundus"):
        path = folder / f"Pulumi.{name}.yaml"
        path.write_text(SECRETS_PROVIDER + path.read_text())
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "As deployed")
    return folder


def preview(repository: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`make preview`, without its set-up."""
    return subprocess.run(
        [sys.executable, "-m", "rehearsal", "preview", *options],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=False,
    )


def reviews(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The reviews by stack."""
    parsed = [json.loads(line) for line in done.stdout.splitlines()]
    return {review["stack"]: review for review in parsed}


def test_a_changed_workload_is_another_image_and_another_machine(repository: Path) -> None:
    """Secundus is previewed as it will be after Primus has deployed the change."""
    with (repository / "workload" / "job.py").open("a") as file:
        file.write("# changed\n")
    done = preview(repository, "--json")
    assert done.returncode == 0, done.stderr
    found = reviews(done)
    assert found["primus"]["verdict"] == "The model can be read by other workloads or people."
    assert found["secundus"]["verdict"] == (
        "The pictures and results can be read by other workloads or people."
    )
    machine = [each for each in found["secundus"]["changes"] if each["section"] == "Machines"]
    assert any("the machine workload-vm is replaced" in each["sentence"] for each in machine)
    assert "acme-model-prod" in done.stdout
    assert "the image that it built is approved for this preview" in done.stderr
    assert "deploying" in done.stderr
    assert "As deployed" in done.stderr


def test_a_violation_is_not_deployed_and_fails(repository: Path) -> None:
    """Secundus is previewed against what was deployed before."""
    replace(
        repository / "infra" / "components" / "model_release.py",
        ("attribute_condition=self.attribute_condition", 'attribute_condition="true"'),
    )
    git(repository, "commit", "-qam", "On main already")
    nothing = preview(repository, "--base", "HEAD~1", "--json")
    assert nothing.returncode == 1
    found = reviews(nothing)
    assert set(found["primus"]["alarms"]) == {"CANNOT BE JUDGED", "VIOLATION"}
    assert found["secundus"]["alarms"] == []


def test_a_change_that_cannot_be_deployed_fails(repository: Path) -> None:
    """The policy pack sees at `up` what no preview knows. The other stack is reviewed, too."""
    replace(
        repository / "infra" / "components" / "model_release.py",
        (
            "attribute_condition=self.attribute_condition",
            "attribute_condition=self.attribute_condition.apply(lambda text: text + ' || true')",
        ),
    )
    with (repository / "workload" / "job.py").open("a") as file:
        file.write("# changed\n")
    done = preview(repository, "--json")
    assert done.returncode == 1
    assert "primus: `pulumi up` failed on the local cloud" in done.stderr
    assert "[mandatory]  release-condition" in done.stderr
    assert set(reviews(done)) == {"primus", "secundus"}


def test_a_base_that_does_not_exist_is_refused(repository: Path) -> None:
    """Before anything is deployed."""
    done = preview(repository, "--base", "nowhere")
    assert done.returncode == 2
    assert "got BASE='nowhere', expected a commit of this repository" in done.stderr


def test_a_base_that_cannot_be_deployed_says_why(repository: Path) -> None:
    """There is nothing to compare with."""
    replace(repository / "Pulumi.primus.yaml", ("us-west1", "atlantis-1"))
    git(repository, "commit", "-qam", "Broken")
    done = preview(repository)
    assert done.returncode == 2
    assert "primus: `pulumi up` failed on the local cloud" in done.stderr
    assert "atlantis-1" in done.stderr


def test_a_program_that_cannot_be_previewed_fails(repository: Path) -> None:
    """And the other stack is reviewed all the same."""
    replace(repository / "Pulumi.primus.yaml", ("us-west1", "atlantis-1"))
    done = preview(repository, "--json")
    assert done.returncode == 2
    assert "error: primus: the preview failed" in done.stderr
    assert "atlantis-1" in done.stderr
    assert set(reviews(done)) == {"secundus"}
