"""A preview shows each change of the release condition, so that a reviewer can judge it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from infra.attestation.clause import listed

if TYPE_CHECKING:
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine

FIRST, BETWEEN, LAST = (f"sha256:{letter * 64}" for letter in "abc")


def succeed(workspace: Workspace, *command: str) -> str:
    """The output of a command of Primus, which must succeed."""
    done = workspace.pulumi("primus", *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def changes(shown: str) -> list[str]:
    """The lines of the condition that a diff marks as added or removed."""
    _, _, text = shown.partition("~ attributeCondition: \n")
    inside = itertools.takewhile(lambda line: line.startswith(" " * 10), text.splitlines())
    return [line.strip() for line in inside if line.strip().startswith(("+", "-"))]


def test_a_newly_admitted_image_is_one_whole_added_line(workspace: Workspace) -> None:
    """At any position in the sorted list, no other line changes, and no line is cut.

    Once the pool has its name (ADR 16), no part of the condition is unknown in a preview.
    """
    succeed(workspace, "config", "set", "--path", "image.digest", BETWEEN)
    succeed(workspace, "up", "--yes", "--skip-preview")
    succeed(workspace, "config", "set", "--path", "image.admitAlso[0]", FIRST)
    succeed(workspace, "config", "set", "--path", "image.admitAlso[1]", LAST)
    shown = succeed(workspace, "preview", "--diff")
    entries = {digest: listed([digest]).splitlines()[1].strip() for digest in (FIRST, LAST)}
    assert changes(shown) == [f"+   {entries[FIRST]}", f"+   {entries[LAST]}"]
