"""The table of a run for a spreadsheet."""

from __future__ import annotations

import csv
import io

import pytest

from ops.records import ResultsError, Run
from ops.report.table_file import FORMULA, table
from tests.fixtures.runs import failed, record, run


def rows(found: Run) -> list[dict[str, str]]:
    """As any reader of the format reads them."""
    return [*csv.DictReader(io.StringIO(table(found), newline=""))]


def test_each_record_is_a_row_in_the_order_of_the_listing() -> None:
    """All classes of a picture are in its row, best first."""
    read = rows(
        run(record("a, b.jpg", ("crack", 0.9), ("hole", 0.1), sha256="ab"), failed("c.jpg"))
    )
    assert read == [
        {
            "name": "a, b.jpg",
            "label": "crack",
            "score": "0.9",
            "error": "",
            "generation": "1",
            "sha256": "ab",
            "label_2": "hole",
            "score_2": "0.1",
        },
        {
            "name": "c.jpg",
            "label": "",
            "score": "",
            "error": "picture_damaged",
            "generation": "1",
            "sha256": "",
            "label_2": None,
            "score_2": None,
        },
    ]


@pytest.mark.parametrize("first", FORMULA)
def test_no_text_is_a_formula(first: str) -> None:
    """Neither a name, which an uploader chose, nor a label, which the other company chose."""
    text = f"{first}HYPERLINK(1)"
    (read,) = rows(run(record(text, (text, 0.5), (text, -0.5))))
    assert [read[key] for key in ("name", "label", "label_2")] == ["'" + text] * 3
    assert read["score_2"] == "-0.5"


def test_without_records_there_is_no_table() -> None:
    """An empty file would look like an empty run."""
    with pytest.raises(ResultsError, match="another workload left only the object `result`"):
        table(Run((), None, text="Image: a"))
