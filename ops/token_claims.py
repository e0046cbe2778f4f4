"""Claims out of a token or a JSON text, if Google's engine can evaluate them."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any, Final

from ops import cel_engine
from ops.evidence import ACCEPTED, EvidenceError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEEPEST: Final = 32
"""Claims have five levels; Google's engine gives up before a hundred."""
_INTEGERS: Final = range(-(2**63), 2**63)


def of_token(token: str) -> Mapping[str, Any]:
    """The claims of a token; EvidenceError if it is cut off or garbled. No signature is checked."""
    part = token.split(".")[1]
    try:
        decoded = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvidenceError(
            "got what looks like a token, but its second part is not base64url; was it cut off?"
            f" {ACCEPTED}"
        ) from error
    objects = json_objects(decoded.decode(errors="replace"))
    if len(objects) != 1:
        raise EvidenceError(
            f"got what looks like a token, but its second part is no JSON object. {ACCEPTED}"
        )
    return checked(objects[0])


def json_objects(text: str) -> list[dict[str, Any]]:
    """The objects of a JSON text: one, an array of them, or one in each line; else none."""
    if not text.startswith(("{", "[")):
        return []
    try:
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = [json.loads(line) for line in text.split("\n") if line.strip()]
    except ValueError:
        return []
    except RecursionError as error:
        raise EvidenceError(f"got JSON that is nested too deeply. {ACCEPTED}") from error
    objects = parsed if isinstance(parsed, list) else [parsed]
    return objects if all(isinstance(each, dict) for each in objects) else []


def checked(claims: object) -> Mapping[str, Any]:
    """The claims, if Google's engine can evaluate them; EvidenceError if not."""
    if not isinstance(claims, dict):
        raise EvidenceError(f"got claims that are no JSON object. {ACCEPTED}")
    if not _is_evaluable(claims, _DEEPEST):
        raise EvidenceError(
            f"got claims with more than {_DEEPEST} levels, or with a NUL, half a character or a"
            " number of more than 64 bits. Google's engine cannot evaluate them here, and Google's"
            f" attestation service does not write them. {ACCEPTED}"
        )
    return claims


def _is_evaluable(value: object, depth: int) -> bool:
    match value:
        case str():
            return not cel_engine.UNUSABLE_TEXT.search(value)
        case dict():
            return depth > 0 and all(
                _is_evaluable(v, depth - 1) for pair in value.items() for v in pair
            )
        case list():
            return depth > 0 and all(_is_evaluable(v, depth - 1) for v in value)
        case bool():
            return True
        case int():
            return value in _INTEGERS
        case _:
            return True
