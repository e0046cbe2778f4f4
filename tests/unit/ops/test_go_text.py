"""The local cloud prints values on the serial console as Go does, and `why` can read them."""

from __future__ import annotations

import json

import pytest

from ops import go_text as reader
from rehearsal.cloud.confidential_space.go_text import attribute, printed

# What `fmt.Printf("%+v")` of Go 1.26 printed for these values, decoded by encoding/json.
JSON = """{"a": 1, "b": 11129, "c": 123456, "d": 1234567, "e": 1790003600, "f": 1e20, "g": 1e21,
"i": 0.5, "j": 0.00001, "k": 12345678901234567890, "l": -1790003600, "o": 100000, "p": 1000000,
"r": null, "s": true, "t": ["a b", "c"], "u": {}, "v": [], "w": ""}"""
GO = (
    "map[a:1 b:11129 c:123456 d:1.234567e+06 e:1.7900036e+09 f:1e+20 g:1e+21 i:0.5 j:1e-05"
    " k:1.2345678901234567e+19 l:-1.7900036e+09 o:100000 p:1e+06 r:<nil> s:true t:[a b c] u:map[]"
    " v:[] w:]"
)


def test_values_are_printed_as_go_prints_them() -> None:
    """Maps by key, texts without quotes, whole numbers as the floats that JSON makes of them."""
    assert printed(json.loads(JSON)) == GO


@pytest.mark.parametrize(
    ("value", "text"),
    [("plain", "plain"), ("", '""'), ("a b", '"a b"'), ("a=b", '"a=b"'), ('"', r'"\""'), (1, "1")],
)
def test_an_attribute_with_an_ambiguous_end_is_quoted(value: object, text: str) -> None:
    """As slog's TextHandler does it."""
    assert attribute(value) == text


def test_claims_in_the_log_are_read_with_their_types() -> None:
    """They are the claims that the launcher printed."""
    claims = {
        "exp": 1790003600,
        "secboot": True,
        "args": ["python", "-m", "workload"],
        "submods": {"confidential_space": {"monitoring_enabled": {"memory": False}}},
    }
    assert reader.claims(printed(claims)) == claims


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("secret", "no map"),
        ("map[a:1] b", "more than a map"),
        ("map[a:1", "no key"),
        ("map[a:1 a:2]", "a key twice"),
        ("map[a:" * 20 + "]" * 20, "nested too deeply"),
        ("map[a:[b", "no end of a list"),
    ],
)
def test_a_garbled_map_is_an_error(text: str, problem: str) -> None:
    """No claim of it is used."""
    with pytest.raises(ValueError, match=problem):
        reader.claims(text)
