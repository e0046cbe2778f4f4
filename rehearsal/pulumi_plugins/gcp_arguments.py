"""Which arguments a resource of the gcp package takes, read from the installed Python SDK's text.

The SDK is generated from the genuine plugin's schema, so its argument classes say which keys exist
at any depth, their types, and which are required. The text is read and not imported, because an
import takes seconds. Which values are allowed is in `gcp_types`.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, NamedTuple

from rehearsal.pulumi_plugins.install import sdk
from rehearsal.pulumi_plugins.provider import UNKNOWN, Json

_PARAMETER = re.compile(r"^\s+(\w+): (.+?)( = None)?(?:,|\):)$", re.MULTILINE)
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SCALARS = frozenset({"str", "bool", "int", "float"})
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


class Argument(NamedTuple):
    """One key: "list", "map" or "one" of a scalar or of a nested class."""

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
    """`minCpuPlatform` as the genuine plugin's messages spell it: `min_cpu_platform`."""
    return _WORDS.sub("_", name).lower()


def check(token: str, name: str, inputs: Json) -> tuple[Json, list[str]]:
    """The inputs, with "true" as true and "10" as 10 where the types say so; and the errors.

    `name` is the resource's logical name: the paths in the messages begin with it.
    """
    _, module, kind = token.split(":")
    folder = module.split("/", maxsplit=1)[0]
    reading = _Reading(f"{folder}/_inputs", [])
    return reading.members(f"{folder}/{snake(kind)}", kind, inputs, name), reading.failures


class _Reading(NamedTuple):
    nested: str
    """the module with the classes of nested objects"""
    failures: list[str]

    def members(self, module: str, kind: str, raw: Json, where: str) -> Json:
        expected = arguments(module, kind)
        for key, argument in expected.items():
            if argument.required and key not in raw:
                reason = f'Missing required argument. The argument "{snake(key)}" is required, but'
                self.fail(f"{reason} no definition was found.", f"{where}.{key}")
        for key in raw.keys() - expected.keys():
            self.fail("Invalid or unknown key", f"{where}.{key}")
        return {
            k: self.value(expected[k], v, f"{where}.{k}") for k, v in raw.items() if k in expected
        }

    def value(self, argument: Argument, raw: Any, where: str) -> Any:  # noqa: ANN401  any JSON
        form, of, _ = argument
        if form == "list" and isinstance(raw, list):
            one = Argument("one", of, required=True)
            return [self.value(one, each, f"{where}[{i}]") for i, each in enumerate(raw)]
        if form == "one" and of in _SCALARS:
            text = raw if isinstance(raw, str) else json.dumps(raw)
            if of == "bool" and text in _BOOLEANS:
                return _BOOLEANS[text]
            if of == "int" and re.fullmatch(r"-?\d+", text):
                return int(text)
            if of == "float" and re.fullmatch(r"-?\d+(\.\d+)?", text):
                return float(text)
            fits = of == "str" and not isinstance(raw, dict | list)
            raw = text if fits else raw
        else:
            fits = form != "list" and isinstance(raw, dict)
            if fits and form == "one" and not of.startswith("pulumi."):  # an asset is no class
                return self.members(self.nested, of, raw, where)
        if not fits and raw != UNKNOWN:
            expected = {"list": "a list", "map": "a map"}.get(form, f"a {of}")
            self.fail(f"expected {expected}, got {json.dumps(raw)}", where)
        return raw

    def fail(self, reason: str, where: str) -> None:
        self.failures.append(f"{reason}. Examine values at '{where}'.")
