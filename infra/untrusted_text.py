"""Makes another company's text safe to print: escaped, cut, on one line, and never markup.

Text of the other company is printed in errors, tables and logs of this one. It must neither control
a terminal, nor imitate other lines, nor fill the screen. Only printing uses this form: the program
compares, stores and passes on the original. Backslashes are not escaped, so that JSON stays
readable; a text that looks escaped may be the original.
"""

from __future__ import annotations

import reprlib
from typing import Final

from infra.wording import counted

LONGEST: Final = 2000
"""Characters shown of one text; a digest has 71, the name of an object at most 1,024."""

_TAG: Final = "<{%"
"""The beginning of a colour in the output of the Pulumi CLI, which ends with a stack trace at an
unknown colour: https://github.com/pulumi/pulumi/blob/v3.259.0/sdk/go/common/diag/colors/colors.go"""

_VALUE: Final = reprlib.Repr()
_VALUE.maxstring = 300
_VALUE.maxlevel = 2
_VALUE.maxother = 100


def shown(text: str, longest: int = LONGEST) -> str:
    """The text on one line, without control characters, and cut at a limit."""
    return (
        _escaped(text)
        if len(text) <= longest
        else f"{_escaped(text[:longest])}… ({counted(len(text), 'character')})"
    )


def lines(text: str) -> str:
    """The same for a message of this program: its line feeds stay, and it is not cut."""
    return "\n".join(map(_escaped, text.split("\n")))


def described(value: object) -> str:
    """Any value as Python writes it, cut in depth and length."""
    return _escaped(_VALUE.repr(value))


def _escaped(text: str) -> str:
    # Not printable: controls, every kind of line end, changes of direction, characters without
    # width, halves of characters. https://docs.python.org/3/library/stdtypes.html#str.isprintable
    plain = (
        c if c.isprintable() or _is_part_of_a_word(text, place) else _escape(c)
        for place, c in enumerate(text)
    )
    return "".join(plain).replace(_TAG, "<\\x7b%")


_SPACES: Final = "\u00a0\u202f\u3000"
"""Of no break, also the narrow one of French, and the wide one of Japanese."""
_JOINERS: Final = "\u200c\u200d"


def _is_part_of_a_word(text: str, place: int) -> bool:
    """Whether a character that is not printable belongs to how people write.

    A space of another width looks like a space. Persian and emoji need joiners; between letters of
    ASCII they would only make two names look the same.
    """
    if text[place] in _SPACES:
        return True
    around = text[max(0, place - 1) : place], text[place + 1 : place + 2]
    return text[place] in _JOINERS and all(
        each and each.isprintable() and not each.isascii() for each in around
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
