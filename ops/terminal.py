"""Prints text for people; no other module does, and only this one imports `rich`.

Much of the text comes from the other company or from a file of unknown origin. So no text is read
as markup, and everything that would control a terminal is escaped. A style is an argument of its
own, never a part of the text.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from infra.untrusted_text import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import JustifyMethod, OverflowMethod
    from rich.style import Style

__all__ = [
    "Column",
    "Padding",
    "Table",
    "Terminal",
    "Text",
    "print_error",
    "print_progress",
    "reader_may_stop",
    "standard_output",
    "styled",
    "without_native_messages",
]

WIDTH: Final = 110
"""Columns of an output that is no terminal, such as a log."""


class Terminal(Console):
    """A console that prints every text as it is, without markup."""

    def __init__(self, file: IO[str] | None = None, width: int | None = None) -> None:
        super().__init__(file=file, width=width, markup=False, emoji=False, highlight=False)

    def render_str(
        self,
        text: str,
        *,
        style: str | Style = "",
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        **_ignored: object,
    ) -> Text:
        """Escape a text: a line, a cell or a heading. `markup=True` changes nothing.

        `rich` calls this before the layout, so the columns of a table stay aligned.
        """
        return Text(lines(text), style=style, justify=justify, overflow=overflow)

    @contextmanager
    def working(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show the progress in the last line of a terminal; yields the function that changes it."""
        with self.status(styled(text)) as status:
            yield lambda text: status.update(styled(text))


def standard_output() -> Terminal:
    """Standard output: a terminal in its own width, or plain lines of WIDTH columns."""
    return Terminal(width=None if sys.stdout.isatty() else WIDTH)


@contextmanager
def reader_may_stop() -> Iterator[Callable[[], bool]]:
    """Ignore that the reader closes the pipe, as `head` does.

    Yields a function that says afterwards whether the reader read everything.
    """
    read = True
    try:
        yield lambda: read
        sys.stdout.flush()
    except BrokenPipeError:
        read = False
        # Python flushes standard output again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def without_native_messages() -> Iterator[None]:
    """Drop what libraries in C++ write to standard error, such as notes about the processor."""
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def styled(text: str, style: str = "") -> Text:
    """A text with a style, such as `red`."""
    return Text(lines(text), style)


def print_progress(text: str) -> None:
    """Print progress to standard error, because it is no part of the answer."""
    sys.stderr.write(f"{lines(text)}\n")


def print_error(error: object) -> None:
    """Print to standard error why a command could not do its work."""
    print_progress(f"error: {error}")
