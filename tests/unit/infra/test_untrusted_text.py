"""Somebody else's text is shown on one line, spelt out and cut, and is markup to nobody."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from infra.untrusted_text import LONGEST, described, lines, shown
from ops.terminal import Terminal

UNFIT = st.sampled_from(
    "\x00\x07\x08\x1b\r\n\x0b\x0c\x7f\x85\x9b\u200b\u202e\u2028\u2029\ufeff\ud800"
)
TEXTS = st.lists(st.one_of(st.text(), UNFIT, st.sampled_from(["<{%", "[/]", ":bomb:"]))).map(
    "".join
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXTS, inner)),
)


def unfit(text: str) -> list[str]:
    """What a terminal would obey, and what ends a line for anybody."""
    return [c for c in text if not c.isprintable() and c not in "\u00a0\u202f\u3000\u200c\u200d"]


@given(TEXTS)
def test_any_text_is_printable_on_one_line(text: str) -> None:
    """No control, no line end of any kind, no change of direction, no half of a character."""
    assert unfit(shown(text)) == []
    assert len(shown(text).splitlines()) <= 1
    shown(text).encode()


@given(TEXTS, st.integers(0, 50))
def test_any_text_is_bounded(text: str, longest: int) -> None:
    """A character becomes at most ten; a cut text ends with its length."""
    assert len(shown(text, longest)) <= 10 * longest + len(f"… ({len(text)} characters)")


@given(TEXTS)
def test_no_text_is_markup_of_the_pulumi_cli(text: str) -> None:
    """It ends with a stack trace at a colour that it does not know."""
    assert "<{%" not in shown(text) + lines(text) + described(text)


@given(TEXTS)
def test_no_text_is_markup_of_the_terminal(text: str) -> None:
    """What a screen prints of a text is that text, with neither a style nor a link."""
    console = Terminal(io.StringIO(), width=100_000)
    told = shown(text)
    rendered = console.render_str(told)
    assert isinstance(rendered, Text)
    assert (rendered.plain, rendered.spans) == (told, [])


@given(
    st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], max_codepoint=126), max_size=80)
)
def test_a_printable_text_is_not_changed(text: str) -> None:
    """Names, digests and JSON stay readable."""
    if "<{%" not in text:
        assert shown(text) == text


@given(TEXTS)
def test_a_message_of_several_lines_keeps_its_own(text: str) -> None:
    """Only a line feed ends a line."""
    assert lines(text).count("\n") == text.count("\n")
    assert unfit(lines(text).replace("\n", "")) == []


@given(VALUES)
def test_any_value_is_described_on_one_short_line(value: Any) -> None:
    """However deep and large it is."""
    assert unfit(described(value)) == []
    assert len(described(value)) < 50_000


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("part-1.png", "part-1.png"),
        ("Bild größer 図.jpg", "Bild größer 図.jpg"),
        ('{"a": "\\u001b"}', '{"a": "\\u001b"}'),
        ("a\nb\u2028c\x1b[31m\u202e", r"a\nb\u2028c\x1b[31m\u202e"),
        ("<{%fg 1%}>", r"<\x7b%fg 1%}>"),
        ("x" * 1_000_000, "x" * LONGEST + "… (1000000 characters)"),
        ("\ud800", r"\ud800"),
    ],
)
def test_a_text_is_shown_escaped(text: str, escaped: str) -> None:
    """One of each kind."""
    assert shown(text) == escaped


@pytest.mark.parametrize(
    "text",
    ["a\u00a0b", "50\u202f%", "東京\u3000駅", "می\u200cخواهم", "👩\u200d🔬"],  # noqa: RUF001  Persian
)
def test_what_people_write_stays(text: str) -> None:
    """Spaces of other widths, and joiners within Persian words and emoji."""
    assert shown(text) == text


@pytest.mark.parametrize("text", ["ad\u200dmin", "\u200cخ", "خ\u200c", "خ\u200d\u200d\u200dخ"])
def test_a_joiner_that_only_hides_is_escaped(text: str) -> None:
    """Between letters of ASCII, at an end, or beside another one it would make names look alike."""
    assert "\\u200" in shown(text)
