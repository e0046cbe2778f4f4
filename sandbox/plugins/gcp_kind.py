"""The words in which `gcp_types` describes a resource type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.plugins.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.plugins.gcp_rules import Rule
    from sandbox.plugins.provider import Json


def same(value: Any) -> Any:  # noqa: ANN401  any JSON
    """A value that is written alike on both sides."""
    return value


@dataclass(frozen=True)
class Property:
    """How an input is written in the REST resource, and how it is read from it.

    `rest` empty: never sent. `read` None: never returned, so what was sent is taken to hold.
    """

    rest: str
    write: Callable[[Any], Any] = same
    read: Callable[[Any], Any] | None = same


@dataclass(frozen=True)
class Kind:
    """A resource type. A path names an input, or something below it, without list indexes."""

    properties: Mapping[str, Property]
    outputs: Mapping[str, str]
    """what only the cloud knows: output -> path in the REST resource"""
    replace: frozenset[str]
    """paths whose change replaces the resource"""
    keep: frozenset[str] = frozenset({"project"})
    """paths whose removal from the program changes nothing: what is there stays"""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    autoname: str = ""
    """the input that gets a made-up name when the program gives none"""
    longest: int = 63
    delete_first: bool | None = None
    """whether a replacement deletes before it creates; None: if the program gives the name"""
    rules: tuple[Rule, ...] = ()
    exactly_one: tuple[str, ...] = ()
    """inputs of which one must be given, and no second one"""

    def sendable(self, inputs: Json) -> None:
        """Return if this stand-in can send all inputs; else ProviderError naming the others."""
        only(inputs, " ".join(self.properties), "")

    def body(self, inputs: Json) -> Json:
        """The REST resource that inputs ask for; ProviderError for what can't be sent."""
        self.sendable(inputs)
        body: Json = {}
        for key, value in {**self.defaults, **inputs}.items():
            if self.properties[key].rest:
                put(body, self.properties[key].rest, self.properties[key].write(value))
        return body


def at(document: Any, path: str) -> Any:  # noqa: ANN401  any JSON
    """The value at a dotted path; None if there is none."""
    for step in path.split("."):
        document = document.get(step) if isinstance(document, dict) else None
    return document


def put(document: Json, path: str, value: object) -> None:
    """Set the value at a dotted path."""
    *steps, last = path.split(".")
    for step in steps:
        document = document.setdefault(step, {})
    document[last] = value


def only(value: Json, keys: str, where: str) -> Json:
    """The object if this stand-in can send all of its keys, else ProviderError naming the rest."""
    if unsent := sorted(value.keys() - set(keys.split())):
        raise ProviderError(
            f"got {', '.join(where + key for key in unsent)}, which this stand-in for the gcp "
            "plugin does not send to the cloud: nothing was changed. Leave it out, or use the "
            "genuine plugin."
        )
    return value
