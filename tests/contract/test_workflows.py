"""What the linters of `make workflows` do not hold of .github/workflows."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.cli import parser
from rehearsal.cli import parser as rehearsal_parser
from rehearsal.repository import REPOSITORY

FOLDER = REPOSITORY / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
TEXTS = {path.name: path.read_text() for path in FILES}
PARSED: dict[str, dict[str, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = {
    (name, job): content
    for name, parsed in PARSED.items()
    for job, content in parsed["jobs"].items()
}
SCRIPTS = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]
PAGE = (REPOSITORY / "docs" / "pull-requests.md").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


def triggers(name: str) -> dict[str, Any]:
    """When a workflow runs; YAML reads `on` as true."""
    parsed: dict[Any, Any] = PARSED[name]
    when: dict[str, Any] = parsed[True]
    return when


def test_these_are_the_workflows() -> None:
    """The page has a row for each."""
    assert set(re.findall(r"^\| `(\w+\.yml)` \|", PAGE, re.MULTILINE)) == set(TEXTS)


@pytest.mark.parametrize("name", TEXTS)
def test_every_action_is_pinned_by_commit_with_its_version(name: str) -> None:
    """A tag can be moved; the version tells people what the commit is."""
    used = re.findall(r"uses: (.*)", TEXTS[name])
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in used)


def test_one_action_is_pinned_to_one_commit() -> None:
    """Four files, and the same version in each."""
    commits = dict(re.findall(r"uses: ([\w/-]+)@([0-9a-f]{40})", "".join(TEXTS.values())))
    assert set(re.findall(r"uses: ([\w/-]+@[0-9a-f]{40})", "".join(TEXTS.values()))) == {
        f"{action}@{commit}" for action, commit in commits.items()
    }


@pytest.mark.parametrize("name", PARSED)
def test_nothing_is_permitted_but_what_a_job_asks_for(name: str) -> None:
    """Each job then says what it needs, and why."""
    assert PARSED[name]["permissions"] == {}
    assert all(job["permissions"] for job in PARSED[name]["jobs"].values())


@pytest.mark.parametrize(("name", "job"), JOBS)
def test_only_the_job_that_comments_may_write(name: str, job: str) -> None:
    """It runs no code of the request: it checks nothing out."""
    permissions = JOBS[name, job]["permissions"]
    writes = {key for key, value in permissions.items() if value == "write"} - {"id-token"}
    assert writes == ({"pull-requests"} if job == "comment" else set())
    checks_out = any(
        "actions/checkout" in str(step.get("uses")) for step in JOBS[name, job]["steps"]
    )
    assert checks_out == (job != "comment")


def test_no_request_of_a_fork_gets_an_identity() -> None:
    """`pull_request_target` would run its code with the repository's own rights."""
    assert not [name for name in PARSED if "pull_request_target" in triggers(name)]
    with_identity = [
        job
        for (name, _), job in JOBS.items()
        if "pull_request" in triggers(name) and "id-token" in job["permissions"]
    ]
    same_repository = "github.event.pull_request.head.repo.full_name == github.repository"
    assert [job for job in with_identity if same_repository not in job["if"]] == []
    assert len(with_identity) == 1


@pytest.mark.parametrize(("name", "job"), [("deploy.yml", "deploy"), ("destroy.yml", "destroy")])
def test_what_changes_a_stack_waits_for_an_approval_and_for_others(name: str, job: str) -> None:
    """It alone acts as the deploying identity, and after the review."""
    changing = JOBS[name, job]
    assert changing["environment"] == "${{ vars.STACK }}"
    assert changing["concurrency"] == {
        "group": "stack-${{ vars.STACK }}",
        "cancel-in-progress": False,
    }
    assert changing["needs"] == "review"
    deploying = {key for key, each in JOBS.items() if "DEPLOY_SERVICE_ACCOUNT" in str(each)}
    assert deploying == {("deploy.yml", "deploy"), ("destroy.yml", "destroy")}


@pytest.mark.parametrize("name", ["deploy.yml", "destroy.yml"])
def test_only_main_is_deployed_and_destroyed(name: str) -> None:
    """Whoever may push a branch may start a workflow by hand on it."""
    assert "github.ref == 'refs/heads/main'" in JOBS[name, "review"]["if"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_value_is_pasted_into_a_script(script: str) -> None:
    """A branch can be called `$(curl …)`; scripts get values by their environment."""
    assert "${{" not in script


@pytest.mark.parametrize("name", TEXTS)
def test_the_variables_are_those_of_the_page(name: str) -> None:
    """No secret is used at all, and no variable that nobody explains."""
    assert "secrets." not in TEXTS[name]
    used = set(re.findall(r"vars\.(\w+)", TEXTS[name]))
    assert used <= set(re.findall(r"^\| `([A-Z_]+)` \| `", PAGE, re.MULTILINE))


def test_every_variable_of_the_page_is_used() -> None:
    """A reader sets none in vain."""
    used = set(re.findall(r"vars\.(\w+)", "".join(TEXTS.values())))
    assert set(re.findall(r"^\| `([A-Z_]+)` \| `", PAGE, re.MULTILINE)) == used


def commands() -> list[list[str]]:
    """The calls of this project's commands, as the shell splits them."""
    found = re.findall(r"bin/confidential-inference ([^|>\n]*)", "\n".join(SCRIPTS))
    return [shlex.split(each.partition("||")[0]) for each in found]


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_command_is_understood(arguments: list[str]) -> None:
    """By the real parser."""
    assert parser().parse_args(arguments).command == "review"


def test_every_target_of_make_exists_and_its_arguments_are_understood() -> None:
    """Also what is passed on."""
    called = re.findall(r"^make (.*)$", "\n".join(SCRIPTS), re.MULTILINE)
    words = [word for line in called for word in line.partition(">>")[0].split()]
    assert {word for word in words if re.fullmatch(r"[a-z]+", word)} <= TARGETS
    passed_on = [word.partition("=")[2] for word in words if word.startswith("ARGS=")]
    assert passed_on == ["--markdown"]
    assert rehearsal_parser().parse_args(["preview", "--base", "HEAD^1", *passed_on]).markdown


def test_the_pinned_command_line_of_pulumi_is_that_of_the_lock() -> None:
    """SDK and command line are released together."""
    (locked,) = re.findall(
        r"^pulumi==(\S+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE
    )
    assert set(re.findall(r"pulumi-version: (\S+)", "".join(TEXTS.values()))) == {locked}


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("permissions: {}\n", "", "excessive-permissions"),
        ("TYPED: ${{ inputs.stack }}", "A: b", ""),
        ('          if [ "$TYPED"', '          if [ "${{ inputs.stack }}"', "template-injection"),
        ("          persist-credentials: false\n", "          fetch-depth: 1\n", "artipacked"),
    ],
    ids=["permissions", "nothing", "injection", "credentials"],
)
def test_zizmor_reports_what_is_unsafe(tmp_path: Path, old: str, new: str, finding: str) -> None:
    """The linter runs with a persona that finds these."""
    assert old in TEXTS["destroy.yml"]
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "destroy.yml").write_text(TEXTS["destroy.yml"].replace(old, new))
    zizmor = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [zizmor, "--offline", "--no-progress", "--persona=auditor", str(workflows)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finding in done.stdout
    assert (done.returncode != 0) == bool(finding)
