"""Checks a request with Google's discovery documents: the method that it calls, and its errors.

The documents come with google-api-python-client, one for each API and version. They define the
fields and their types. Rules in their prose are not checked: which fields go together, and the
syntax of a condition, a role or a member.
https://developers.google.com/discovery/v1/reference/apis
https://developers.google.com/discovery/v1/type-format
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from googleapiclient.discovery_cache import get_static_doc
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema import ValidationError

    from tests.contract.recorded import Request

Json = dict[str, Any]

FORMATS: dict[str, Json] = {
    "int64": {"pattern": "^-?[0-9]{1,19}$"},  # in a string: a number in JSON may lose digits
    "uint64": {"pattern": "^[0-9]{1,20}$"},
    "int32": {"minimum": -(2**31), "maximum": 2**31 - 1},
    "uint32": {"minimum": 0, "maximum": 2**32 - 1},
}
"""The ranges of the formats of integers; no other format is checked."""

OUTPUT_ONLY = ("[Output Only]", "Output only.")
"""The start of the description of such a field, if nothing else marks it."""

NEVER: Json = {"not": {}}
"""The schema of a field that only the cloud sets."""


class Verdict(NamedTuple):
    """The result for a request."""

    method: str
    """the id of the method that it calls; empty if there is none"""
    problems: list[str]


class Method(NamedTuple):
    """A method of an API with one of its paths."""

    path: re.Pattern[str]
    definition: Json
    weight: int
    """how much of the path is fixed: `{name}:undelete` is also a `{name}`"""


def check(request: Request) -> Verdict:
    """The method that a request calls, and all errors by its document."""
    api, version = request.host.partition(".")[0], _version(request.path)
    document = _document(api, version)
    if not document:
        return Verdict("", [f"no document for {request.host}{request.path}"])
    fitting = [
        (method, found)
        for method in _methods(api, version)
        if method.definition["httpMethod"] == request.verb
        if (found := method.path.fullmatch(request.path))
    ]
    if not fitting:
        return Verdict("", [f"no method for {request.verb} {request.path}"])
    method, found = max(fitting, key=lambda each: each[0].weight)
    in_path = tuple((name, unquote(value)) for name, value in found.groupdict().items())
    definition = method.definition
    problems = [
        *_parameters(document, definition, "path", in_path),
        *_parameters(document, definition, "query", request.query),
    ]
    if "request" in definition:
        validator = _validator(api, version, definition["id"], definition["request"]["$ref"])
        problems += map(_message, validator.iter_errors(json.loads(request.body or "{}")))
    elif request.body:
        problems.append("got a body, expected none")
    return Verdict(definition["id"], problems)


def _json_schema(node: Json, method: str = "") -> Json:
    """A schema or parameter of a document as JSON Schema 2020-12, for the body of one method."""
    if "$ref" in node:
        return {"$ref": f"#/$defs/{node['$ref']}"}
    if node["type"] == "any":
        return {}
    schema: Json = {"type": node["type"], **FORMATS.get(node.get("format", ""), {})}
    schema |= {bound: float(node[bound]) for bound in ("minimum", "maximum") if bound in node}
    if "enum" in node:
        schema["enum"] = node["enum"]
    if "pattern" in node:  # JSON Schema is content with a match anywhere
        schema["pattern"] = f"^(?:{node['pattern']})$"
    if "items" in node:
        schema["items"] = _json_schema(node["items"], method)
    if node["type"] == "object":
        fields = node.get("properties", {})
        others = node.get("additionalProperties")
        schema["properties"] = {
            name: NEVER if _output_only(field) else _json_schema(field, method)
            for name, field in fields.items()
        }
        schema["additionalProperties"] = False if others is None else _json_schema(others, method)
        schema["required"] = [
            name
            for name, field in fields.items()
            if method in field.get("annotations", {}).get("required", [])
        ]
    return schema


def _output_only(field: Json) -> bool:
    return bool(field.get("readOnly")) or field.get("description", "").startswith(OUTPUT_ONLY)


def _version(path: str) -> str:
    """The version in a path: /v1/projects/…, /storage/v1/b/…, /compute/beta/projects/…."""
    found = re.search("/(v[0-9][a-z0-9]*|alpha|beta)/", path)
    return found[1] if found else ""


@functools.cache
def _document(api: str, version: str) -> Json:
    """The document; empty if there is none."""
    document: Json = json.loads(get_static_doc(api, version) or "{}")
    return document


@functools.cache
def _methods(api: str, version: str) -> list[Method]:
    document = _document(api, version)
    found = []
    for definition in _definitions(document):
        paths = [f"/{document['servicePath']}{definition['path']}"]
        uploads = definition.get("mediaUpload", {}).get("protocols", {})
        paths += [protocol["path"] for protocol in uploads.values()]
        for path in paths:
            weight = len(re.sub(r"\{.*?\}", "", path))
            found.append(Method(_path(path, definition["parameters"]), definition, weight))
    return found


def _definitions(part: Json) -> Iterator[Json]:
    yield from part.get("methods", {}).values()
    for inner in part.get("resources", {}).values():
        yield from _definitions(inner)


def _path(template: str, parameters: Json) -> re.Pattern[str]:
    """The pattern of a path. `{+name}` spans several segments, by its own pattern."""
    pattern = ""
    for fixed, plus, name in re.findall(r"([^{]*)(?:\{(\+?)(.+?)\})?", template):
        own = parameters[name]["pattern"].strip("^$") if plus else "[^/]+"
        pattern += re.escape(fixed) + (f"(?P<{name}>{own})" if name else "")
    return re.compile(pattern)


def _parameters(
    document: Json, definition: Json, place: str, given: tuple[tuple[str, str], ...]
) -> Iterator[str]:
    """The errors in the parameters of the path or of the query."""
    every = {**document.get("parameters", {}), **definition["parameters"]}
    known = {name: each for name, each in every.items() if each["location"] == place}
    for name, value in given:
        if name not in known:
            yield f"{place}: {name} is unknown"
            continue
        validator = Draft202012Validator(_json_schema(known[name]))
        for error in validator.iter_errors(_typed(value, known[name]["type"])):
            yield f"{place}: {name}: {error.message}"
    for name in known.keys() - dict(given).keys():
        if known[name].get("required"):
            yield f"{place}: {name} is missing"


def _typed(value: str, kind: str) -> object:
    """A parameter's text as a value of its type, or unchanged if that fails."""
    try:
        return value if kind == "string" else json.loads(value)
    except ValueError:
        return value


@functools.cache
def _validator(api: str, version: str, method: str, schema: str) -> Draft202012Validator:
    schemas = _document(api, version)["schemas"]
    definitions = {name: _json_schema(each, method) for name, each in schemas.items()}
    return Draft202012Validator({"$ref": f"#/$defs/{schema}", "$defs": definitions})


def _message(error: ValidationError) -> str:
    message = "is set by the cloud only" if error.schema == NEVER else error.message
    return f"{error.json_path}: {message}"
