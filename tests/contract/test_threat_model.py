"""docs/threat-model.md claims nothing that no row and no test shows."""

from __future__ import annotations

import re

import pytest

from rehearsal.attacks.matrix import LIES
from rehearsal.repository import REPOSITORY

TEXT = (REPOSITORY / "docs" / "threat-model.md").read_text()
KNOWN = {row.name for row in LIES}
LAYERS = {row.layer for row in LIES}
CODE = re.findall(r"`([^`]+)`", TEXT)


def test_every_row_named_is_in_the_matrix() -> None:
    """Names and matrix stay together, whichever of them changes."""
    named = [text for text in CODE if text.partition(": ")[0] in LAYERS and ": " in text]
    assert len(named) > 40
    assert [text for text in named if text not in KNOWN] == []


@pytest.mark.parametrize("path", sorted({text for text in CODE if text.endswith(".py")}))
def test_every_test_named_is_there(path: str) -> None:
    """A file that was renamed shows nothing."""
    assert (REPOSITORY / path).is_file()


def test_every_layer_is_spoken_of() -> None:
    """The matrix holds no kind of lie that the threat model does not know."""
    assert {layer for layer in LAYERS if f"`{layer}" in TEXT} == LAYERS


def test_every_line_about_somebody_says_what_shows_it() -> None:
    """A row of a table without evidence would be a promise only."""
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and line.count("|") == 4]
    bare = [line for line in rows if not line.rpartition("|")[0].rpartition("|")[2].strip()]
    assert len(rows) > 30
    assert bare == []


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((\.\./[^)#]+)", TEXT))))
def test_every_file_linked_is_there(target: str) -> None:
    """Links that lead nowhere are no sources."""
    assert (REPOSITORY / "docs" / target).exists()
