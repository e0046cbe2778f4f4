"""Where the system's own Chromium is."""

from __future__ import annotations

import shutil
from typing import Final

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """The program, or None."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def missing_reason() -> str:
    """Why the tests of pages cannot run; empty if they can."""
    if find():
        return ""
    return "no Chromium on PATH. Install it: apt-get install chromium, or Google Chrome"
