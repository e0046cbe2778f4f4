"""Declares configuration keys as fields of settings classes, and reads such classes.

A field's name in camel case is its key; its type says how the value is read; its `Key` holds the
rule, the default and the description. A field whose type is such a class is an object with keys.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.problems import Rule
    from infra.config.reader import Table

Default = str | tuple[str, ...] | Callable[[Mapping[str, str]], str]
"""A value, or a function that makes it from the texts of the keys before, by their full names."""

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Key:
    """The rule, the default and the description of one key."""

    rule: Rule
    """of a text, of each entry of a list, or of each value of an object of any keys"""
    about: str
    """what it is, in Markdown, for the README"""
    default: Default | None = None
    """None: required, or absent if the type allows None"""
    unset: str = ""
    """for the README: what happens without the key, where no default says it"""
    names: Rule | None = None
    """of the keys of an object of any keys"""


class Declared(NamedTuple):
    """One field of a settings class."""

    field: str
    name: str
    type: Any
    key: Key | None
    """None: an object, whose keys the type declares"""


def declared(kind: type) -> Iterator[Declared]:
    """The keys that a settings class declares, in the order of its fields."""
    for field, hint in get_type_hints(kind, include_extras=True).items():
        first, *rest = field.split("_")
        name = first + "".join(word.capitalize() for word in rest)
        base, *extras = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
        yield Declared(field, name, base, extras[0] if extras else None)


def read(kind: type[Settings], table: Table, before: dict[str, str]) -> Settings:
    """The values of a class's keys; problems go to the table.

    `before` holds the texts that were read before, by their full names, and gets the new ones.
    """
    return kind(**{each.field: _value(each, table, before) for each in declared(kind)})


def _value(each: Declared, table: Table, before: dict[str, str]) -> object:
    name, kind, key = each.name, each.type, each.key
    if key is None:
        return read(kind, table.table(name), before)
    if kind in (tuple[str, ...], tuple[str, ...] | None):
        unset = key.default if isinstance(key.default, tuple) else ()
        entries = table.texts(name, key.rule, default=unset)
        return entries if table.has(name) or kind == tuple[str, ...] else None
    if key.names is not None:
        make = _path if kind == Mapping[str, Path] else str
        pairs = table.pairs(name, key.names, key.rule)
        return {each: make(value) for each, value in pairs.items()}
    text = table.text(name, key.rule, default=default(key, kind, before))
    before[table.full(name)] = text
    if kind is bool:
        return text == "true"
    if kind in (Path, Path | None) and text:
        return _path(text)
    return None if not text and kind in (str | None, Path | None) else text


def default(key: Key, kind: object, before: Mapping[str, str]) -> str | None:
    """The default of a key that holds a text; None where it is required."""
    if isinstance(key.default, str):
        return key.default
    if callable(key.default):
        return key.default(before)
    return "" if kind in (str | None, Path | None) else None


def _path(text: str) -> Path:
    # Path.expanduser raises where a text names the home of a person that does not exist.
    return Path(os.path.expanduser(text))  # noqa: PTH111
