"""The report of a run in a real browser, from a file, as its reader opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ops.report import thumbnails
from ops.report.page import Source, page
from tests.fixtures.pictures import photos
from tests.fixtures.runs import failed, record, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from ops.records import Run

pytestmark = pytest.mark.browser

RUN = run(
    record("dir/b.jpg", ("crack", 0.9), ("hole", 0.1)),
    record("dir/a.jpg", ("hole", 0.6), ("crack", 0.4)),
    failed("dir/d.jpg"),
    record("c.jpg", ("crack", 0.7), ("hole", 0.3)),
)
MANY = run(*(record(f"{n:03}.jpg", ("crack", n / 200)) for n in range(150)))
HOSTILE = (
    "</script></style><script>document.title='executed'</script>"
    "<img src=x onerror=\"document.title='executed'\">"
    "\"'><svg onload=document.title='executed'>"
)
SOURCE = Source(results="gs://results", pictures="gs://pictures")
SMALL = thumbnails.thumbnail(photos.file("JPEG", photos.image()))


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens the page of a run; whatever the browser complains of, or asks for, fails the test."""
    contexts = []
    problems: list[str] = []

    def opened(found: Run = RUN, **options: Any) -> Page:
        path = tmp_path / "run.html"
        small = [SMALL] * len(found.records)
        path.write_text(page(found, SOURCE, small), encoding="utf-8")
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: problems.append(f"console: {message.text}"))
        tab.on("pageerror", lambda error: problems.append(f"error: {error}"))
        tab.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
        tab.on("request", lambda request: problems.append(f"request: {request.url}"))
        tab.goto(path.as_uri())
        asked_for = {
            f"request: {path.as_uri()}",
            f"request: {tab.locator('img').first.get_attribute('src')}",
        }
        problems[:] = [each for each in problems if each not in asked_for]
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def names(tab: Page) -> list[str]:
    """The names of the pictures that are shown, in their order."""
    return tab.locator(".card h3").all_text_contents()  # `innerText` is empty off the screen


def test_the_page_shows_pictures_labels_and_scores(opened: Callable[..., Page]) -> None:
    """Those that failed come first."""
    tab = opened()
    assert names(tab) == ["dir/d.jpg", "dir/b.jpg", "dir/a.jpg", "c.jpg"]
    card = tab.locator(".card").nth(1)
    assert card.locator(".label").inner_text() == "crack"
    assert card.locator("meter").first.evaluate("bar => bar.value") == 0.9
    assert card.locator("img").evaluate("picture => picture.naturalWidth") == SMALL.width
    assert tab.locator("#status").inner_text() == "4 of 4 pictures"


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ({"#class": "crack"}, ["dir/b.jpg", "c.jpg"]),
        ({"#name": "DIR/"}, ["dir/d.jpg", "dir/b.jpg", "dir/a.jpg"]),
        ({"#from": "0.65"}, ["dir/b.jpg", "c.jpg"]),
        ({"#to": "0.65"}, ["dir/a.jpg"]),
        ({"#from": "0.65", "#to": "0.8"}, ["c.jpg"]),
        ({"#failed": "yes"}, ["dir/d.jpg"]),
        ({"#class": "hole", "#name": "b.jpg"}, []),
    ],
    ids=["class", "name", "from", "to", "range", "failed", "none left"],
)
def test_filters_leave_what_they_name(
    opened: Callable[..., Page], filters: dict[str, str], shown: list[str]
) -> None:
    """A picture that failed has no class and no score."""
    tab = opened()
    for field, value in filters.items():
        if field == "#class":
            tab.select_option(field, value)
        elif field == "#failed":
            tab.check(field)
        else:
            tab.fill(field, value)
    assert names(tab) == shown
    assert tab.locator("#status").inner_text() == f"{len(shown)} of 4 pictures"


@pytest.mark.parametrize(
    ("order", "shown"),
    [
        ("failed", ["f1", "f2", "f3", "b", "a", "c"]),
        ("listing", ["f1", "b", "a", "f2", "c", "f3"]),
        ("name", ["a", "b", "c", "f1", "f2", "f3"]),
        ("lowest", ["a", "c", "b", "f1", "f2", "f3"]),
        ("highest", ["b", "c", "a", "f1", "f2", "f3"]),
    ],
)
def test_pictures_are_sorted(opened: Callable[..., Page], order: str, shown: list[str]) -> None:
    """By score, those that failed come last: they have none."""
    a, b, c = (record(name, ("x", score)) for name, score in (("a", 0.6), ("b", 0.9), ("c", 0.7)))
    tab = opened(run(failed("f1"), b, a, failed("f2"), c, failed("f3")))
    tab.select_option("#order", order)
    assert names(tab) == shown


