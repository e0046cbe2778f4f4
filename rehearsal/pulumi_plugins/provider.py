"""The parts of a provider plugin: a `Provider`, its `Resource` for each type, and its functions.

`grpc_server` has the protocol. In the JSON objects here whole numbers are `int`, nulls are absent,
secrets are plain (the engine marks them again by itself), a value that is not known yet is the
string `UNKNOWN`, and an asset is an object with `path`. Relative paths are relative to the Pulumi
program, because the engine starts a plugin there.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Json = dict[str, Any]

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's sentinel for a value that a preview cannot know."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks an object as an asset."""


class ProviderError(Exception):
    """An operation failed; the engine shows the text word for word."""


class PartlyCreatedError(ProviderError):
    """The resource exists, but its creation did not finish; the engine records it nevertheless."""

    def __init__(self, text: str, identity: str, outputs: Json) -> None:
        super().__init__(text)
        self.identity = identity
        self.outputs = outputs


class Change(NamedTuple):
    """How one property changes: "ADD", "UPDATE" or "DELETE"; and whether it forces replacement."""

    kind: str
    replaces: bool = False


class Difference(NamedTuple):
    """What an update would change, by property path in the engine's notation."""

    changes: Mapping[str, Change]
    delete_before_replace: bool = False


class Resource(Protocol):
    """One resource type. A preview calls `check`, `diff` and `plan`, never the others.

    Every method may raise ProviderError.
    """

    def check(self, name: str, news: Json) -> tuple[Json, list[str]]:
        """The inputs to record, and everything wrong with them; `name` is the logical name."""

    def diff(self, old_inputs: Json, state: Json, news: Json) -> Difference:
        """What changes from the recorded inputs and outputs (`state`) to the new inputs."""

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """The outputs as far as a preview can know them; `state` is None for a new resource."""

    def create(self, inputs: Json) -> tuple[str, Json]:
        """Create it; returns the id and the outputs. PartlyCreatedError if a later step failed."""

    def update(self, identity: str, state: Json, inputs: Json) -> Json:
        """Change it in place; returns the outputs."""

    def read(self, identity: str, state: Json, inputs: Json) -> tuple[Json, Json] | None:
        """The live outputs and the inputs that describe them; None if it does not exist."""

    def delete(self, identity: str, state: Json) -> None:
        """Delete it; no error if it does not exist."""


class Provider:
    """A plugin: its version, its resource types and functions by token."""

    def __init__(
        self,
        version: str,
        resources: Mapping[str, Resource],
        functions: Mapping[str, Callable[[Json], Json]] | None = None,
    ) -> None:
        self.version = version
        self.resources = resources
        self.functions = functions or {}

    def configure(self, config: Json) -> None:
        """Set the configuration; called once, before any call that sends requests."""

    def resource(self, urn: str) -> Resource:
        """The resource type of a URN; ProviderError if this plugin does not have it."""
        token = urn.split("::")[2].rsplit("$", 1)[-1]
        if token not in self.resources:
            raise ProviderError(
                f"got resource type {token}, expected one of {', '.join(self.resources)}: this "
                "stand-in has only what the local cloud has. Use the genuine plugin for the rest."
            )
        return self.resources[token]

    def function(self, token: str) -> Callable[[Json], Json]:
        """The function of a token; ProviderError if this plugin does not have it."""
        if token not in self.functions:
            raise ProviderError(
                f"got function {token}, expected one of {', '.join(self.functions)}: this stand-in"
                " has only what the local cloud has. Use the genuine plugin for the rest."
            )
        return self.functions[token]


def differences(
    old: object,
    new: object,
    same: Callable[[str, Any, Any], bool] = lambda _, old, new: operator.eq(old, new),
    path: str = "",
) -> Iterator[tuple[str, str]]:
    """Each path at which two values are not the `same`, and how ("ADD", "UPDATE", "DELETE").

    A path is in the engine's notation: `metadata.run`, `ports[0]`, or `labels["a.b"]`.
    """
    if same(path, old, new):
        return
    if isinstance(old, dict) and isinstance(new, dict) and SIGNATURE not in {*old, *new}:
        for key in sorted({*old, *new}):
            below = f'{path}["{key}"]' if set('."[]').intersection(key) else f"{path}.{key}"
            yield from differences(old.get(key), new.get(key), same, below.lstrip("."))
    elif isinstance(old, list) and isinstance(new, list):
        length = max(len(old), len(new))
        padded = [[*each, *[None] * (length - len(each))] for each in (old, new)]
        for index, (a, b) in enumerate(zip(*padded, strict=True)):
            yield from differences(a, b, same, f"{path}[{index}]")
    else:
        yield path, "ADD" if old is None else "DELETE" if new is None else "UPDATE"
