"""Reads the file that a command was given; - is standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

STANDARD: Final = "-"
"""Standard input; as the name of an output, standard output."""


def content(name: str, largest: int) -> bytes:
    """The content of a file, at most one byte more than `largest`; OSError if it has none."""
    if name == STANDARD:
        return sys.stdin.buffer.read(largest + 1)
    with Path(name).open("rb") as file:
        return file.read(largest + 1)
