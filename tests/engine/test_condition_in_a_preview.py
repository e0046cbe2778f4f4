"""What a preview shows of the release condition: whoever reads a pull request judges it by that."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from infra.attestation.clause import listed

if TYPE_CHECKING:
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine

FIRST, BETWEEN, LAST = (f"sha256:{letter * 64}" for letter in "abc")


def told(workspace: Workspace, *command: str) -> str:
    """What a command of Primus prints; it must succeed."""
    done = workspace.pulumi("primus", *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def changes(shown: str) -> list[str]:
    """The lines of the condition that a diff marks as come or gone."""
    _, _, text = shown.partition("~ attributeCondition: \n")
    inside = itertools.takewhile(lambda line: line.startswith(" " * 10), text.splitlines())
    return [line.strip() for line in inside if line.strip().startswith(("+", "-"))]


def test_an_image_that_is_admitted_shows_as_one_whole_line(workspace: Workspace) -> None:
    """Wherever it is sorted in, no other line of the condition changes, and none is cut.

    All of it is known once the pool has its name (ADR 16), the provider's own name in it included.
    """
    told(workspace, "config", "set", "--path", "image.digest", BETWEEN)
    told(workspace, "up", "--yes", "--skip-preview")
    told(workspace, "config", "set", "--path", "image.admitAlso[0]", FIRST)
    told(workspace, "config", "set", "--path", "image.admitAlso[1]", LAST)
    shown = told(workspace, "preview", "--diff")
    entries = {digest: listed([digest]).splitlines()[1].strip() for digest in (FIRST, LAST)}
    assert changes(shown) == [f"+   {entries[FIRST]}", f"+   {entries[LAST]}"]
