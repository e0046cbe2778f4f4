"""Draws docs/images/report.png: the report that `make demo` left, as Chromium shows it."""

from __future__ import annotations

import sys
from typing import Final

from playwright.sync_api import sync_playwright

from rehearsal import chromium
from rehearsal.repository import REPOSITORY

REPORT: Final = REPOSITORY / "demo-report.html"
PICTURE: Final = REPOSITORY / "docs" / "images" / "report.png"
WINDOW: Final = (1280, 760)
"""Pixels."""


def main() -> str | None:
    """Draw it; returns what is missing, if anything is."""
    if not REPORT.exists():
        return f"got no {REPORT.name}, which is what is drawn. Make it: make demo"
    if missing := chromium.missing_reason():
        return missing
    PICTURE.parent.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find())
        page = browser.new_page(viewport={"width": WINDOW[0], "height": WINDOW[1]})
        page.goto(REPORT.as_uri())
        page.screenshot(path=PICTURE)
        browser.close()
    return None


if __name__ == "__main__":
    sys.exit(main())
