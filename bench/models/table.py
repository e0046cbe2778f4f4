"""Writes the table of docs/models.md, between two markers."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.models.rows import Row

DOCUMENT: Final = REPOSITORY / "docs" / "models.md"
START: Final = "<!-- written by `make models`: do not edit this table -->\n\n"
END: Final = "\n<!-- end of the table -->"
Key = tuple[str, str, str]
"""Of a row: model, format and engine."""
_REFUSED: Final = "refused: "
_NOTHING: Final = ("-",) * 4
_HEADER: Final = (
    "model",
    "its owner has",
    "engine",
    "same class",
    "scores apart",
    "pictures/s",
    "MB",
    "loads in",
)


def updated(document: str, rows: Iterable[Row], order: Iterable[Key]) -> str:
    """The document with these rows in its table, in an order of keys; other rows of the table stay.

    ValueError if a marker is missing.
    """
    before, start, rest = document.partition(START)
    table, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"got a document without {START.strip()!r} … {END.strip()!r}")
    known = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")]
    cells = {(line[0], line[1], line[2]): tuple(line) for line in known[1:]}
    cells |= {(made[0], made[1], made[2]): made for made in map(_cells, rows)}
    lines = [cells[key] for key in order if key in cells]
    return f"{before}{start}{_text(lines)}{end}{after}"


def _text(lines: Sequence[tuple[str, ...]]) -> str:
    """The table as Markdown, and what it was made with."""
    table = [_HEADER, ("---",) * len(_HEADER), *lines]
    refused = [line for line in lines if line[3].startswith(_REFUSED)]
    models = {line[:2] for line in lines if line not in refused}
    return (
        "".join(f"| {' | '.join(line)} |\n" for line in table)
        + f"\n{len(models)} models and formats in {len(lines) - len(refused)} archives, and"
        f" {len(refused)} models that are refused. Python {platform.python_version()}, TensorFlow"
        f" {version('tensorflow_cpu')}, Keras {version('keras')}.\n"
    )


def _cells(row: Row) -> tuple[str, ...]:
    common = (row.subject.name, row.subject.form, row.engine)
    if row.problem:
        return (*common, f"**{row.problem.splitlines()[0]}**", *_NOTHING)
    if row.subject.refused is not None:
        return (*common, f"{_REFUSED}“{row.subject.refused}”", *_NOTHING)
    return (
        *common,
        row.same_class,
        f"{row.difference:.1e}",
        f"{row.pictures_per_second:,.0f}",
        f"{row.megabytes:,.1f}",
        f"{row.seconds_to_load:.1f} s",
    )
