"""One clause of the release condition, in three forms.

A clause is CEL for Google's token service, a sentence for people, and a check in plain Python,
because the token service never says which clause refused. It also names whose mistake a refusal is,
and its fix. `clauses` has all clauses.

The claims: https://docs.cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from infra.errors import ProgramError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LITERAL: Final = re.compile(r"'((?:[^'\\]|\\U[0-9a-f]{8})*)'")


class PolicyError(ProgramError):
    """The policy would admit nobody, or more than was meant; it is never rendered."""


class Party(StrEnum):
    """Whose mistake a refusal is."""

    OPERATOR = "operator"
    AUTHOR = "image author"
    PLATFORM = "platform"
    """Google always fills this claim in: the text is no token of Confidential Space."""


def quoted(text: str) -> str:
    """The CEL string literal whose value is exactly `text`; ValueError for a lone surrogate.

    https://github.com/google/cel-spec/blob/master/doc/langdef.md#string-and-bytes-values
    """
    text.encode()  # a lone surrogate is no Unicode text, and CEL has no literal for it
    plain = (c if c.isascii() and c.isprintable() and c not in "\\'" else _escaped(c) for c in text)
    return "'" + "".join(plain) + "'"


def _escaped(character: str) -> str:
    return f"\\U{ord(character):08x}"


def literals(cel: str) -> tuple[str, ...]:
    """The values of the literals that `quoted` wrote into a line, in their order."""
    return tuple(
        re.sub(r"\\U([0-9a-f]{8})", lambda escaped: chr(int(escaped[1], 16)), literal)
        for literal in _LITERAL.findall(cel)
    )


def listed(texts: Sequence[str]) -> str:
    """The CEL list of these texts, each in a line of its own.

    A preview compares a condition line by line, and cuts each line at 150 characters. With a comma
    after the last entry, too, an entry that comes or goes changes no other line.
    https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
    """
    return "[\n" + "".join(f"  {quoted(text)},\n" for text in texts) + "]"


def in_one_line(cel: str) -> str:
    """A clause as earlier versions wrote it. No literal holds a line break, so none is changed."""
    return cel.replace("[\n  ", "[").replace(",\n  ", ", ").replace(",\n]", "]").replace("\n ", "")


def form(cel: str) -> str:
    """A clause without the values of its literals: two of one form differ in values only."""
    return re.sub(r"\[''(, '')*\]", "['']", _LITERAL.sub("''", in_one_line(cel)))


NOTHING: Final = "nothing"


def got(claims: Mapping[str, Any], claim: str) -> str:
    """What a token holds in one place, as JSON, or NOTHING."""
    value: Any = claims
    for key in claim.split("."):
        if not isinstance(value, dict) or key not in value:
            return NOTHING
        value = value[key]
    return json.dumps(value)


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One condition about one claim."""

    sentence: str
    cel: str
    claim: str
    """the claim, its keys joined by dots"""
    expected: str
    """what it must be, for people"""
    accepts: Callable[..., bool] = field(compare=False, repr=False)
    """whether a present claim is as it must be; never called for an absent one"""
    given: str = ""
    """a claim beside this one that decides, too: `accepts` is then called with both"""
    absent_is_fine: bool = False
    mistake_of: Party = Party.OPERATOR
    absence_of: Party = Party.PLATFORM
    """whose mistake it is that the claim is absent; Google itself fills in most of them"""
    overridden_by: str = ""
    """a claim whose presence makes it the operator's mistake, whatever `mistake_of` says"""
    fix: str
    without: str
    """what would be admitted, were this clause not in the condition"""
    allowed: tuple[str, ...] | None = None
    """the alternatives, where the clause lists some: one more admits more"""

    def check(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claims meet this clause: true exactly where CEL says true."""
        *parents, leaf = self.claim.split(".")
        for key in parents:
            inner = claims.get(key)
            if not isinstance(inner, dict):
                return False  # to CEL this is an error, and an error refuses
            claims = inner
        if leaf not in claims:
            return self.absent_is_fine
        given = (claims.get(self.given),) if self.given else ()
        return self.accepts(claims[leaf], *given)

    def got(self, claims: Mapping[str, Any]) -> str:
        """What the token holds in this place, as JSON, or that it holds nothing."""
        return got(claims, self.claim)

    def blame(self, claims: Mapping[str, Any]) -> Party:
        """Whose mistake it is that these claims do not meet the clause."""
        if self.got(claims) == NOTHING:
            return self.absence_of
        overridden = self.overridden_by and got(claims, self.overridden_by) != NOTHING
        return Party.OPERATOR if overridden else self.mistake_of
