"""The documentation in a real browser, from files, as its reader opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.fixtures.documentation_site import built

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages."""
    return built(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A tab; what it asks for anywhere but in files fails the test."""
    context = browser.new_context()
    tab = context.new_page()
    elsewhere: list[str] = []

    def note(url: str) -> None:
        if not url.startswith(("file:", "data:")):
            elsewhere.append(url)

    tab.on("request", lambda request: note(request.url))
    yield tab
    context.close()
    assert elsewhere == []


def test_the_search_finds_a_page_by_googles_sentence_without_a_server(
    tab: Page, pages: Path
) -> None:
    """The index is a script, which a browser loads from a file, too."""
    tab.goto((pages / "index.html").as_uri())
    tab.get_by_placeholder("Search").first.fill("credential rejected attribute condition")
    tab.keyboard.press("Enter")
    found = tab.locator("#search-results li").filter(has_text="Troubleshooting")
    expect(found).to_have_count(1)


@pytest.mark.parametrize("width", [1280, 400])
def test_no_page_is_wider_than_the_window(tab: Page, pages: Path, width: int) -> None:
    """Long commands and tables scroll in their own boxes."""
    tab.set_viewport_size({"width": width, "height": 900})
    wide = {}
    for page in pages.rglob("*.html"):
        tab.goto(page.as_uri())
        needed = tab.evaluate("document.documentElement.scrollWidth")
        if needed > width:
            wide[str(page.relative_to(pages))] = needed
    assert wide == {}


@pytest.mark.parametrize("name", ["who-talks-to-whom", "what-is-measured"])
def test_a_drawing_is_shown(tab: Page, pages: Path, name: str) -> None:
    """The browser can draw it."""
    tab.goto((pages / "architecture.html").as_uri())
    drawing = tab.locator(f"img[src$='{name}.svg']")
    assert drawing.evaluate("image => image.complete && image.naturalWidth") > 500


@pytest.mark.parametrize("name", ["who-talks-to-whom", "what-is-measured"])
def test_a_drawing_opens_in_its_own_size(tab: Page, pages: Path, name: str) -> None:
    """In a window of 400 pixels, nobody can read it between the texts."""
    tab.set_viewport_size({"width": 400, "height": 900})
    tab.goto((pages / "architecture.html").as_uri())
    tab.locator(f"img[src$='{name}.svg']").click()
    tab.wait_for_url(f"**/{name}.svg")
    assert tab.evaluate("document.documentElement.getBoundingClientRect().width") > 1000
