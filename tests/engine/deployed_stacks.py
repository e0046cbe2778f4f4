"""Runs `pulumi` commands that must succeed, and reads what a stack's state holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rehearsal.workspace import Workspace


def run(workspace: Workspace, company: str, *command: str) -> str:
    """What `pulumi` printed as a company; AssertionError if it failed."""
    done = workspace.pulumi(company, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def urns(state: str) -> set[str]:
    """The URNs of an exported state."""
    return {resource["urn"] for resource in json.loads(state)["deployment"]["resources"]}
