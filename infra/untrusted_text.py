"""Makes another company's text safe to print: escaped, cut, on one line, and never markup.

What the other company wrote ends up in errors, tables and logs of this one. There it must neither
command a terminal, nor look like other lines, nor fill the screen. It is for printing only: the
program compares, stores and passes on the original. A backslash stays one, so that JSON stays
readable; a text that looks spelt out may have been written so.
"""

from __future__ import annotations

import reprlib
from typing import Final

from infra.wording import counted

LONGEST: Final = 2000
"""Characters shown of one text; a digest has 71, the name of an object at most 1,024."""

_TAG: Final = "<{%"
"""How a colour begins in what the Pulumi CLI prints. It ends with a stack trace at one that it does
not know: https://github.com/pulumi/pulumi/blob/v3.259.0/sdk/go/common/diag/colors/colors.go"""

_VALUE: Final = reprlib.Repr()
_VALUE.maxstring = 300
_VALUE.maxlevel = 2
_VALUE.maxother = 100


def shown(text: str, longest: int = LONGEST) -> str:
    """The text on one line, without anything that a terminal would obey, and not too much of it."""
    return (
        _spelt(text)
        if len(text) <= longest
        else f"{_spelt(text[:longest])}… ({counted(len(text), 'character')})"
    )


def lines(text: str) -> str:
    """The same for a message of our own that has several lines and is not to be cut."""
    return "\n".join(map(_spelt, text.split("\n")))


def described(value: object) -> str:
    """Any value as Python writes it, without its depth and its length."""
    return _spelt(_VALUE.repr(value))


def _spelt(text: str) -> str:
    # What is not printable: controls, line ends of every kind, changes of direction, what has no
    # width, halves of characters. https://docs.python.org/3/library/stdtypes.html#str.isprintable
    plain = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(plain).replace(_TAG, "<\\x7b%")
