"""How the demonstration prints: facts with a label, and tables, in the width of any terminal."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Final

from ops.terminal import Padding, styled

if TYPE_CHECKING:
    from ops.terminal import Table, Terminal

COLUMNS: Final = 80
"""Also in a log and on a wider terminal, so that the output is everywhere the same."""

LABEL: Final = 10
"""Columns of a label; the text begins beside it on each of its lines."""

DIGEST: Final = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")
"""A SHA-256, of which 12 digits are enough to tell two from each other."""


def narrow(console: Terminal) -> None:
    """Give the console at most COLUMNS columns."""
    console.width = min(console.width, COLUMNS)


def fact(console: Terminal, label: str, text: str, style: str = "") -> None:
    """Print a text beside its label; the style is the label's.

    The text is broken between words only: the parts of a long name stay together.
    """
    first, *more = textwrap.wrap(
        text, console.width - LABEL - 3, break_long_words=False, break_on_hyphens=False
    ) or [""]
    line = styled(f"  {label:{LABEL}} ", style).append(styled(first))
    console.print(line, soft_wrap=True)
    for rest in more:
        console.print(f"{'':{LABEL + 3}}{rest}", soft_wrap=True)


def without_lines(table: Table) -> Padding:
    """The table, indented like a fact, without the lines around its cells: three lines of a log."""
    table.box = None
    table.pad_edge = False
    return Padding.indent(table, 2)


def short(text: str) -> str:
    """The text with every SHA-256 cut."""
    return DIGEST.sub(r"\1…", text)
