"""A verdict on one piece of evidence, and how it is shown to people and to programs.

What the verdict is, `why` decides. Everything shown is somebody else's text, and stays text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra import untrusted_text
from ops.terminal import Column, Table, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.attestation.clause import Party
    from ops.evidence import Kind
    from ops.failure_causes import By
    from ops.terminal import Terminal

NOT_TOLD: Final = "this alone does not tell"
LONGEST_CODE: Final = 40
LINE: Final = 100
"""Characters of a clause that was met, in a table that a log is wide enough for."""
SCHEMA: Final = "confidential-inference/why/v1"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One clause, put to the claims; whose mistake and the cure are of a failed one only."""

    clause: str
    claim: str
    passed: bool
    expected: str
    got: str
    mistake_of: Party | None = None
    cure: str | None = None


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The pictures of one code."""

    code: str
    count: int
    sentence: str
    mistake_of: Party | None
    cure: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is to be said about one piece of evidence."""

    kind: Kind
    sentence: str
    by: By | None = None
    """who refused; None where nobody did"""
    mistake_of: Party | None = None
    """of the refusal as a whole; None where the clauses say it, or nothing does"""
    cure: str | None = None
    rows: tuple[Row, ...] = ()
    pictures: tuple[Failed, ...] = ()
    """those of an admitted run that could not be classified"""
    failed_afterwards: bool = False
    """whether the run had what it needed, and failed all the same, as a whole or in part"""
    notes: tuple[str, ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether nobody refused."""
        return self.by is None


def show(console: Terminal, verdict: Verdict) -> None:
    """Clause by clause, then the verdict in a sentence, what helps, and what was not looked at."""
    if verdict.rows:
        console.print(_table(verdict))
    if verdict.pictures:
        console.print(failures(verdict.pictures))
    style = "red" if not verdict.admitted else "yellow" if verdict.failed_afterwards else "green"
    lines = [styled(verdict.sentence, style)]
    if verdict.cure is not None:
        lines.append(styled(f"mistake of: {verdict.mistake_of or NOT_TOLD}"))
        lines.append(styled(f"cure: {verdict.cure}"))
    for line in (*lines, *(styled(f"note: {note}") for note in verdict.notes)):
        console.print(line, soft_wrap=True)  # a command must be copied whole


def failures(pictures: Sequence[Failed]) -> Table:
    """Each code of a run once, with what it means and what helps."""
    shown = Table("pictures", "code", "what that means", header_style="bold")
    for each in pictures:
        told = f"{each.sentence}\nmistake of: {each.mistake_of or NOT_TOLD}\ncure: {each.cure}"
        shown.add_row(str(each.count), untrusted_text.shown(each.code, LONGEST_CODE), told)
    return shown


def _table(verdict: Verdict) -> Table:
    pinned = Column("the condition pins that", overflow="fold")  # whole, to be compared and copied
    shown = Table("", pinned, header_style="bold")
    for row in verdict.rows:
        if row.passed:
            # What was met need not be compared: it is told where a line has room for it.
            told = f"{row.clause}: {row.expected}"
            shown.add_row(styled("✓", "green"), told if len(told) <= LINE else row.clause)
        else:
            shown.add_row(styled("✗", "red"), _failure(row))
    return shown


def _failure(row: Row) -> Table:
    cell = Table.grid()
    cell.add_row(styled(row.clause, "bold"))
    told = Table.grid(padding=(0, 2, 0, 2))
    told.add_column(no_wrap=True)
    told.add_column(overflow="fold")
    told.add_row(styled("expected"), styled(row.expected))
    told.add_row(styled("got"), styled(row.got))
    told.add_row(styled("mistake of"), styled(row.mistake_of or ""))
    told.add_row(styled("cure"), styled(row.cure or ""))
    cell.add_row(told)
    return cell


def data(verdict: Verdict) -> dict[str, Any]:
    """The same for programs; the keys are stable."""
    return {
        "schema": SCHEMA,
        "evidence": verdict.kind,
        "verdict": "admitted" if verdict.admitted else "refused",
        "by": verdict.by,
        "sentence": verdict.sentence,
        "mistakeOf": verdict.mistake_of,
        "cure": verdict.cure,
        "clauses": [
            {
                "clause": row.clause,
                "claim": row.claim,
                "passed": row.passed,
                "expected": row.expected,
                "got": row.got,
                "mistakeOf": row.mistake_of,
                "cure": row.cure,
            }
            for row in verdict.rows
        ],
        "pictures": [
            {
                "code": each.code,
                "count": each.count,
                "sentence": each.sentence,
                "mistakeOf": each.mistake_of,
                "cure": each.cure,
            }
            for each in verdict.pictures
        ],
        "failedAfterwards": verdict.failed_afterwards,
        "notes": list(verdict.notes),
    }
