"""The classes by which `gcp_types` describes a resource type."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from rehearsal.pulumi_plugins.gcp_arguments import snake
from rehearsal.pulumi_plugins.provider import UNKNOWN, ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rehearsal.pulumi_plugins.provider import Json


SINGULAR = {"allows": "allow", "denies": "deny"}


class Rule(NamedTuple):
    """A condition on the input at a path, if it is set and known; and the message if it fails."""

    path: str
    holds: Callable[[Any], object]
    says: str


class Collection(NamedTuple):
    """The REST collection of a resource type: `path`, with {inputs}, below the API's `root`."""

    root: str
    path: str
    own: str = ""
    """the input that names the resource"""
    query: str = ""
    """the parameter that names a new resource; without it, the name is in the body"""


@dataclass(frozen=True)
class ResourceType:
    """A resource type. A path names an input, or something below it, without list indexes."""

    token: str
    collection: Collection
    _: KW_ONLY
    rest_paths: Mapping[str, str] = field(default_factory=dict)
    """input -> its dotted path in the REST resource"""
    local_inputs: frozenset[str] = frozenset()
    """inputs that are not read from the REST resource: the outputs repeat them"""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """outputs that only the cloud knows: output -> its dotted path in the REST resource"""
    to_rest: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """input -> its conversion to the REST form, if that differs"""
    from_rest: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """input or output -> its conversion from the REST form, if that differs"""
    replaced_on: frozenset[str]
    """paths whose change replaces the resource"""
    removal_ignored: frozenset[str] = frozenset()
    """paths whose removal from the program is no difference: the live value stays"""
    removal_seen: frozenset[str] = frozenset()
    """paths below those whose removal is a difference all the same"""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    delete_first: bool = True
    """whether a replacement deletes before it creates, because a name cannot be used twice"""
    rules: tuple[Rule, ...] = ()
    exactly_one: tuple[str, ...] = ()
    """inputs of which exactly one must be set"""

    @property
    def inputs(self) -> set[str]:
        """Every input that this stand-in knows."""
        return {*self.rest_paths, *self.local_inputs}

    def sendable(self, inputs: Json) -> None:
        """Return if this stand-in knows all inputs; else ProviderError naming the others."""
        require_sendable(inputs, self.inputs, "")

    def body(self, inputs: Json) -> Json:
        """The REST resource of the inputs; ProviderError for an input that cannot be sent."""
        self.sendable(inputs)
        body: Json = {}
        for key in inputs.keys() & self.rest_paths.keys():
            set_at(body, self.rest_paths[key], self.to_rest.get(key, unchanged)(inputs[key]))
        return body

    def broken(self, inputs: Json) -> Iterator[str]:
        """The errors in inputs that have the right types."""
        own = self.collection.own
        if own not in {"", *inputs}:
            yield f'got no "{snake(own)}", expected one: this stand-in makes up no names'
        if self.exactly_one and len(inputs.keys() & {*self.exactly_one}) != 1:
            # The genuine plugin's messages name a list of blocks in the singular.
            names = ",".join(snake(SINGULAR.get(name, name)) for name in self.exactly_one)
            yield f"Invalid combination of arguments: one of `{names}` must be specified"
        for path, holds, says in self.rules:
            value = value_at(inputs, path)
            if value is not None and value != UNKNOWN and not holds(value):
                yield f'"{snake(path)}" ("{value}") {says}'


def paths(same: str, **others: str) -> dict[str, str]:
    """Properties whose names in REST are the same, and others with their REST paths."""
    return {word: word for word in same.split()} | others


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def unchanged(value: Any) -> Any:  # noqa: ANN401  any JSON
    """The value itself: it has one form in both."""
    return value


def value_at(document: Any, path: str) -> Any:  # noqa: ANN401  any JSON
    """The value at a dotted path; None if there is none."""
    for step in path.split("."):
        document = document.get(step) if isinstance(document, dict) else None
    return document


def set_at(document: Json, path: str, value: object) -> None:
    """Set the value at a dotted path."""
    *steps, last = path.split(".")
    for step in steps:
        document = document.setdefault(step, {})
    document[last] = value


def require_sendable(value: Json, keys: set[str], where: str) -> Json:
    """The object, if this stand-in can send all its keys; else ProviderError naming the others."""
    if unsent := sorted(value.keys() - keys):
        raise ProviderError(
            f"got {', '.join(where + key for key in unsent)}, which this stand-in for the gcp "
            "plugin does not send to the cloud: nothing was changed. Leave it out, or use the "
            "genuine plugin."
        )
    return value


def matches(pattern: str, path: str) -> Rule:
    """The text matches all of a pattern."""
    return Rule(path, re.compile(pattern).fullmatch, f'doesn\'t match regexp "^{pattern}$"')


def length(least: int, most: int, path: str) -> Rule:
    """The text has from `least` to `most` characters."""
    says = f"has another length than expected: in the range ({least} - {most})"
    return Rule(path, lambda text: least <= len(text) <= most, says)


def one_of(path: str, *values: str) -> Rule:
    """The text is one of the values."""
    return Rule(path, values.__contains__, f"was expected to be one of {list(values)}")
