"""Writes the table in docs/configuration.md: `python -m infra.config.key_table`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from infra.config import keys
from infra.config.company_settings import SUFFIX
from infra.config.primus_settings import PrimusSettings
from infra.config.secundus_settings import SecundusSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "configuration.md"
COMMAND: Final = ".venv/bin/python -m infra.config.key_table"
START: Final = f"<!-- written by `{COMMAND}`: do not edit this table -->\n\n"
END: Final = "\n<!-- end of the table -->"

PLACEHOLDERS: Final = {
    "project": "PROJECT",
    "region": "REGION",
    "confidentialType": "SEV",
    ".project": "OPERATOR-PROJECT",
    ".": "NAME",
    SUFFIX: "",
}
"""What stands for the values from which defaults are made."""


class Row(NamedTuple):
    """One key."""

    stack: str
    key: str
    about: str
    default: str


def rows() -> Iterator[Row]:
    """The keys of both stacks, in the order of the classes; a key that is equal in both, once."""
    primus, secundus = (
        _without_repeats([*_rows("primus", PrimusSettings)]),
        _without_repeats([*_rows("secundus", SecundusSettings)]),
    )
    yield from (
        row._replace(stack="both") for row in primus if row._replace(stack="secundus") in secundus
    )
    yield from (row for row in primus if row._replace(stack="secundus") not in secundus)
    yield from (row for row in secundus if row._replace(stack="primus") not in primus)


def _without_repeats(every: list[Row]) -> list[Row]:
    """The rows but for those of `operators.NAME.KEY` that say the same as `operator.KEY`."""
    single = {row: row._replace(key=row.key.replace("s.NAME.", ".")) for row in every}
    return [row for row in every if single[row] == row or single[row] not in every]


def _rows(stack: str, kind: type, prefix: str = "") -> Iterator[Row]:
    for each in keys.declared(kind):
        name = prefix + each.name
        if each.of is not None:
            yield Row(stack, f"`{name}.NAME`", each.key.about if each.key else "", "none")
            yield from _rows(stack, each.of, f"{name}.NAME.")
        elif each.key is None:
            yield from _rows(stack, each.type, f"{name}.")
        else:
            yield Row(stack, f"`{name}`", each.key.about, _default(each.key, each.type))


def _default(key: keys.Key, kind: object) -> str:
    if key.unset:
        return key.unset
    if isinstance(key.default, tuple):
        return ", ".join(f"`{entry}`" for entry in key.default)
    if kind not in (str, bool, int, Path):
        return "none"
    value = keys.default(key, kind, PLACEHOLDERS)
    return "required" if value is None else f"`{value}`"


def table() -> str:
    """The table as Markdown."""
    lines = [("stack", "key", "what it is", "default"), ("---",) * 4, *rows()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def updated(document: str) -> str:
    """The document with the table of the keys; ValueError if a marker is missing."""
    before, start, rest = document.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"got a document without {START.strip()!r} … {END.strip()!r}")
    return f"{before}{start}{table()}{end}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(updated(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
