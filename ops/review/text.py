"""Prints a review on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ops.review.change import ALARMS, Effect, Section
from ops.terminal import styled

if TYPE_CHECKING:
    from ops.review.change import Change
    from ops.review.review import Review
    from ops.terminal import Terminal

_COLOURS: Final = {
    **dict.fromkeys(ALARMS, "bold red"),
    Effect.ADMITTED: "yellow",
    Effect.OTHER: "yellow",
    Effect.ADVICE: "yellow",
    Effect.OPEN: "yellow",
    Effect.RETIRED: "green",
    Effect.TIGHTENING: "green",
}


def show(terminal: Terminal, review: Review) -> None:
    """Print the verdict, then what nobody may overlook, then every section."""
    terminal.print(styled(f"{review.stack}: {review.verdict}", "bold"), soft_wrap=True)
    for change in review.alarms:
        _show(terminal, change)
    for section in Section:
        changes = review.in_section(section)
        if changes:
            terminal.print(styled(section, "bold"))
        for change in changes:
            _show(terminal, change)
    for note in review.notes:
        terminal.print(styled(f"note: {note}"), soft_wrap=True)
    terminal.print(
        styled(f"Every changed input: pulumi preview --diff --stack {review.stack}"), soft_wrap=True
    )


def _show(terminal: Terminal, change: Change) -> None:
    label = "" if change.effect is Effect.NOTE else f"{change.effect}: "
    line = styled("  ")
    line.append_text(styled(label, _COLOURS.get(change.effect, "")))
    line.append_text(styled(change.sentence))
    terminal.print(line, soft_wrap=True)
    for detail in change.details:
        for part in detail.splitlines() or [""]:
            terminal.print(styled(f"      {part}"), soft_wrap=True)
