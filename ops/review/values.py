"""Reads values of a preview: nested, absent, unknown before `up`, or of an unexpected type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from infra.untrusted_text import shown
from policy.resource import is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOT_KNOWN: Final = "not known before `up`"
LONGEST: Final = 300
"""Characters of one value in a sentence."""


def at(properties: Mapping[str, Any] | None, *path: str) -> Any:  # noqa: ANN401  any JSON value
    """The value at a path of keys; None if there is none."""
    value: Any = properties
    for key in path:
        if is_unknown(value):
            return value
        value = value.get(key) if isinstance(value, dict) else None
    return value


def text(value: object) -> str:
    """A value in a sentence."""
    if value is None:
        return "nothing"
    if is_unknown(value):
        return NOT_KNOWN
    return shown(value if isinstance(value, str) else json.dumps(value, sort_keys=True), LONGEST)


def differences(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> Iterator[tuple[str, Any, Any]]:
    """Path, old value and new value of each leaf that differs, sorted by path."""
    old, new = dict(_leaves(before or {}, "")), dict(_leaves(after or {}, ""))
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            yield path, old.get(path), new.get(path)


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for number, each in enumerate(value):
            yield from _leaves(each, f"{path}[{number}]")
    elif path:
        yield path, value
