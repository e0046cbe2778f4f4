"""The tables of docs/models.md are those of `make models`, and whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bench.models import subjects, table

DOCUMENT = table.DOCUMENT.read_text(encoding="utf-8")
KEYS = [(each.name, each.form, engine) for each in subjects.ALL for engine in each.engines]


def rows(document: str) -> list[list[str]]:
    """The cells of the table's rows."""
    text = document.partition(table.START)[2].partition(table.END)[0]
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [line.strip("| ").split(" | ") for line in lines[2:]]


def test_every_model_has_its_row() -> None:
    """In the order of the subjects; `make models` writes them."""
    assert [tuple(row[:3]) for row in rows(DOCUMENT)] == KEYS


def test_every_model_agrees_with_its_original_or_is_refused_by_name() -> None:
    """No row holds a problem; all pictures are in the same class."""
    results = {row[3] for row in rows(DOCUMENT)}
    assert {result for result in results if not result.startswith("refused: “")} == {"8 of 8"}


def test_thirty_architectures_and_formats_are_in_the_table() -> None:
    """And both engines."""
    packed = [row for row in rows(DOCUMENT) if not row[3].startswith("refused")]
    assert len({tuple(row[:2]) for row in packed}) >= 30
    assert {row[2] for row in packed} == {"tensorflow", "litert"}


def row(name: str, **changed: Any) -> Any:
    """A row of one model."""
    values = {
        "subject": SimpleNamespace(name=name, form=".tflite", refused=None),
        "engine": "litert",
        "problem": "",
        "same_class": "8 of 8",
        "difference": 1e-5,
        "pictures_per_second": 1234.5,
        "megabytes": 1.25,
        "seconds_to_load": 0.5,
    }
    return SimpleNamespace(**{**values, **changed})


EMPTY = f"before{table.START}{table.END}after"
ORDER = [(name, ".tflite", "litert") for name in "abc"]


def test_a_row_replaces_its_own_and_keeps_the_others() -> None:
    """In the given order, whatever was packed first."""
    first = table.updated(EMPTY, [row("b"), row("a", problem="exit code 1: no")], ORDER)
    second = table.updated(first, [row("a")], ORDER)
    assert [line[0] for line in rows(second)] == ["a", "b"]
    assert rows(first)[0][3] == "**exit code 1: no**"
    assert rows(second)[0][3:] == ["8 of 8", "1.0e-05", "1,234", "1.2", "0.5 s"]
    assert second.startswith("before")
    assert second.endswith("after")


def test_a_document_without_markers_is_refused() -> None:
    """Nothing is written into a wrong place."""
    with pytest.raises(ValueError, match="written by `make models`"):
        table.updated("nothing", [], ORDER)
