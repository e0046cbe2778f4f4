"""Which arguments a resource of the gcp package takes, read from the installed Python SDK's text.

The SDK is generated from the genuine plugin's schema, so its argument classes say which keys exist
at any depth, of which type, and which are required. Its text is read and never imported: importing
takes seconds, a plugin has to be there at once. Which values are allowed is in `gcp_types`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from sandbox.plugins.install import sdk
from sandbox.plugins.provider import DEFAULTS, UNKNOWN, Json

_PARAMETER = re.compile(r"^\s+(\w+): (.+?)( = None)?(?:,|\):)$", re.MULTILINE)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True)
class Argument:
    """One key: "list", "map" or "one" of a scalar (`str`, `bool`, `int`) or of a nested class."""

    form: str
    of: str
    required: bool


@cache
def arguments(module: str, kind: str) -> dict[str, Argument]:
    """The arguments of one class of the SDK, in the engine's spelling."""
    text = (sdk("gcp") / f"{module}.py").read_text("utf-8")
    start = text.index(f"\nclass {kind}Args:\n")
    header = text[start : text.index('"""', start)]
    return {
        re.sub("_(.)", lambda found: found[1].upper(), name): _argument(annotation, optional == "")
        for name, annotation, optional in _PARAMETER.findall(header)
    }


def _argument(annotation: str, required: bool) -> Argument:
    bare = re.sub(r"pulumi\.Input\[|Optional\[|_builtins\.|\]", "", annotation)
    form = {"Sequence": "list", "Mapping": "map"}.get(bare.split("[")[0], "one")
    return Argument(form, re.split(r"[\[ ]", bare)[-1].strip("'").removesuffix("Args"), required)


def snake(name: str) -> str:
    """`minCpuPlatform` as the plugin's messages spell it: `min_cpu_platform`."""
    return _WORDS.sub("_", name).lower()


def check(token: str, name: str, inputs: Json) -> tuple[Json, list[str]]:
    """The inputs, with "true" as true and "10" as 10 where such are expected; what is wrong.

    `name` is the resource's logical name, with which the messages begin their paths.
    """
    _, module, kind = token.split(":")
    folder = module.split("/", maxsplit=1)[0]
    reading = _Reading(f"{folder}/_inputs", [])
    return reading.members(f"{folder}/{snake(kind)}", kind, inputs, name), reading.failures


@dataclass
class _Reading:
    inputs: str
    """the module with the nested classes"""
    failures: list[str]

    def members(self, module: str, kind: str, given: Json, where: str) -> Json:
        known = arguments(module, kind)
        for key, argument in known.items():
            if argument.required and given.get(key) is None:
                self._fail(
                    f'Missing required argument. The argument "{snake(key)}" is required, but no '
                    "definition was found.",
                    f"{where}.{key}",
                )
        checked: Json = {}
        for key, value in given.items():
            if key == DEFAULTS:
                checked[key] = value
            elif key in known:
                checked[key] = self._value(known[key], value, f"{where}.{key}")
            else:
                self._fail("Invalid or unknown key", f"{where}.{key}")
        return checked

    def _value(self, argument: Argument, value: Any, where: str) -> Any:  # noqa: ANN401  any JSON
        if value == UNKNOWN:
            return value
        if argument.form == "list":
            if not isinstance(value, list):
                return self._unexpected("a list", value, where)
            one = Argument("one", argument.of, required=True)
            return [self._value(one, e, f"{where}[{i}]") for i, e in enumerate(value)]
        if argument.form == "one" and argument.of in {"str", "bool", "int"}:
            return self._scalar(argument.of, value, where)
        if not isinstance(value, dict):
            return self._unexpected("a map", value, where)
        plain = argument.form == "map" or argument.of.startswith("pulumi.")  # an asset
        return value if plain else self.members(self.inputs, argument.of, value, where)

    def _scalar(self, kind: str, value: Any, where: str) -> Any:  # noqa: ANN401  any JSON
        if isinstance(value, dict | list):
            return self._unexpected(f"a {kind}", value, where)
        text = value if isinstance(value, str) else json.dumps(value)
        if kind == "str":
            return text
        if kind == "bool":
            return (
                _BOOLEANS[text] if text in _BOOLEANS else self._unexpected("a bool", value, where)
            )
        whole = re.fullmatch(r"-?\d+", text)
        return int(text) if whole else self._unexpected("an int", value, where)

    def _unexpected(self, expected: str, value: Any, where: str) -> Any:  # noqa: ANN401  any JSON
        self._fail(f"expected {expected}, got {json.dumps(value)}", where)
        return value

    def _fail(self, reason: str, where: str) -> None:
        self.failures.append(f"{reason}. Examine values at '{where}'.")
