"""The words in which `gcp_types` describes a resource type, and what follows from them alone."""

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
    """What holds for the input at a path, where it is given and known; what to say if not."""

    path: str
    holds: Callable[[Any], object]
    says: str


class Collection(NamedTuple):
    """Where resources of a type are: below `root`, the API, at `path`, which has {inputs}."""

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
    """input -> where it is written in the REST resource and read from it, as a dotted path"""
    local_inputs: frozenset[str] = frozenset()
    """inputs that are not read from the REST resource: what was asked for is taken to hold"""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """what only the cloud knows: output -> path in the REST resource"""
    to_rest: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """how an input is spelled in the REST resource, if not alike"""
    from_rest: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    """how an input or output is made of what the REST resource says, if not alike"""
    replaced_on: frozenset[str]
    """paths whose change replaces the resource"""
    removal_ignored: frozenset[str] = frozenset()
    """paths whose removal from the program changes nothing: what is there stays"""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    delete_first: bool = True
    """whether a replacement deletes before it creates, because a name can't be taken twice"""
    rules: tuple[Rule, ...] = ()
    exactly_one: tuple[str, ...] = ()
    """inputs of which one must be given, and no second one"""

    @property
    def inputs(self) -> set[str]:
        """Every input that there is here."""
        return {*self.rest_paths, *self.local_inputs}

    def sendable(self, inputs: Json) -> None:
        """Return if this stand-in knows all inputs; else ProviderError naming the others."""
        require_sendable(inputs, self.inputs, "")

    def body(self, inputs: Json) -> Json:
        """The REST resource that inputs ask for; ProviderError for what can't be sent."""
        self.sendable(inputs)
        body: Json = {}
        for key in inputs.keys() & self.rest_paths.keys():
            set_at(body, self.rest_paths[key], self.to_rest.get(key, unchanged)(inputs[key]))
        return body

    def broken(self, inputs: Json) -> Iterator[str]:
        """What is wrong with inputs, which are of the right types."""
        own = self.collection.own
        if own not in {"", *inputs}:
            yield f'got no "{snake(own)}", expected one: this stand-in makes up no names'
        if self.exactly_one and len(inputs.keys() & {*self.exactly_one}) != 1:
            # A list of blocks is named in the singular there.
            names = ",".join(snake(SINGULAR.get(name, name)) for name in self.exactly_one)
            yield f"Invalid combination of arguments: one of `{names}` must be specified"
        for path, holds, says in self.rules:
            value = value_at(inputs, path)
            if value is not None and value != UNKNOWN and not holds(value):
                yield f'"{snake(path)}" ("{value}") {says}'


def unchanged(value: Any) -> Any:  # noqa: ANN401  any JSON
    """A value that is written alike on both sides."""
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
    """The object if this stand-in can send all of its keys, else ProviderError naming the rest."""
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
