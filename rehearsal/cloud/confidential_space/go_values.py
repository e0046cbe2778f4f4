"""Parses values as Go's standard library does, with its error messages.

https://pkg.go.dev/strconv https://pkg.go.dev/encoding/json
"""

from __future__ import annotations

import json
import re

TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
UINT64 = range(2**64)


class GoError(ValueError):
    """Not a valid value; the message is Go's."""


def boolean(text: str) -> bool:
    """A boolean as Go's strconv.ParseBool reads it; GoError in its words."""
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise GoError(f"strconv.ParseBool: parsing {quoted(text)}: invalid syntax")


def unsigned(text: str) -> int:
    """A number as Go's strconv.ParseUint reads it in base 10; GoError in its words."""
    digits = text.lstrip("0") or "0"[: len(text)]
    if re.fullmatch(r"[0-9]+", digits) is None:
        why = "invalid syntax"
    elif len(digits) > len(str(UINT64.stop)) or int(digits) not in UINT64:
        why = "value out of range"
    else:
        return int(digits)
    raise GoError(f"strconv.ParseUint: parsing {quoted(text)}: {why}")


def quoted(text: str) -> str:
    """A text as `%q` prints it, except for characters that cannot be printed."""
    return json.dumps(text, ensure_ascii=False)


def strings(text: str) -> tuple[str, ...]:
    """A JSON array of strings, else GoError; as in Go, null is an empty array or string."""
    try:
        value = json.loads(text or "[]")
    except json.JSONDecodeError as error:
        rest = text[error.pos : error.pos + 1]
        why = f"invalid character '{rest}' looking for beginning of value"
        raise GoError(why if rest else "unexpected end of JSON input") from None
    except RecursionError:
        raise GoError("exceeded max depth") from None
    if value is None:
        return ()
    if not isinstance(value, list):
        raise GoError(f"json: cannot unmarshal {_kind(value)} into Go value of type []string")
    for each in value:
        if not isinstance(each, str | None):
            raise GoError(f"json: cannot unmarshal {_kind(each)} into Go value of type string")
    return tuple(each or "" for each in value)


def _kind(value: object) -> str:
    kinds = {dict: "object", str: "string", bool: "bool", int: "number", float: "number"}
    return kinds.get(type(value), "array")
