"""A handover file has one form and an end, and everything else is refused with its reason."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import handover_file
from infra.handover import HandoverError
from infra.handover_file import FROM_AUTHOR, FROM_OPERATOR, HandoverFile, made, read

NOW = dt.datetime(2026, 11, 27, 8, 30, 15, 999, tzinfo=dt.UTC)
VALUES = {"project": "secundus-vision", "projectNumber": "222222222222"}
FILE = made(FROM_OPERATOR, VALUES, NOW, 90)
BYTES = FILE.written()


def test_the_file_is_json_with_sorted_keys_and_one_line_end() -> None:
    """Two people read and compare it, and git shows each changed value as one line."""
    assert BYTES.decode() == (
        "{\n"
        '  "expires": "2027-02-25T08:30:15Z",\n'
        '  "issued": "2026-11-27T08:30:15Z",\n'
        '  "operator": {\n'
        '    "project": "secundus-vision",\n'
        '    "projectNumber": "222222222222"\n'
        "  },\n"
        '  "schema": "confidential-inference/handover-from-operator/v1"\n'
        "}\n"
    )


def test_the_order_of_the_values_changes_no_byte() -> None:
    """The same values have one form."""
    assert made(FROM_OPERATOR, dict(reversed(VALUES.items())), NOW, 90).written() == BYTES


TEXTS = st.recursive(
    st.text() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), TEXTS), st.sampled_from(handover_file.KINDS))
def test_what_is_written_is_read_again(values: dict[str, Any], kind: handover_file.Kind) -> None:
    """Any values without numbers: later versions may say more."""
    file = made(kind, values, NOW, 1)
    assert read(file.written(), "FILE") == file


def test_the_hash_is_that_of_the_bytes() -> None:
    """`sha256sum` prints it."""
    assert read(BYTES, "FILE").sha256 == hashlib.sha256(BYTES).hexdigest()


def changed(**keys: Any) -> bytes:
    """The file with other keys (None removes one), in its form."""
    document = {**json.loads(BYTES), **keys}
    kept = {key: value for key, value in document.items() if value is not None}
    return (json.dumps(kept, sort_keys=True, indent=2) + "\n").encode()


def inside(value: bytes) -> bytes:
    """The file with other bytes in the place of one value."""
    return BYTES.replace(b'"secundus-vision"', value)


REFUSED = {
    "nothing": (b"", "got an empty file"),
    "white space": (b" \n\n", "got an empty file"),
    "too much": (b" " * (handover_file.LARGEST + 1), "got more than 65,536 bytes"),
    "a page of a login": (
        b"<!DOCTYPE html><title>Sign in</title>",
        "got no JSON: Expecting value in line 1; the file begins with <!DOCTYPE html>",
    ),
    "half of it": (BYTES[:100], "got no JSON: .* in line 5"),
    "two files": (BYTES + BYTES, "got no JSON: Extra data in line 10"),
    "PowerShell's UTF-16": (BYTES.decode().encode("utf-16"), "got UTF-16, .* option --output"),
    "a byte of Latin-1": (inside(b'"caf\xe9"'), "got a byte that is not UTF-8 at 110"),
    "a key twice": (
        inside(b'"evil-project", "project": "secundus-vision"'),
        "got the key 'project' twice in one object",
    ),
    "an escaped key twice": (
        inside(b'"evil-project", "\\u0070roject": "secundus-vision"'),
        "got the key 'project' twice in one object",
    ),
    "NaN": (inside(b"NaN"), "got the number NaN, expected texts only"),
    "a number out of range": (inside(b"1e999"), "got the number 1e999, expected texts only"),
    "a long number": (inside(b"9" * 5000), r"got the number 9{100}… \(5000 characters\)"),
    "deep lists": (inside(b"[" * 30_000 + b"]" * 30_000), "got JSON that is nested too deeply"),
    "a list": (b"[]\n", r"got \[\], expected an object"),
    "no schema": (changed(schema=None), "has the schema None, expected"),
    "another version": (
        BYTES.replace(b"/v1", b"/v2"),
        "has the schema '.*/v2', expected .*Use the same version",
    ),
    "an output of a stack": (
        b'{"schema": "confidential-inference/handover/v1"}',
        "holds an output of stack primus, .*handover export --stack primus --output FILE",
    ),
    "no time": (changed(issued=None), "issued: got None, expected a time in UTC"),
    "no day": (changed(issued="2026-02-31T00:00:00Z"), "issued: got '2026-02-31.*expected a time"),
    "a local time": (changed(expires="2027-02-25T08:30:15+01:00"), "expires: got .*a time in UTC"),
    "a time of another century": (changed(issued="0001-01-01T00:00:00Z"), "issued: got .0001"),
    "a time as a list": (changed(expires=["2027-02-25T08:30:15Z"]), r"expires: got \["),
    "the end first": (
        changed(expires="2026-11-27T08:30:15Z"),
        "expires: got 2026-11-27T08:30:15Z, expected a time after issued",
    ),
    "no values": (changed(operator=None), "operator: got None, expected an object"),
    "values as a text": (changed(operator="x"), "operator: got 'x', expected an object"),
    "a key more": (changed(signature="x"), "signature: not part of confidential-inference/handov"),
    "values of both": (changed(handover={}), "handover: not part of .*-from-operator/v1"),
    "line ends of Windows": (BYTES.replace(b"\n", b"\r\n"), "its lines end as on Windows"),
    "a byte order mark": (b"\xef\xbb\xbf" + BYTES, "it begins with a byte order mark"),
    "no line end": (BYTES[:-1], "it begins or ends with other white space"),
    "another indentation": (
        json.dumps(json.loads(BYTES), indent=4).encode(),
        "its indentation, the order of its keys or the spelling",
    ),
    "another order": (
        json.dumps(dict(reversed(json.loads(BYTES).items())), indent=2).encode() + b"\n",
        "its indentation, the order of its keys or the spelling",
    ),
    "an escaped letter": (inside(b'"\\u0073ecundus-vision"'), "the spelling of its texts"),
    "a letter that is not ASCII": (inside('"é"'.encode()), "the spelling of its texts"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED)
def test_another_form_is_refused_with_its_reason(data: bytes, message: str) -> None:
    """Two readers could take two values of it, or it is not what the other company wrote."""
    with pytest.raises(HandoverError, match=f"(?s)^FILE .*{message}") as told:
        read(data, "FILE")
    assert "nothing was changed" in str(told.value)


@pytest.mark.parametrize(("depth", "deep"), [(17, False), (18, True), (100, True)])
def test_more_than_a_few_levels_are_refused(depth: int, *, deep: bool) -> None:
    """Some Pythons read JSON that is nested deeper than they can write."""
    lists: list[Any] = []
    for _ in range(depth):
        lists = [lists]
    data = changed(operator={"project": lists})
    if deep:
        with pytest.raises(HandoverError, match="nested too deeply"):
            read(data, "FILE")
    else:
        assert read(data, "FILE").written() == data


def test_all_problems_are_reported_together() -> None:
    """The sender corrects the file once."""
    data = changed(issued="x", expires="y", operator="z", **{f"key {n}": "k" for n in range(7)})
    with pytest.raises(HandoverError) as told:
        read(data, "FILE")
    reported = [line.split(":")[0] for line in str(told.value).splitlines()[1:-1]]
    assert reported == [
        "  - issued",
        "  - expires",
        "  - operator",
        *(f"  - key {n}" for n in range(5)),
        "  - 2 more such keys",
    ]


EVIL = "\x1b]0;x\x07\n  - image: fine\u2028\u202e<{%x%}>"
HOSTILE = {
    "schema": changed(schema=EVIL),
    "time": changed(issued=EVIL),
    "values": changed(operator=EVIL),
    "key": changed(**{EVIL: "x"}),
    "long key": changed(**{"k" * 60_000: "x"}),
    "key twice": inside(b'{%s: "x", %s: "y"}' % ((json.dumps(EVIL).encode(),) * 2)),
    "no JSON": EVIL.encode(),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_text_of_the_file_is_escaped_and_cut_in_errors(data: bytes) -> None:
    """It cannot control a terminal, add a line, use colours of the CLI, or fill the screen."""
    with pytest.raises(HandoverError) as told:
        read(data, "FILE")
    text = str(told.value)
    assert len(text) < 1500
    assert [c for c in text if not c.isprintable() and c != "\n"] == []
    assert "\n  - image: fine" not in text
    assert "<{%" not in text


def valid(file: HandoverFile, **later: float) -> None:
    """Ask at a time after the file was made."""
    file.require_valid(file.issued + dt.timedelta(**later), "FILE")


def test_a_file_is_valid_until_it_expires() -> None:
    """To the second."""
    valid(FILE, days=90, seconds=-1)
    with pytest.raises(HandoverError, match=r"expired at 2027-02-25T08:30:15Z(?s:.*)new file"):
        valid(FILE, days=90)


def test_a_file_of_the_future_is_refused() -> None:
    """A wrong clock would let it live longer; a few minutes are no wrong clock."""
    valid(FILE, minutes=-10)
    with pytest.raises(HandoverError, match=r"which is in the future(?s:.*)`date -u`"):
        valid(FILE, minutes=-11)


@pytest.mark.parametrize("kind", handover_file.KINDS, ids=lambda kind: kind.key)
def test_the_last_two_weeks_have_a_warning(kind: handover_file.Kind) -> None:
    """It names who makes the next file, and how."""
    file = made(kind, VALUES, NOW, 90)
    assert file.ends_soon(file.issued + dt.timedelta(days=75)) == ""
    warning = file.ends_soon(file.issued + dt.timedelta(days=76))
    assert "expires at 2027-02-25T08:30:15Z" in warning
    assert kind.sender in warning
    assert kind.export in warning


def test_the_two_directions_differ_in_schema_and_key() -> None:
    """A file of one direction is never taken for the other's."""
    assert FROM_AUTHOR.schema != FROM_OPERATOR.schema
    assert FROM_AUTHOR.key != FROM_OPERATOR.key
