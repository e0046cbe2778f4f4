"""The commands that documents name: in blocks of commands, and in the text as `code`."""

from __future__ import annotations

import itertools
import re
import shlex
from typing import TYPE_CHECKING, Final, NamedTuple

from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCUMENTS: Final = (
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "rehearsal/README.md")),
    *sorted((REPOSITORY / "docs").glob("*.md")),
)
"""Those that people type from. Decisions (docs/adr/) tell what was, too."""

_FENCED: Final = re.compile(r"^ *(```+)[^\n]*\n(.*?)^ *\1$", re.MULTILINE | re.DOTALL)
"""A longer fence may hold shorter ones."""
_INLINE: Final = re.compile(r"`([^`]+)`")
_OPERATOR: Final = frozenset("|&;<>()")
_ASSIGNMENT: Final = re.compile(r"[A-Z_]+=")


class Command(NamedTuple):
    """A command and its arguments, and the file that names it."""

    document: str
    words: tuple[str, ...]
    """from the program's name on"""


def _split(line: str) -> Iterator[tuple[str, ...]]:
    """The simple commands of a line for the shell; none if it is no such line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        words = [*lexer]
    except ValueError:  # an apostrophe: prose, or a program's output
        return
    for is_operator, part in itertools.groupby(words, _OPERATOR.issuperset):
        command = itertools.dropwhile(_ASSIGNMENT.match, part)
        if not is_operator and (found := tuple(command)):
            yield found


def lines(text: str) -> Iterator[str]:
    """Every line of code of a Markdown text: of blocks, and `code` of the text."""
    for _, block in _FENCED.findall(text):
        yield from (line.strip() for line in re.sub(r"\\\n\s*", " ", block).splitlines())
    yield from (" ".join(code.split()) for code in _INLINE.findall(_FENCED.sub("", text)))


def commands(text: str, document: str) -> Iterator[Command]:
    """Every command of a Markdown text, as words."""
    for line in lines(text):
        yield from (Command(document, words) for words in _split(line))


def documented(path: Path) -> Iterator[Command]:
    """Every command of a document."""
    return commands(path.read_text(), path.relative_to(REPOSITORY).as_posix())
