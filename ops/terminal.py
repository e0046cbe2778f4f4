"""The only module that prints text for people.

It reads no text as markup, and escapes whatever would control a terminal: the other company wrote
half of what is printed, or it stands in a file of unknown origin. Styles are given beside a text,
never in it. Only this module imports `rich`; a test sees to that.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from infra.untrusted_text import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import JustifyMethod, OverflowMethod
    from rich.style import Style

__all__ = [
    "Column",
    "Table",
    "Terminal",
    "Text",
    "print_error",
    "print_progress",
    "reader_may_stop",
    "standard_output",
    "styled",
]

WIDTH: Final = 110
"""Columns where there is no terminal to ask, as in a log."""


class Terminal(Console):
    """A console to which a text is a text."""

    def __init__(self, file: IO[str] | None = None, width: int | None = None) -> None:
        super().__init__(file=file, width=width, markup=False, emoji=False, highlight=False)

    def render_str(
        self,
        text: str,
        *,
        style: str | Style = "",
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        **_asked_for: object,
    ) -> Text:
        """What becomes of every text: a line printed, a cell, a heading. Asking for markup is vain.

        It is spelt out here, before the layout, so that a table's columns stay where they are.
        """
        return Text(lines(text), style=style, justify=justify, overflow=overflow)

    @contextmanager
    def working(self, text: str) -> Iterator[Callable[[str], None]]:
        """A last line that says what is going on, on a terminal only; gives what changes it."""
        with self.status(styled(text)) as status:
            yield lambda text: status.update(styled(text))


def standard_output() -> Terminal:
    """Standard output: a terminal as wide as it is, or plain lines."""
    return Terminal(width=None if sys.stdout.isatty() else WIDTH)


@contextmanager
def reader_may_stop() -> Iterator[Callable[[], bool]]:
    """Whoever reads may stop, as `head` does: no error; gives what tells, afterwards, if not."""
    read = True
    try:
        yield lambda: read
        sys.stdout.flush()
    except BrokenPipeError:
        read = False
        # Python would flush once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def styled(text: str, style: str = "") -> Text:
    """A text with a style of ours, such as `red`."""
    return Text(lines(text), style)


def print_progress(text: str) -> None:
    """What goes on, on standard error, which is no part of the answer."""
    sys.stderr.write(f"{lines(text)}\n")


def print_error(error: object) -> None:
    """Why a command could not do its work, on standard error."""
    print_progress(f"error: {error}")
