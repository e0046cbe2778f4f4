"""A real headless Chromium, the system's own: Playwright only drives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from rehearsal.chromium import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a module; each opens its own page.

    Not for the session: as long as Playwright is there, no other test can run an event loop.
    """
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=find())
        yield found
        found.close()
