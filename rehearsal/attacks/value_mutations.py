"""What can be done to one JSON value, by kind of value: each makes another one out of it, by lot.

Which value is changed, and how values are moved about, is `mutations`' to say. Nothing here knows
what a claim means.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from rehearsal.attacks.scenarios.claims import LOOKALIKES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    Make = Callable[[Random, Any], Any]

SPACES = " \t\n\r\v\f\u00a0\u2003\u200b\ufeff"
CONTROLS = "\0\x01\x08\x1b\x7f\x85\u202e\u2066\ud800\udfff"
COMBINING = "\u0301\u034f\u200d\ufe0f\u20e3"
IMITATIONS = {
    **LOOKALIKES,
    "K": "\u212a",  # the Kelvin sign, which every normal form turns into K
    "k": "\u212a",
    "s": "\u017f",  # the long s, whose upper case is S
    "0": "O",
    "1": "l",
}
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
"""Letters that the compatible normal forms turn into ASCII."""

CEL = (
    "' || true || '",
    "'] || true || ['",
    "\\' || true //",
    "assertion.swname",
    ".*",
    "*",
    "\\U00000053",
    "%53",
    "${MODEL_URI}",
)
LONGEST = 20_000
DEEPEST = 32

NUMBERS = (0, 1, -1, 0.0, 1.0, -0.0, 0.5, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1)
FLOATS = (1e308, -1e308, 5e-324, 1e19)
PLAIN = (True, False, None, "", "true", "null")
OTHERS: tuple[Any, ...] = (*PLAIN, [], {}, [None], {"": ""}, *NUMBERS)
"""Values of every kind, to stand where another was."""

ENTRIES: tuple[Any, ...] = ("STABLE", "UNSTABLE", "DEBUG", "-c", "", "x@y.example", *OTHERS)
"""What is put into a list."""

NAMES = ("LD_PRELOAD", "PYTHONPATH", "MODEL_URI", "model_uri", "STABLE", "memory", "0")
"""What is put into an object."""


def copied(value: Any) -> Any:
    """The same value, sharing nothing with it."""
    return json.loads(json.dumps(value))


def _with(lot: Random, text: str, added: str) -> str:
    at = lot.choice((0, len(text), lot.randint(0, len(text))))
    return text[:at] + added + text[at:]


def _one(lot: Random, text: str, make: Callable[[str], str]) -> str:
    at = lot.randrange(len(text) or 1)
    return text[:at] + "".join(map(make, text[at : at + 1])) + text[at + 1 :]


def _inserted(lot: Random, entries: list[Any], *added: Any) -> list[Any]:
    at = lot.randint(0, len(entries))
    return [*entries[:at], *map(copied, added), *entries[at:]]


def _without(lot: Random, entries: list[Any]) -> list[Any]:
    at = lot.randrange(len(entries) or 1)
    return [*entries[:at], *entries[at + 1 :]]


def _joined(lot: Random, entries: list[Any]) -> list[Any]:
    at = lot.randrange(len(entries) or 1)
    return [*entries[:at], " ".join(map(str, entries[at : at + 2])), *entries[at + 2 :]]


def _unwrapped(value: Any) -> Any:
    inner = list(value.values()) if isinstance(value, dict) else value
    return inner[0] if isinstance(inner, list) and inner else inner


def _nested(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


TEXT: Final[Mapping[str, Make]] = {
    "in other case": lambda lot, text: lot.choice(
        (text.swapcase(), text.upper(), text.lower(), text.title())
    ),
    "with white space": lambda lot, text: _with(lot, text, lot.choice(SPACES)),
    "with a control character": lambda lot, text: _with(lot, text, lot.choice(CONTROLS)),
    "with a combining character": lambda lot, text: _with(lot, text, lot.choice(COMBINING)),
    "with a look-alike": lambda lot, text: _one(
        lot, text, lambda letter: IMITATIONS.get(letter, letter.translate(FULL_WIDTH))
    ),
    "in full width": lambda _, text: text.translate(FULL_WIDTH),
    "with another letter": lambda lot, text: _one(
        lot, text, lambda _: lot.choice("0123456789abcdefX-")
    ),
    "cut short": lambda lot, text: lot.choice((text[1:], text[:-1], text[: len(text) // 2])),
    "with something after it": lambda lot, text: text + lot.choice((*CEL, ",", "/", text, "x")),
    "with something before it": lambda lot, text: lot.choice((*CEL, ",", "/", "x")) + text,
    "CEL": lambda lot, _: lot.choice(CEL),
    "empty": lambda _, __: "",
    "very long": lambda lot, text: (text * lot.choice((2, 50, 500)))[:LONGEST],
    "backwards": lambda _, text: text[::-1],
    "as a list of its letters": lambda _, text: list(text[:80]),
    "as a number": lambda _, text: (
        int(text[:40]) if text.isascii() and text.isdigit() else len(text)
    ),
}


def _imitated(lot: Random, names: dict[str, Any]) -> str:
    imitation: str = TEXT[lot.choice(tuple(TEXT)[:10])](lot, lot.choice((*names, *NAMES)))
    return imitation


NUMBER: Final[Mapping[str, Make]] = {
    "another": lambda lot, _: lot.choice((*NUMBERS, *FLOATS)),
    "one more": lambda _, number: number + 1,
    "as a fraction": lambda _, number: float(number),
    "as a text": lambda _, number: str(number),
}
FLAG: Final[Mapping[str, Make]] = {
    "the other way": lambda _, flag: not flag,
    "as a number": lambda lot, flag: lot.choice((int(flag), float(flag))),
    "as a text": lambda lot, flag: lot.choice((str(flag), str(flag).lower())),
}
LIST: Final[Mapping[str, Make]] = {
    "an entry more": lambda lot, entries: _inserted(lot, entries, lot.choice(ENTRIES)),
    "an entry at the end": lambda lot, entries: [*entries, lot.choice(ENTRIES)],
    "an entry twice": lambda lot, entries: _inserted(
        lot, entries, *lot.sample(entries, min(len(entries), 1))
    ),
    "an entry less": _without,
    "an entry replaced": lambda lot, entries: _inserted(
        lot, _without(lot, entries), lot.choice(ENTRIES)
    ),
    "two entries as one": _joined,
    "shuffled": lambda lot, entries: lot.sample(entries, len(entries)),
    "backwards": lambda _, entries: entries[::-1],
    "none": lambda _, __: [],
    "twice": lambda _, entries: [*entries, *copied(entries)],
    "each in a list": lambda _, entries: [[entry] for entry in entries],
    "as one text": lambda lot, entries: lot.choice(" ,\n").join(map(str, entries)),
    "as names of an object": lambda lot, entries: dict.fromkeys(
        map(str, entries), lot.choice(PLAIN)
    ),
    "as an object by number": lambda _, entries: {str(i): each for i, each in enumerate(entries)},
}
OBJECT: Final[Mapping[str, Make]] = {
    "a name more": lambda lot, names: names | {lot.choice(NAMES): lot.choice(PLAIN)},
    "a name imitated": lambda lot, names: names | {_imitated(lot, names): "x"},
    "a name less": lambda lot, names: {key: names[key] for key in _without(lot, list(names))},
    "names in other case": lambda _, names: {name.swapcase(): names[name] for name in names},
    "none": lambda _, __: {},
    "as a list of its names": lambda _, names: list(names),
    "as a list of its values": lambda _, names: list(names.values()),
    "as a list of pairs": lambda _, names: [[name, inner] for name, inner in names.items()],
}
ANY: Final[Mapping[str, Make]] = {
    "null": lambda _, __: None,
    "something else": lambda lot, _: copied(lot.choice(OTHERS)),
    "in a list": lambda lot, value: lot.choice(([value], [value, copied(value)])),
    "in an object": lambda lot, value: {lot.choice(NAMES): value},
    "out of what it is in": lambda _, value: _unwrapped(value),
    "as JSON in a text": lambda _, value: json.dumps(value),
    "nested deep": lambda lot, value: _nested(value, lot.randint(2, DEEPEST)),
}
