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


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown, and what they were made with."""
    lines = [_HEADER, ("---",) * len(_HEADER), *map(_cells, rows)]
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    packed = [row for row in rows if row.subject.refused is None]
    models = {(row.subject.name, row.subject.form) for row in packed}
    return (
        f"{text}\n{len(models)} models and formats, {len(packed)} archives, and"
        f" {len(rows) - len(packed)} models that are refused. Python {platform.python_version()},"
        f" TensorFlow {version('tensorflow_cpu')}, Keras {version('keras')}.\n"
    )


def updated(document: str, rows: Iterable[Row]) -> str:
    """The document with the table; ValueError if a marker is missing."""
    before, start, rest = document.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"got a document without {START.strip()!r} … {END.strip()!r}")
    return f"{before}{start}{table(list(rows))}{end}{after}"


def _cells(row: Row) -> tuple[str, ...]:
    common = (row.subject.name, row.subject.form, row.engine)
    if row.problem:
        return (*common, f"**{row.problem.splitlines()[0]}**", "", "", "", "")
    if row.subject.refused is not None:
        return (*common, f"refused: “{row.subject.refused}”", "", "", "", "")
    return (
        *common,
        row.same_class,
        f"{row.difference:.1e}",
        f"{row.pictures_per_second:,.0f}",
        f"{row.megabytes:,.1f}",
        f"{row.seconds_to_load:.1f} s",
    )
