"""The page of a run, as text; tests/browser opens it."""

from __future__ import annotations

import html
import re

import pytest

from ops.picture_causes import cause_of_picture
from ops.records import Run
from ops.report.page import Source, page, shown_records
from ops.report.thumbnails import CHANGED, REFUSED, Thumbnail
from tests.fixtures.runs import failed, record, run

SOURCE = Source(results="gs://results", pictures="gs://pictures")
HOSTILE = "<script>x</script><img src=//evil onerror=x>\"'`&#x27;{{7*7}}"


def text(found: Run, *small: Thumbnail, most: int = 10) -> str:
    """The page without markup."""
    return html.unescape(page(found, SOURCE, small, most))


def test_the_header_says_what_ran_and_when() -> None:
    """Digests and hashes stay whole, to be compared."""
    shown = text(run(record("a", ("x", 0.5)), failed("b")))
    for fact in ("2026-11-27T20:00:00Z", "2026-11-27T20:00:02Z", "13.5", "litert", "a9" * 32):
        assert f"<dd>{fact}</dd>" in shown
    assert f"<dd>sha256:{'14' * 32}</dd>" in shown
    assert "<dt>classified</dt><dd>1</dd>" in shown
    assert "<dt>failed</dt><dd>1</dd>" in shown


def test_each_code_has_its_cause_and_its_fix() -> None:
    """The words are those of docs/errors.md."""
    shown = text(run(failed("b"), failed("c", "picture_empty"), failed("d", "picture_empty")))
    for code, count in (("picture_damaged", 1), ("picture_empty", 2)):
        cause = cause_of_picture(code)
        row = next(line for line in shown.splitlines() if f">{code}</td>" in line)
        assert f'<td data-of="pictures">{count}</td>' in row
        assert cause.when in row
        assert cause.fix in row


@pytest.mark.parametrize(
    "found",
    [
        run(record(HOSTILE, ("x", 0.5))),
        run(record("a", (HOSTILE, 0.5))),
        run(failed("a", HOSTILE)),
        run(record("a", ("x", 0.5), generation=HOSTILE, sha256=HOSTILE)),
        run(record("a", ("x", 0.5)), engine=HOSTILE, scores=HOSTILE, imageDigest=HOSTILE),
        run(record("a", ("x", 0.5)), started=HOSTILE, finished=HOSTILE, modelSha256=HOSTILE),
        Run((), f"code: {HOSTILE}"),
        Run((), None, text=f"Image: {HOSTILE}"),
        Run((record("a", ("x", 0.5)),), None, notes=(HOSTILE,)),
    ],
    ids=["name", "label", "error", "identity", "summary", "times", "failure", "text", "note"],
)
def test_every_text_of_a_run_is_escaped(found: Run) -> None:
    """It is in the page, and it is no markup."""
    written = page(found, SOURCE, ())
    assert HOSTILE not in written
    assert "<script>x" not in written
    assert "<img src=//" not in written
    assert HOSTILE in html.unescape(written)


def test_the_policy_allows_the_own_script_and_style_and_nothing_else() -> None:
    """By their hashes; no word that allows more is in it."""
    written = page(run(record("a", ("x", 0.5))), SOURCE, ())
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', written)
    directives = dict(each.split(" ", 1) for each in html.unescape(policy).split("; "))
    assert directives.keys() == {
        *("default-src", "script-src", "style-src", "img-src", "base-uri", "form-action")
    }
    for name in ("default-src", "base-uri", "form-action"):
        assert directives[name] == "'none'"
    assert directives["img-src"] == "data:"
    for name in ("script-src", "style-src"):
        assert re.fullmatch(r"'sha256-[A-Za-z0-9+/]{43}='", directives[name])


def test_where_there_is_no_picture_its_place_says_why() -> None:
    """In the order of the page, which has failed ones first."""
    found = run(record("a", ("x", 0.5)), failed("b"))
    shown = text(found, Thumbnail(missing=CHANGED), Thumbnail(webp=b"x", width=3, height=4))
    assert [each["name"] for each in shown_records(found)] == ["b", "a"]
    first, second = re.findall(r'<div class="picture">\s*(<[^\n]+)', shown)
    assert first == f"<span>{CHANGED}</span>"
    assert second.startswith('<img src="data:image/webp;base64,eA==" width="3" height="4"')


def test_pictures_that_are_not_on_the_page_are_counted() -> None:
    """Nobody takes a part for the whole."""
    shown = text(run(*(record(str(n), ("x", 0.5)) for n in range(5))), most=2)
    assert shown.count('class="card"') == 2
    assert "3 more pictures of this run are not on this page" in shown
    assert "<dt>classified</dt><dd>5</dd>" in shown


@pytest.mark.parametrize(("most", "said"), [(2, False), (1, True)])
def test_one_picture_that_is_left_out_is_counted(most: int, said: bool) -> None:
    """None is not."""
    shown = text(run(record("a", ("x", 0.5)), record("b", ("x", 0.5))), most=most)
    assert ("1 more picture of this run is not on this page" in shown) == said


def test_a_failed_picture_says_why_and_what_to_do() -> None:
    """Beside the picture, where its reader looks."""
    cause = cause_of_picture("picture_damaged")
    card = text(run(failed("b"))).partition('<ol id="cards">')[2]
    assert f"{cause.when}. Fix: {cause.fix}" in card


def test_an_unknown_bucket_of_pictures_is_said() -> None:
    """With the option that names it."""
    unknown = Source(results="gs://results", pictures=None)
    assert "--pictures gs://BUCKET" in page(run(record("a", ("x", 0.5))), unknown, ())


def test_a_bucket_without_any_of_the_pictures_may_be_the_wrong_one() -> None:
    """Cloud Storage says the same of a wrong bucket and of deleted pictures."""
    found = run(record("a", ("x", 0.5)), failed("b"))
    gone, kept = Thumbnail(missing=CHANGED), Thumbnail(webp=b"x", width=3, height=4)
    note = "No picture of this run is in gs://pictures any more"
    assert note in text(found, gone, gone)
    assert note not in text(found, gone, kept)


def test_pictures_are_decoded_when_they_are_looked_at() -> None:
    """A page has ten thousand."""
    shown = text(run(record("a", ("x", 0.5))), Thumbnail(webp=b"x", width=3, height=4))
    assert 'loading="lazy"' in shown


def test_pictures_that_are_not_yours_to_read_are_counted_with_the_role() -> None:
    """Reading them needs another grant than reading results."""
    found = run(record("a", ("x", 0.5)))
    assert "Ask for roles/storage.objectViewer" in text(found, Thumbnail(missing=REFUSED))


def test_a_failed_run_shows_its_cause_and_no_pictures() -> None:
    """And no filters."""
    shown = text(Run((), "settings_invalid: The launch settings are not valid."))
    assert "<h2>The run failed</h2>" in shown
    assert "Mistake of: operator" in shown
    assert 'id="filters"' not in shown


def test_bars_of_other_scores_reach_from_the_least_to_the_most() -> None:
    """A logit has no known ends."""
    shown = text(run(record("a", ("x", 7.5), ("y", -2.5)), scores="logits"))
    assert '<meter min="-2.5" max="7.5" value="7.5">' in shown


def test_a_run_without_pictures_is_a_page() -> None:
    """An empty bucket is a run of no pictures."""
    assert "<dt>classified</dt><dd>0</dd>" in text(run(classified=0, failed={}))
