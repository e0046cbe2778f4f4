"""Writes a review as Markdown, for a comment of a pull request.

Texts of the preview are of unknown origin: a pull request can name a resource as it likes. So
everything but ordinary words is code, in which GitHub sees neither markup nor links nor mentions.
https://github.github.com/gfm/#code-spans
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from infra.untrusted_text import lines as printable
from infra.wording import counted
from ops.review import raw
from ops.review.change import ALARMS, Effect, Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ops.review.change import Change
    from ops.review.review import Review

LONGEST: Final = 65_536
"""GitHub takes so many characters: https://github.com/orgs/community/discussions/41331. A review
has no more bytes than that, so that a shell can pass it in a variable, whose limit is 131,072."""

_FOR_CHANGES: Final = 45_000
"""Bytes of everything but the raw difference."""
_FOR_ALARMS: Final = 30_000
"""Bytes of what nobody may overlook: it comes first, so nothing else takes its room."""
_LONGEST_LINE: Final = 1_000
_CLOSING: Final = 500
"""Bytes that the end of the comment needs."""

_WORD: Final = re.compile(r"[(']*[A-Za-z0-9][A-Za-z0-9.'%-]*[)',.;:]*|`[a-z]+`[)',.;:]*|[→…]")
"""A word that means nothing to Markdown: no emphasis, link, mention, reference, emoji or HTML."""
_LINK: Final = re.compile(r"www\.|gh-[0-9]", re.IGNORECASE)
"""Words of which GitHub makes links."""


def marker(stack: str) -> str:
    """The first line, by which a bot finds its own comment to update it."""
    return f"<!-- confidential-inference review: {re.sub(r'[^A-Za-z0-9_.-]', '_', stack)} -->"


def written(review: Review) -> str:
    """The review, always shorter than LONGEST."""
    head = [marker(review.stack), f"### {_plain(review.stack)}: {_plain(review.verdict)}", ""]
    text = "\n".join(head) + "\n"
    text += _fitting(map(_item, review.alarms), _FOR_ALARMS, "serious change")
    for section in Section:
        items = [_item(change) for change in review.in_section(section)]
        if items:
            room = max(0, _FOR_CHANGES - _size(text))
            text += f"\n**{section}**\n\n" + _fitting(items, room, "change")
    text += "\n**Notes**\n\n" + _fitting(
        (f"- {_plain(_cut(note))}\n" for note in review.notes), _FOR_CHANGES, "note"
    )
    return text + _raw(review, LONGEST - _size(text) - _CLOSING)


def _item(change: Change) -> str:
    label = "" if change.effect is Effect.NOTE else f"**{change.effect}**: "
    if change.effect in ALARMS:
        label = f"🛑 {label}"
    item = f"- {label}{_plain(_cut(change.sentence))}\n"
    if change.details:
        block = "\n".join(change.details)
        fence = _fence(block)
        inside = "\n".join(f"  {_cut(line)}" for line in printable(block).splitlines())
        item += f"\n  {fence}\n{inside}\n  {fence}\n"
    return item


def _fitting(items: Iterable[str], room: int, what: str) -> str:
    """As many items as there is room for, and the number of the others."""
    text = ""
    left = 0
    for item in items:
        if left or _size(text) + _size(item) > room:
            left += 1
        else:
            text += item
    if left:
        text += f"- … and {counted(left, f'further {what}')}, for which a comment has no room\n"
    return text


def _raw(review: Review, room: int) -> str:
    """The raw difference, folded."""
    block = "\n".join(_numbered(raw.lines(review.preview), room))
    if not block:
        return ""
    fence = _fence(block)
    return (
        "\n<details><summary>Every changed input</summary>\n\n"
        f"{fence}\n{block}\n{fence}\n\n</details>\n"
    )


def _numbered(every: Iterator[str], room: int) -> Iterator[str]:
    for number, line in enumerate(every):
        short = _cut(printable(line))
        room -= _size(short) + 1
        if room < 0:
            rest = sum(1 for _ in every) + 1
            yield f"… and {counted(rest, 'more line')}, after {counted(number, 'line')}"
            return
        yield short


def _plain(text: str) -> str:
    """A text in which whatever is not an ordinary word is code."""
    words = printable(text).replace("\n", " ").split(" ")
    return " ".join(
        word if not word or (_WORD.fullmatch(word) and not _LINK.search(word)) else _code(word)
        for word in words
    )


def _code(word: str) -> str:
    """A code span: nothing in it is a mention or a link. Punctuation at its end stays outside."""
    inside = word.rstrip(",.;:")
    after = word[len(inside) :]
    if not inside:
        return f"` {word} `"
    fence = _fence(inside, 1)
    space = " " if "`" in inside else ""
    return f"{fence}{space}{inside}{space}{fence}{after}"


def _size(text: str) -> int:
    """The bytes of a text."""
    return len(text.encode())


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def _fence(block: str, least: int = 3) -> str:
    """Backticks that nothing in the block ends."""
    longest = max((len(run) for run in re.findall(r"`+", block)), default=0)
    return "`" * max(least, longest + 1)
