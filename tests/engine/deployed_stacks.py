"""Runs commands that must succeed, `pulumi`'s and our own, and reads what a state holds."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.workspace import Workspace


def run(workspace: Workspace, company: str, *command: str) -> str:
    """What `pulumi` printed as a company; AssertionError if it failed."""
    done = workspace.pulumi(company, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_own(workspace: Workspace, company: str, *command: str) -> str:
    """What a command of `ops` printed as a company; AssertionError if it failed."""
    done = subprocess.run(
        [sys.executable, "-m", "ops", *command],
        cwd=workspace.program,
        env=workspace.environment(company) | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


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
