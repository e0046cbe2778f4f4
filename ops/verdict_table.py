"""Prints a verdict: a table of clauses, a table of failed pictures, and the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra import untrusted_text
from ops.terminal import Column, Table, styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ops.terminal import Terminal
    from ops.verdict import ClauseResult, FailedPictures, Verdict

NOT_SAID: Final = "this alone does not say"
LONGEST_CODE: Final = 40
LONGEST_LINE: Final = 100
"""Characters; a log is wide enough for a table with such a cell."""


def show(terminal: Terminal, verdict: Verdict) -> None:
    """Print the clauses, the verdict in one sentence, the fix, and what was not checked."""
    if verdict.clauses:
        terminal.print(_clauses(verdict))
    if verdict.failed_pictures:
        terminal.print(failed_pictures_table(verdict.failed_pictures))
    style = "red" if not verdict.admitted else "yellow" if verdict.failed_afterwards else "green"
    lines = [styled(verdict.sentence, style)]
    if verdict.fix is not None:
        lines.append(styled(f"mistake of: {verdict.mistake_of or NOT_SAID}"))
        lines.append(styled(f"fix: {verdict.fix}"))
    for line in (*lines, *(styled(f"note: {note}") for note in verdict.notes)):
        terminal.print(line, soft_wrap=True)  # a command must be copied whole


def failed_pictures_table(pictures: Sequence[FailedPictures]) -> Table:
    """Each code of a run once, with its cause and the fix."""
    table = Table("pictures", "code", "what that means", header_style="bold")
    for each in pictures:
        cause = each.cause
        meaning = f"{cause.when}\nmistake of: {cause.mistake_of or NOT_SAID}\nfix: {cause.fix}"
        table.add_row(str(each.count), untrusted_text.shown(each.code, LONGEST_CODE), meaning)
    return table


def _clauses(verdict: Verdict) -> Table:
    # Folded, not cut: a digest must stay whole, to be compared and copied.
    table = Table("", Column("the condition requires that", overflow="fold"), header_style="bold")
    for result in verdict.clauses:
        if result.passed:
            # Nobody compares the values of a met clause: they are shown if one line is enough.
            line = f"{result.clause}: {result.expected}"
            table.add_row(
                styled("✓", "green"), line if len(line) <= LONGEST_LINE else result.clause
            )
        else:
            table.add_row(styled("✗", "red"), _failed_clause(result))
    return table


def _failed_clause(result: ClauseResult) -> Table:
    facts = Table.grid(padding=(0, 2, 0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row(styled("expected"), styled(result.expected))
    facts.add_row(styled("got"), styled(result.got))
    facts.add_row(styled("mistake of"), styled(result.mistake_of or ""))
    facts.add_row(styled("fix"), styled(result.fix or ""))
    cell = Table.grid()
    cell.add_row(styled(result.clause, "bold"))
    cell.add_row(facts)
    return cell
