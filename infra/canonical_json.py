"""JSON with one form: the same value is the same bytes, and other bytes are refused.

The form: ASCII, sorted keys, two spaces for each level, a line feed at the end; no numbers, because
one number has many spellings. RFC 8785 has no white space, so people could not compare two files.
"""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any, Final, NoReturn

from infra.untrusted_text import described, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEEPEST: Final = 20
_TOO_DEEP: Final = "got JSON that is nested too deeply"
_SHOWN: Final = 100
"""Characters of a text of the file in an error."""


class FormError(ValueError):
    """What is wrong with the bytes: they hold no JSON object that can be taken."""


def canonical(document: Mapping[str, Any]) -> bytes:
    """The one form of a JSON object without numbers."""
    text = json.dumps(document, sort_keys=True, indent=2, ensure_ascii=True)
    return f"{text}\n".encode("ascii")


def parsed(data: bytes, largest: int) -> dict[str, Any]:
    """The object of these bytes, also in another form than the one; FormError if there is none."""
    if len(data) > largest:
        raise FormError(f"got more than {largest:,} bytes")
    if not data.strip():
        raise FormError("got an empty file")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise FormError("got UTF-16, as `>` writes it in PowerShell; use the option --output")
    document = _value(data)
    if not isinstance(document, dict):
        raise FormError(f"got {described(document)}, expected an object")
    if _nested(document):
        raise FormError(_TOO_DEEP)
    return document


def difference(data: bytes, document: Mapping[str, Any]) -> str:
    """What somebody or something did to the form of an object's bytes; empty if it is the one."""
    expected = canonical(document)
    if data == expected:
        return ""
    if data.startswith(codecs.BOM_UTF8):
        return "it begins with a byte order mark, which an editor added"
    if data.replace(b"\r\n", b"\n") == expected:
        return "its lines end as on Windows, which an editor, a mail program or git changed"
    if data.strip() == expected.strip():
        return "it begins or ends with other white space, which an editor or a mail program changed"
    return "its indentation, the order of its keys or the spelling of its texts was changed"


def _value(data: bytes) -> object:
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise FormError(f"got a byte that is not UTF-8 at {error.start}") from error
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_float=_no_number,
            parse_int=_no_number,
        )
    except json.JSONDecodeError as error:
        raise FormError(
            f"got no JSON: {error.msg} in line {error.lineno}; the file begins with"
            f" {shown(text[:_SHOWN].lstrip())}"
        ) from error
    except RecursionError as error:
        raise FormError(_TOO_DEEP) from error
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are there once: two readers could take two different values."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise FormError(f"got the key {shown(twice, _SHOWN)!r} twice in one object")
    return found


def _no_number(number: str) -> NoReturn:
    raise FormError(f"got the number {shown(number, _SHOWN)}, expected texts only")


def _nested(document: object) -> bool:
    """Whether there are many levels: some Pythons read more of them than they can write."""
    level = [document]
    for _ in range(_DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)
