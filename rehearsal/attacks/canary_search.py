"""The search for a secret in bytes: plain, and in the usual encodings, also nested ones.

It depends on no cloud and no company. A mark is a secret without encoding; the search decodes the
bytes, so each encoding is described once, and any combination is found. It cannot find a secret
that is encrypted, or spread bit by bit.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from rehearsal.attacks.encodings import unwrapped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEPTH = 4
"""How many encodings inside one another are taken off, as in JSON of a repr of base64 of gzip."""
SHORTEST = 6
"""Bytes of the shortest look."""
WINDOW = 3
"""So many numbers in a row are no coincidence; of the digits, one number is enough."""


@dataclass(frozen=True)
class Mark:
    """One secret to search for, in all its forms without encoding."""

    what: str
    looks: tuple[bytes, ...]


class Leak(NamedTuple):
    """A secret in a place where it must not be."""

    what: str
    place: str
    through: tuple[str, ...]
    """the encodings around it, the outermost first"""

    def __str__(self) -> str:
        """The secret, its place, and its encoding."""
        written = " of ".join(self.through) or "as it is"
        return f"{self.what} in {self.place}, {written}"


def numbers(what: str, values: Sequence[float]) -> Mark:
    """Numbers from 0.1 to 1 (or their negatives), binary in any size and byte order, or as digits.

    Six digits are a mark, five are not: the workload rounds its scores to five.
    """
    windows = [values[at : at + WINDOW] for at in range(len(values) - WINDOW + 1)]
    binary = [
        struct.pack(f"{order}{WINDOW}{size}", *window)
        for window in windows
        for order in "<>"
        for size in "efd"
    ]
    digits = {
        text[2:8]
        for value in values
        # cut off after the sixth digit, and rounded to it
        for text in (f"{abs(value):.12f}", f"{abs(value):.6f}")
    }
    decimal = [look.encode() for six in digits for look in (f".{six}", f"{six[0]}.{six[1:]}")]
    return Mark(what, (*binary, *decimal))


def pieces(what: str, content: bytes, count: int = 16, size: int = 16) -> Mark:
    """Some pieces of a file, evenly spread, so that a part of the file is found too."""
    step = len(content) // count
    return Mark(what, tuple(content[at : at + size] for at in range(step // 2, step * count, step)))


@dataclass(frozen=True)
class Search:
    """Searches for marks; skips bytes that it has searched before, which most are after a run."""

    marks: tuple[Mark, ...]
    known: dict[tuple[bytes, int], dict[str, tuple[str, ...]]] = field(
        default_factory=dict, repr=False
    )

    def leaks(self, places: Mapping[str, bytes]) -> list[Leak]:
        """Every mark in every place, also in the place's name, each in its shortest encoding."""
        return [
            Leak(what, place, through)
            for place, content in places.items()
            for what, through in self._found(place.encode() + b"\n" + content, DEPTH).items()
        ]

    def _found(self, layer: bytes, depth: int) -> dict[str, tuple[str, ...]]:
        key = hashlib.blake2b(layer, digest_size=16).digest(), depth
        if key not in self.known:
            self.known[key] = self._look(layer, depth)
        return self.known[key]

    def _look(self, layer: bytes, depth: int) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {
            mark.what: () for mark in self.marks if any(look in layer for look in mark.looks)
        }
        for encoding, inner in unwrapped(layer) if depth else ():
            if len(inner) < SHORTEST:
                continue
            for what, through in self._found(inner, depth - 1).items():
                found[what] = min(found.get(what, LONGEST), (encoding, *through), key=len)
        return found


LONGEST = ("",) * (DEPTH + 1)
