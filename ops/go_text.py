"""Reads text as Go's log package writes it: quoted values, and maps without quotes.

On the serial console the launcher prints a token's claims with `%+v`, which drops every quote and
every type. The types are restored by the names of the claims. A text with a space in it cannot be
distinguished from two texts. Cloud Logging has the exact claims.
https://github.com/google/go-tpm-tools/blob/main/launcher/internal/logging/logging.go
"""

from __future__ import annotations

import re
from typing import Any, Final

_PAIR: Final = re.compile(r'(?<!\S)(\w+)=("(?:[^"\\]|\\.)*"|[^\s"]*)')
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<one>[abfnrtv\\\"'])|x(?P<x>[0-9a-f]{2})|u(?P<u>[0-9a-f]{4})|U(?P<U>[0-9a-f]{8}))"
)
_ONE: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_LAST: Final = 0x10FFFF

_KEY: Final = re.compile(r" ?([^\s:\[\]]+):")
_IN_MAP: Final = re.compile(r".*?(?=\]| [A-Za-z_][\w.-]*:|$)", re.DOTALL)
_IN_LIST: Final = re.compile(r"[^ \]]*")
_DEEPEST: Final = 16
"""Claims have five levels."""

_BOOLEANS: Final = ("secboot", "submods.confidential_space.monitoring_enabled.memory")
_NUMBERS: Final = ("exp", "iat", "nbf", "oemid")


def pairs(line: str) -> dict[str, str]:
    """The `key=value` pairs of a line of slog's TextHandler; none in a line of another program.

    If a key is there twice, the first counts: level and message come before the other pairs.
    """
    return {key: unquoted(value) for key, value in reversed(_PAIR.findall(line))}


def unquoted(text: str) -> str:
    """Undo strconv.Quote; a text without quotes stays unchanged."""
    return _ESCAPE.sub(_character, text[1:-1]) if text.startswith('"') else text


def _character(escape: re.Match[str]) -> str:
    if one := escape["one"]:
        return _ONE.get(one, one)
    number = int(escape["x"] or escape["u"] or escape["U"], 16)
    return chr(number) if number <= _LAST else escape[0]


def claims(text: str) -> dict[str, Any]:
    """The claims of a token printed as `map[…]`; ValueError if there is no whole map."""
    if not text.startswith("map["):
        raise ValueError("no map")
    parsed, end = _map(text, 0, 0)
    if end != len(text):
        raise ValueError("more than a map")
    for path in _BOOLEANS:
        _restore_boolean(parsed, path)
    for path in _NUMBERS:
        value = parsed.get(path)
        if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?(e\+\d\d)?", value):
            parsed[path] = int(float(value))
    return parsed


def _restore_boolean(parsed: dict[str, Any], path: str) -> None:
    *parents, leaf = path.split(".")
    for key in parents:
        inner = parsed.get(key)
        if not isinstance(inner, dict):
            return
        parsed = inner
    if parsed.get(leaf) in ("true", "false"):
        parsed[leaf] = parsed[leaf] == "true"


def _value(text: str, at: int, depth: int, scalar: re.Pattern[str]) -> tuple[Any, int]:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if text.startswith("map[", at):
        return _map(text, at, depth)
    if text.startswith("[", at):
        return _list(text, at, depth)
    value = scalar.match(text, at)
    if value is None:
        raise ValueError("no end")
    return (None if value[0] == "<nil>" else value[0]), value.end()


def _map(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    parsed: dict[str, Any] = {}
    at += len("map[")
    while not text.startswith("]", at):
        key = _KEY.match(text, at)
        if key is None:
            raise ValueError("no key")
        if key[1] in parsed:
            raise ValueError("a key twice: a text holds what looks like one")
        parsed[key[1]], at = _value(text, key.end(), depth + 1, _IN_MAP)
    return parsed, at + 1


def _list(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    parsed: list[Any] = []
    if text.startswith("[]", at):
        return parsed, at + 2
    while not text.startswith("]", at):  # the bracket that opens, then each space
        value, at = _value(text, at + 1, depth + 1, _IN_LIST)
        parsed.append(value)
        if not text.startswith((" ", "]"), at):
            raise ValueError("no end of a list")
    return parsed, at + 1
