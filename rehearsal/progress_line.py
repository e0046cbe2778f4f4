"""Progress of work that takes minutes: one line on a terminal, few plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TextIO

LINE_SECONDS = 15
"""How often a log gets a line of progress."""


class Progress:
    """Shows progress on a stream."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._live = out.isatty()
        self._began = self._said = time.monotonic()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._out.write(f"\r\033[K{text}\n" if self._live else f"{text}\n")
        self._out.flush()

    def count(self, text: str) -> None:
        """Update the line on a terminal; elsewhere, write a line every `LINE_SECONDS`."""
        now = time.monotonic()
        minutes, seconds = divmod(int(now - self._began), 60)
        text = f"  {text}, elapsed {minutes}:{seconds:02}"
        if self._live:
            self._out.write(f"\r\033[K{text}")
            self._out.flush()
        elif now - self._said >= LINE_SECONDS:
            self._said = now
            self.say(text)
