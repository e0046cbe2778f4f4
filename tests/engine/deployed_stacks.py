"""Runs commands that must succeed, `pulumi`'s and our own, and reads what a state holds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from infra import stack_name
from infra.config.problems import NAMESPACE
from rehearsal import revisions
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import two_companies
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cloud.http.server import LocalCloud


def run(workspace: Workspace, company: str, *command: str) -> str:
    """What `pulumi` printed as a company; AssertionError if it failed."""
    done = workspace.pulumi(company, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_own(workspace: Workspace, company: str, *command: str, code: int = 0) -> str:
    """What a command of `ops` printed as a company; AssertionError for another exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "ops", *command],
        cwd=workspace.program,
        env=workspace.environment(company) | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def configure(workspace: Workspace, stack: str, settings: dict[str, str]) -> None:
    """Set these keys of a stack, as the deployer of its company."""
    pairs = [f"{NAMESPACE}:{key}={value}" for key, value in settings.items()]
    options = [option for pair in pairs for option in ("--plaintext", pair)]
    company = stack_name.parse(stack).company
    run(workspace, company, "config", "set-all", "--stack", stack, "--path", *options)


def type_line(
    workspace: Workspace, company: str, line: str, *, code: int = 0, **environment: str
) -> str:
    """Type a line of a page, or some, as a company; returns what they printed.

    AssertionError if the last one that ran ended with another exit code than `code`. A person
    confirms what `up` and `destroy` show; here nobody does. Behind a pipe nobody can: that line is
    typed as it stands.
    """
    confirmed = re.sub(
        r"^pulumi (up|destroy)(?!.*\|)", r"\g<0> --yes --skip-preview", line, flags=re.MULTILINE
    )
    done = subprocess.run(
        ["bash", "-ec", confirmed],
        cwd=workspace.program,
        env=workspace.environment(company) | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def keep_one_picture(program: Path) -> None:
    """One is enough where no test looks at the answers."""
    for picture in sorted((program / "model" / "pictures").iterdir())[1:]:
        picture.unlink()


class Deployed(NamedTuple):
    """A program, and the cloud of its deployment."""

    workspace: Workspace
    local: LocalCloud


@contextmanager
def of_working_tree(folder: Path, cli: Path) -> Iterator[Deployed]:
    """The program of the working tree with one picture, in a cloud that runs; without stacks."""
    cloud = Cloud()
    two_companies(cloud)
    program = folder / "program"
    revisions.copy_working_tree(program)
    keep_one_picture(program)
    with running(cloud) as local:
        yield Deployed(Workspace(folder / "workspace", local, cli, program=program), local)


def urns(state: str) -> set[str]:
    """The URNs of an exported state."""
    return {resource["urn"] for resource in json.loads(state)["deployment"]["resources"]}


@contextmanager
def unchanged(path: Path) -> Iterator[None]:
    """The file is afterwards what it was before."""
    before = path.read_text()
    try:
        yield
    finally:
        path.write_text(before)
