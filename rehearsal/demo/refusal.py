"""Prints why a run was refused: the clauses that are not met, and how many there are besides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops import verdict_table
from ops.verdict_table import NOT_SAID
from rehearsal.demo.layout import fact, short

if TYPE_CHECKING:
    from ops.terminal import Terminal
    from ops.verdict import Verdict


def show(console: Terminal, verdict: Verdict) -> None:
    """Print the failed clauses only; a verdict without one as `why` prints it."""
    failed = [row for row in verdict.clauses if not row.passed]
    if not failed:
        verdict_table.show(console, verdict)
        return
    met = len(verdict.clauses) - len(failed)
    others = f" `why` shows the other {met}." if met else ""
    fact(console, "verdict", verdict.sentence + others, "red")
    for row in failed:
        fact(console, "✗", row.clause, "red")
        fact(console, "expected", short(row.expected))
        fact(console, "got", short(row.got))
        fact(console, "mistake of", row.mistake_of or NOT_SAID)
        fact(console, "fix", row.fix or NOT_SAID)
