"""Operations on one JSON value, by its type: each makes another value of it, at random.

`claim_mutations` chooses the value. No operation depends on the meaning of a claim.
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
"""Values of every type, to replace another."""

ENTRIES: tuple[Any, ...] = ("STABLE", "UNSTABLE", "DEBUG", "-c", "", "x@y.example", *OTHERS)
"""Entries to put into a list."""

NAMES = ("LD_PRELOAD", "PYTHONPATH", "MODEL_URI", "model_uri", "STABLE", "memory", "0")
"""Names to put into an object."""


def copied(value: Any) -> Any:
    """A deep copy."""
    return json.loads(json.dumps(value))


def _with(rng: Random, text: str, added: str) -> str:
    at = rng.choice((0, len(text), rng.randint(0, len(text))))
    return text[:at] + added + text[at:]


def _one(rng: Random, text: str, make: Callable[[str], str]) -> str:
    at = rng.randrange(len(text) or 1)
    return text[:at] + "".join(map(make, text[at : at + 1])) + text[at + 1 :]


def _inserted(rng: Random, entries: list[Any], *added: Any) -> list[Any]:
    at = rng.randint(0, len(entries))
    return [*entries[:at], *map(copied, added), *entries[at:]]


def _without(rng: Random, entries: list[Any]) -> list[Any]:
    at = rng.randrange(len(entries) or 1)
    return [*entries[:at], *entries[at + 1 :]]


def _joined(rng: Random, entries: list[Any]) -> list[Any]:
    at = rng.randrange(len(entries) or 1)
    return [*entries[:at], " ".join(map(str, entries[at : at + 2])), *entries[at + 2 :]]


def _unwrapped(value: Any) -> Any:
    inner = list(value.values()) if isinstance(value, dict) else value
    return inner[0] if isinstance(inner, list) and inner else inner


def _nested(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


TEXT: Final[Mapping[str, Make]] = {
    "in other case": lambda rng, text: rng.choice(
        (text.swapcase(), text.upper(), text.lower(), text.title())
    ),
    "with white space": lambda rng, text: _with(rng, text, rng.choice(SPACES)),
    "with a control character": lambda rng, text: _with(rng, text, rng.choice(CONTROLS)),
    "with a combining character": lambda rng, text: _with(rng, text, rng.choice(COMBINING)),
    "with a look-alike": lambda rng, text: _one(
        rng, text, lambda letter: IMITATIONS.get(letter, letter.translate(FULL_WIDTH))
    ),
    "in full width": lambda _, text: text.translate(FULL_WIDTH),
    "with another letter": lambda rng, text: _one(
        rng, text, lambda _: rng.choice("0123456789abcdefX-")
    ),
    "cut short": lambda rng, text: rng.choice((text[1:], text[:-1], text[: len(text) // 2])),
    "with something after it": lambda rng, text: text + rng.choice((*CEL, ",", "/", text, "x")),
    "with something before it": lambda rng, text: rng.choice((*CEL, ",", "/", "x")) + text,
    "CEL": lambda rng, _: rng.choice(CEL),
    "empty": lambda _, __: "",
    "very long": lambda rng, text: (text * rng.choice((2, 50, 500)))[:LONGEST],
    "backwards": lambda _, text: text[::-1],
    "as a list of its letters": lambda _, text: list(text[:80]),
    "as a number": lambda _, text: (
        int(text[:40]) if text.isascii() and text.isdigit() else len(text)
    ),
}


def _imitated(rng: Random, names: dict[str, Any]) -> str:
    imitation: str = TEXT[rng.choice(tuple(TEXT)[:10])](rng, rng.choice((*names, *NAMES)))
    return imitation


NUMBER: Final[Mapping[str, Make]] = {
    "another": lambda rng, _: rng.choice((*NUMBERS, *FLOATS)),
    "one more": lambda _, number: number + 1,
    "as a fraction": lambda _, number: float(number),
    "as a text": lambda _, number: str(number),
}
FLAG: Final[Mapping[str, Make]] = {
    "the other way": lambda _, flag: not flag,
    "as a number": lambda rng, flag: rng.choice((int(flag), float(flag))),
    "as a text": lambda rng, flag: rng.choice((str(flag), str(flag).lower())),
}
LIST: Final[Mapping[str, Make]] = {
    "an entry more": lambda rng, entries: _inserted(rng, entries, rng.choice(ENTRIES)),
    "an entry at the end": lambda rng, entries: [*entries, rng.choice(ENTRIES)],
    "an entry twice": lambda rng, entries: _inserted(
        rng, entries, *rng.sample(entries, min(len(entries), 1))
    ),
    "an entry less": _without,
    "an entry replaced": lambda rng, entries: _inserted(
        rng, _without(rng, entries), rng.choice(ENTRIES)
    ),
    "two entries as one": _joined,
    "shuffled": lambda rng, entries: rng.sample(entries, len(entries)),
    "backwards": lambda _, entries: entries[::-1],
    "none": lambda _, __: [],
    "twice": lambda _, entries: [*entries, *copied(entries)],
    "each in a list": lambda _, entries: [[entry] for entry in entries],
    "as one text": lambda rng, entries: rng.choice(" ,\n").join(map(str, entries)),
    "as names of an object": lambda rng, entries: dict.fromkeys(
        map(str, entries), rng.choice(PLAIN)
    ),
    "as an object by number": lambda _, entries: {str(i): each for i, each in enumerate(entries)},
}
OBJECT: Final[Mapping[str, Make]] = {
    "a name more": lambda rng, names: names | {rng.choice(NAMES): rng.choice(PLAIN)},
    "a name imitated": lambda rng, names: names | {_imitated(rng, names): "x"},
    "a name less": lambda rng, names: {key: names[key] for key in _without(rng, list(names))},
    "names in other case": lambda _, names: {name.swapcase(): names[name] for name in names},
    "none": lambda _, __: {},
    "as a list of its names": lambda _, names: list(names),
    "as a list of its values": lambda _, names: list(names.values()),
    "as a list of pairs": lambda _, names: [[name, inner] for name, inner in names.items()],
}
ANY: Final[Mapping[str, Make]] = {
    "null": lambda _, __: None,
    "something else": lambda rng, _: copied(rng.choice(OTHERS)),
    "in a list": lambda rng, value: rng.choice(([value], [value, copied(value)])),
    "in an object": lambda rng, value: {rng.choice(NAMES): value},
    "out of what it is in": lambda _, value: _unwrapped(value),
    "as JSON in a text": lambda _, value: json.dumps(value),
    "nested deep": lambda rng, value: _nested(value, rng.randint(2, DEEPEST)),
}
