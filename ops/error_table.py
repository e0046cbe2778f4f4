"""Writes the tables of docs/errors.md from the causes: `python -m ops.error_table`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ops.commands import NAME, OPS
from ops.detail_causes import DETAILS
from ops.explain.google_causes import GOOGLE
from ops.explain.pulumi_causes import PULUMI
from ops.failure_causes import FAILURES
from ops.launcher_causes import LAUNCHER
from ops.picture_causes import PICTURES
from ops.slice_causes import SLICES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.cause import Cause

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "errors.md"
COMMAND: Final = ".venv/bin/python -m ops.error_table"
START: Final = f"<!-- written by `{COMMAND}`: do not edit this table -->\n\n"
START_OF_UPDATES: Final = f"<!-- also written by `{COMMAND}`: do not edit this table -->\n\n"
END: Final = "\n<!-- end of the table -->"
HEADER: Final = ("code", "message", "when", "mistake of", "retried", "fix", "seen")
HEADER_OF_UPDATES: Final = ("message", "when", "cured by", "fix")
NOT_SAID: Final = "not said"


class Entry(NamedTuple):
    """One row: the code, its message as Markdown, and the cause."""

    code: str
    message: str
    cause: Cause


def entries() -> Iterator[Entry]:
    """Every failure of a run with its details, of a picture, of a slice, and of the launcher."""
    for failure, cause in FAILURES.items():
        yield Entry(f"`{failure.code}`", failure.sentence, cause)
        for detail, its_cause in DETAILS.get(failure, {}).items():
            yield Entry(f"`{failure.code}`", detail, its_cause)
    for picture_failure, cause in PICTURES.items():
        yield Entry(f"`{picture_failure}`", f"Error: {picture_failure}", cause)
    for refused, cause in SLICES.items():
        yield Entry(f"`{refused.code}`", refused.sentence, cause)
    for pattern, cause in LAUNCHER:
        yield Entry("launcher", f"`{pattern}`", cause)


def table() -> str:
    """The table as Markdown."""
    rows = [HEADER, ("---",) * len(HEADER), *map(_cells, entries())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(entry: Entry) -> tuple[str, ...]:
    cause = entry.cause
    # The path of the command may be another on this machine. A star in a code span is no emphasis.
    fix = cause.fix.replace(OPS, f".venv/bin/{NAME}").replace("*", r"\*")
    party = cause.mistake_of or NOT_SAID
    cells = (entry.code, entry.message, cause.when, party, cause.retried, fix, cause.seen)
    return tuple(cell.replace("|", r"\|") for cell in cells)


def table_of_updates() -> str:
    """The table of what makes `pulumi up` or `destroy` fail, as Markdown."""
    rows = [HEADER_OF_UPDATES, ("---",) * len(HEADER_OF_UPDATES)]
    for pattern, cause in (*PULUMI, *GOOGLE):
        cells = (f"`{pattern}`", cause.when, cause.whose, cause.fix.replace("{stack}", "STACK"))
        rows.append(tuple(cell.replace("|", r"\|") for cell in cells))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def updated(document: str) -> str:
    """The document with the tables of the causes; ValueError if a marker is missing."""
    document = _replaced(document, START, table())
    return _replaced(document, START_OF_UPDATES, table_of_updates())


def _replaced(document: str, marker: str, written: str) -> str:
    before, start, rest = document.partition(marker)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"got a document without {marker.strip()!r} … {END.strip()!r}")
    return f"{before}{start}{written}{end}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(updated(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
