"""Declares configuration keys as fields of settings classes, and reads such classes.

A field's name in camel case is its key; its type says how the value is read; its `Key` holds the
rule, the default and the description. A field whose type is such a class is an object with keys; a
field whose type maps texts to such a class is an object of such objects, each under a free name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.config.problems import Rule
    from infra.config.reader import Table

Default = str | tuple[str, ...] | Callable[[Mapping[str, str]], str]
"""A value, or a function that makes it from the texts of the keys before, by their full names.

A key of the same object also has the name `.KEY`, and in an object under a free name, that free
name is `.`."""

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Key:
    """The rule, the default and the description of one key."""

    rule: Rule
    """of a text, of each entry of a list, or of each value of an object of any keys; of objects
    under free names, it says what those are"""
    about: str
    """what it is, in Markdown, for docs/configuration.md"""
    default: Default | None = None
    """None: required, or absent if the type allows None"""
    unset: str = ""
    """for docs/configuration.md: what happens without the key, where no default says it"""
    names: Rule | None = None
    """of the keys of an object of any keys, or of the free names of objects"""


class Declared(NamedTuple):
    """One field of a settings class."""

    field: str
    name: str
    type: Any
    key: Key | None
    """None: an object, whose keys the type declares"""
    of: Any = None
    """the class of each object under a free name; None if the field is no such object"""


def declared(kind: type) -> Iterator[Declared]:
    """The keys that a settings class declares, in the order of its fields."""
    for field, hint in get_type_hints(kind, include_extras=True).items():
        first, *rest = field.split("_")
        name = first + "".join(word.capitalize() for word in rest)
        base, *extras = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
        if isinstance(base, UnionType) and is_dataclass(get_args(base)[0]):
            base = get_args(base)[0]
        of = get_args(base)[1] if get_origin(base) is Mapping else None
        yield Declared(
            field, name, base, extras[0] if extras else None, of if is_dataclass(of) else None
        )


def read(
    kind: type[Settings],
    table: Table,
    before: dict[str, str],
    absent: Collection[str] = (),
) -> Settings:
    """The values of a class's keys; problems go to the table.

    `before` holds the texts that were read before, by their full names, and gets the new ones.
    `absent` names objects that are None, whatever their keys' defaults are.
    """
    for name in absent:
        table.table(name)  # so that a misspelt key can be told that this is one
    return kind(
        **{
            each.field: None if each.name in absent else _value(each, table, before)
            for each in declared(kind)
        }
    )


def _value(each: Declared, table: Table, before: dict[str, str]) -> object:
    name, kind, key = each.name, each.type, each.key
    if key is None:
        return read(kind, table.table(name), before)
    if key.names is not None:
        return _named(each, key, key.names, table, before)
    if kind in (tuple[str, ...], tuple[str, ...] | None):
        unset = key.default if isinstance(key.default, tuple) else ()
        entries = table.texts(name, key.rule, default=unset)
        return entries if table.has(name) or kind == tuple[str, ...] else None
    known = _with_short_names(table.full(""), before)
    text = table.text(name, key.rule, default=default(key, kind, known))
    before[table.full(name)] = text
    if kind is bool:
        # Nothing under the key can be meant as either.
        if table.is_empty(name):
            table.refuse(name)
        return text == "true"
    return _typed(kind, text)


def _typed(kind: object, text: str) -> object:
    if kind is int:
        return int(text or 0)  # 0 where a problem is reported
    if kind in (Path, Path | None) and text:
        return _path(text)
    return None if not text and kind in (str | None, Path | None) else text


def _named(
    each: Declared, key: Key, names: Rule, table: Table, before: dict[str, str]
) -> Mapping[str, object]:
    """An object of any keys: texts, paths, or objects under free names."""
    if each.of is not None:
        objects = table.objects(each.name, names, key.rule)
        return {one: _object(each.of, one, inner, before) for one, inner in objects.items()}
    make = _path if each.type == Mapping[str, Path] else str
    pairs = table.pairs(each.name, names, key.rule)
    return {one: make(value) for one, value in pairs.items()}


def _object(kind: type[Settings], name: str, table: Table, before: dict[str, str]) -> Settings:
    before[table.full("")] = name
    return read(kind, table, before)


def _with_short_names(prefix: str, before: Mapping[str, str]) -> dict[str, str]:
    """The texts; those of the object with this prefix, and of all above it, by short names too."""
    above = [prefix[: found.end()] for found in re.finditer(r"\.", prefix)]
    short = {
        f".{key.removeprefix(each)}": text
        for each in above
        for key, text in before.items()
        if key.startswith(each)
    }
    return {**before, **short}


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