def test_the_keyboard_reaches_everything(opened: Callable[..., Page]) -> None:
    """To a picture, its details, the filters, and back."""
    tab = opened()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowRight")
    assert tab.locator(":focus h3").inner_text() == "dir/b.jpg"
    tab.keyboard.press("Enter")
    assert tab.locator(":focus dd").nth(1).inner_text() == "gs://pictures/dir/b.jpg#1"
    tab.keyboard.press("f")
    assert names(tab) == ["dir/d.jpg"]
    tab.keyboard.press("Escape")
    tab.locator(".card").nth(3).wait_for(state="attached")  # a busy browser takes its time
    assert len(names(tab)) == 4
    tab.keyboard.press("/")
    tab.keyboard.type("fp")  # letters are text there
    assert tab.input_value("#name") == "fp"
    assert names(tab) == []


def test_many_pictures_are_on_pages(opened: Callable[..., Page]) -> None:
    """Sixty on each; a filter begins at the first one."""
    tab = opened(MANY)
    assert len(names(tab)) == 60
    tab.keyboard.press("n")
    tab.click("#next")
    assert names(tab)[0] == "120.jpg"
    assert tab.locator("#page").inner_text() == "page 3 of 3"
    assert tab.locator("#next").is_disabled()
    tab.fill("#name", "14")
    assert names(tab)[0] == "014.jpg"
    assert tab.locator("#pages").is_hidden()


def test_without_javascript_everything_is_readable(opened: Callable[..., Page]) -> None:
    """And nothing is there that would not work."""
    tab = opened(MANY, java_script_enabled=False)
    assert len(names(tab)) == 150
    assert tab.locator("#filters").is_hidden()
    assert tab.locator("#pages").is_hidden()


def test_a_hostile_name_or_label_executes_nothing(opened: Callable[..., Page]) -> None:
    """It is shown as it is."""
    tab = opened(run(record(HOSTILE, (HOSTILE, 0.9)), failed("b", HOSTILE)))
    assert names(tab) == ["b", HOSTILE]
    assert tab.locator(".label").inner_text() == HOSTILE
    tab.select_option("#class", HOSTILE)
    assert names(tab) == [HOSTILE]
    assert tab.title() == "Results of gs://results"


@pytest.mark.parametrize(
    "markup",
    [
        "<script>document.title='executed'</script>",
        "<img src=x onerror=\"document.title='executed'\">",
        "<style>body { display: none }</style>",
    ],
)
def test_the_policy_stops_what_escaping_would_have_missed(
    browser: Browser, tmp_path: Path, markup: str
) -> None:
    """Markup in the middle of the page is not obeyed: the policy refuses it."""
    path = tmp_path / "run.html"
    path.write_text(page(RUN, SOURCE, ()).replace("<main>", f"<main>{markup}"), encoding="utf-8")
    tab = browser.new_page()
    refused: list[str] = []
    tab.on("console", lambda message: refused.append(message.text))
    tab.goto(path.as_uri())
    assert tab.title() == "Results of gs://results"
    assert tab.locator("h1").is_visible()
    assert any("Content Security Policy" in each for each in refused)
    tab.close()


def test_dark_and_light_are_those_of_the_reader(opened: Callable[..., Page]) -> None:
    """Text and ground change together."""
    look = (
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    light, dark = (opened(color_scheme=scheme).evaluate(look) for scheme in ("light", "dark"))
    assert light == ["rgb(27, 31, 39)", "rgb(255, 255, 255)"]
    assert dark == ["rgb(230, 233, 239)", "rgb(20, 23, 28)"]


def test_a_narrow_screen_needs_no_sideways_scrolling(opened: Callable[..., Page]) -> None:
    """On a phone, too; tables scroll within their own frame."""
    tab = opened(
        run(record("x" * 300, ("y" * 300, 0.5)), failed("b")),
        viewport={"width": 360, "height": 700},
    )
    wide = tab.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
