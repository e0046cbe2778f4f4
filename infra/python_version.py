"""The supported versions of Python, checked before any other import.

This module runs on any Python 3, and imports the standard library only. pyproject.toml has the same
versions, with the reason.
"""

from __future__ import annotations

import sys

OLDEST = (3, 11)
NEWEST = (3, 13)


def require(version: tuple[int, int] = (sys.version_info[0], sys.version_info[1])) -> None:
    """End the program on any other version, with an error and without a stack trace."""
    if not OLDEST <= version <= NEWEST:
        got, oldest, newest = (".".join(map(str, each)) for each in (version, OLDEST, NEWEST))
        sys.exit(
            f"error: got Python {got} ({sys.executable}), expected {oldest} to {newest}: what this"
            " program depends on was locked and tried for no other; nothing was changed. Make its"
            f" virtual environment anew: rm -rf .venv && python{newest} -m venv .venv &&"
            " .venv/bin/python -m pip install --require-hashes -r requirements.txt"
        )
