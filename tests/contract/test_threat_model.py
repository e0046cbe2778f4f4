"""Each claim of docs/threat-model.md names a row or a test that exists."""

from __future__ import annotations

import re

import pytest

from rehearsal.attacks.matrix import LIES
from rehearsal.repository import REPOSITORY

TEXT = (REPOSITORY / "docs" / "threat-model.md").read_text()
ROWS = {row.name for row in LIES}
LAYERS = {row.layer for row in LIES}
CODE = re.findall(r"`([^`]+)`", TEXT)


def test_every_row_named_is_in_the_matrix() -> None:
    """A renamed row would leave a claim without evidence."""
    named = [text for text in CODE if text.partition(": ")[0] in LAYERS and ": " in text]
    assert len(named) > 40
    assert [text for text in named if text not in ROWS] == []


@pytest.mark.parametrize("path", sorted({text for text in CODE if text.endswith(".py")}))
def test_every_test_named_exists(path: str) -> None:
    """A renamed file would leave a claim without evidence."""
    assert (REPOSITORY / path).is_file()


def test_every_layer_of_the_matrix_is_named() -> None:
    """The threat model covers each layer."""
    assert {layer for layer in LAYERS if f"`{layer}" in TEXT} == LAYERS


def test_every_row_of_a_table_has_evidence() -> None:
    """The column `shown by` is nowhere empty."""
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and line.count("|") == 4]
    bare = [line for line in rows if not line.rpartition("|")[0].rpartition("|")[2].strip()]
    assert len(rows) > 30
    assert bare == []


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((\.\./[^)#]+)", TEXT))))
def test_every_linked_file_exists(target: str) -> None:
    """Relative links lead to a file."""
    assert (REPOSITORY / "docs" / target).exists()
