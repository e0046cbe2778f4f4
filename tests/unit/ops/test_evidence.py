"""What `python -m ops why` makes of a file: its kind, what it says, or why it cannot be read."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ops import evidence_reader, go_text
from ops.evidence import Evidence, EvidenceError, Kind
from ops.evidence_reader import read
from workload.records import SCHEMA

CLAIMS: dict[str, Any] = {"iss": "https://issuer", "swname": "CONFIDENTIAL_SPACE", "secboot": True}
CONSOLE = Path(__file__).parents[2] / "fixtures" / "evidence" / "serial-console.log"
"""The token's line is Go 1.26's: slog.NewTextHandler, given the claims as a map[string]any, as
go-tpm-tools' launcher/internal/logging does. The lines around it are made up."""

BOOT = 'level=INFO msg="TEE container launcher initiating"'
REFUSED = 'level=ERROR msg="CMD is not allowed to be overridden on this image"'
ENDED = 'level=ERROR msg="workload task ended and returned non-zero"'


def token(claims: object) -> str:
    """A compact token with some payload, and a signature of nobody's."""
    parts = (json.dumps({"alg": "RS256"}), json.dumps(claims), "signature")
    encoded = (base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    return ".".join(encoded)


def printed(claims: object) -> str:
    """The launcher's line about a token, claims as JSON, as the local cloud's launcher has it."""
    quoted = json.dumps(json.dumps(claims))
    return f'level=INFO msg="successfully refreshed attestation token" token={quoted}'


def of(*lines: str) -> Evidence:
    """What is read out of some lines."""
    return read("\n".join(lines).encode())


def test_a_token_is_its_claims() -> None:
    """A compact token is recognised whatever surrounds it, and its payload is read."""
    assert read(f"\n{token(CLAIMS)}\n".encode()) == Evidence(kind=Kind.TOKEN, claims=CLAIMS)


def test_claims_are_a_json_object() -> None:
    """An object with the names of claims is read as claims, whatever the file is called."""
    text = json.dumps(CLAIMS, indent=2)
    assert read(text.encode()) == Evidence(kind=Kind.CLAIMS, claims=CLAIMS)


def test_a_real_serial_console_is_read_through_gos_way_of_printing() -> None:
    """Go prints a map without quotes: the claims come out with their types, marked as inexact."""
    found = read(CONSOLE.read_bytes())
    assert (found.kind, found.line, found.exact) == (Kind.LOG, 4, False)
    assert found.claims is not None
    assert found.claims["secboot"] is True
    assert found.claims["exp"] == 1790003600
    assert found.claims["eat_nonce"] is None
    assert found.claims["google_service_accounts"] == [
        "workload-sa@secundus-vision.iam.gserviceaccount.com"
    ]
    container = found.claims["submods"]["container"]
    assert container["args"] == ["python", "-m", "workload"]
    assert container["cmd_override"] == []
    assert container["env"]["EMPTY"] == ""
    assert container["image_signatures"] == [{"key_id": "ab", "signature": "x+/="}]
    assert found.claims["submods"]["gce"]["project_number"] == "222222222222"
    space = found.claims["submods"]["confidential_space"]
    assert space["monitoring_enabled"]["memory"] is False


def test_claims_printed_as_json_are_exact() -> None:
    """A log whose token is JSON gives exactly that."""
    assert of(BOOT, printed(CLAIMS)) == Evidence(kind=Kind.LOG, claims=CLAIMS, line=2)


def test_the_last_token_counts() -> None:
    """A token is refreshed: the newest claims are those that the workload had."""
    newer = {**CLAIMS, "secboot": False}
    assert of(BOOT, printed(CLAIMS), printed(newer)).claims == newer


def test_what_an_earlier_boot_said_is_over() -> None:
    """Refused when it booted first, admitted later: only the last boot is told."""
    found = of(BOOT, REFUSED, BOOT, printed(CLAIMS))
    assert (found.failure, found.claims) == (None, CLAIMS)


def test_a_refusal_of_a_later_boot_hides_an_older_token() -> None:
    """The token before the last boot is another run's, even if nobody knows the refusal."""
    found = of(BOOT, printed(CLAIMS), BOOT, 'level=ERROR msg="something new"')
    assert (found.failure, found.line, found.claims) == ("something new", 4, None)


def test_a_workload_that_failed_is_no_refusal_of_the_launchers() -> None:
    """The launcher's lines about a failed workload leave the claims to be explained."""
    found = of(BOOT, printed(CLAIMS), ENDED)
    assert (found.failure, found.claims, found.workload_failed) == (None, CLAIMS, True)


def test_the_launcher_can_give_up_after_it_has_a_token() -> None:
    """A known sentence after the token is the refusal."""
    given_up = 'level=ERROR msg="failed to create task: exec: no such file"'
    assert (
        of(BOOT, printed(CLAIMS), given_up).failure == "failed to create task: exec: no such file"
    )


@pytest.mark.parametrize(
    "after",
    [
        'level=ERROR msg="TEE container launcher exiting" exit_code=3 exit_msg="rebooting VM"',
        'level=ERROR msg="failed to close power button listener" err=x',
        'level=ERROR msg="failed to cleanup network via CNI" error=x',
    ],
)
def test_what_the_launcher_says_after_its_end_hides_it_not(after: str) -> None:
    """It logs its exit as an error, and what went wrong while it tidied up."""
    end = 'level=ERROR msg="failed to verify disk integrity: x\\n"'
    assert of(BOOT, end, after).failure == "failed to verify disk integrity: x\n"


def test_an_error_that_is_not_the_end_does_not_hide_a_token() -> None:
    """An unknown error after the token may be a hiccup: the claims are explained."""
    assert of(BOOT, printed(CLAIMS), 'level=ERROR msg="hiccup"').claims == CLAIMS


@pytest.mark.parametrize("form", ["array", "lines", "text", "console"])
def test_cloud_logging_and_compute_exports_are_logs(form: str) -> None:
    """Exports are read oldest first, and hold the claims as they are."""
    entries = [
        {"timestamp": "2026-01-01T00:00:01.5Z", "severity": "INFO",
         "jsonPayload": {"MESSAGE": "successfully refreshed attestation token", "token": CLAIMS}},
        {"timestamp": "2026-01-01T00:00:01Z", "severity": "ERROR",
         "jsonPayload": {"MESSAGE": "failed to create task: earlier"}},
        {"timestamp": "2026-01-01T00:00:00Z", "textPayload": BOOT},
    ]  # fmt: skip
    text = {
        "array": json.dumps(entries),
        "lines": "\n".join(map(json.dumps, entries)),
        "text": json.dumps([{"message": BOOT}, {"MESSAGE": printed(CLAIMS)}]),
        "console": json.dumps({"contents": f"{BOOT}\r\n{printed(CLAIMS)}\r\n", "next": "1"}),
    }[form]
    found = read(text.encode())
    assert (found.kind, found.claims, found.failure) == (Kind.LOG, CLAIMS, None)


def test_an_error_entry_of_cloud_logging_is_the_refusal() -> None:
    """There the severity says that a message is an error."""
    payload = {"MESSAGE": "CMD is not allowed to be overridden on this image"}
    found = read(json.dumps([{"severity": "ERROR", "jsonPayload": payload}]).encode())
    assert found.failure == "CMD is not allowed to be overridden on this image"


@pytest.mark.parametrize("before", ["", "somebody wrote:\n\n  "])
def test_a_sentence_of_the_launchers_may_be_all_that_was_told_on(before: str) -> None:
    """People send each other the sentence, not the log."""
    sentence = 'failed to create REST verifier client: listing regions in project "P": Error 403'
    found = read(f"{before}{sentence}\n".encode())
    assert (found.kind, found.failure) == (Kind.LOG, sentence)
    assert found.line == before.count("\n") + 1


@pytest.mark.parametrize(
    "text",
    [
        "Error: no_pictures: The input bucket holds no pictures.\n",
        json.dumps({"schema": SCHEMA, "error": "no_pictures",
                    "reason": "The input bucket holds no pictures."}),
    ],
    ids=["result", "results.jsonl"],
)  # fmt: skip
def test_a_failed_run_is_what_it_said(text: str) -> None:
    """Both objects of the result bucket give code and sentence."""
    failure = "no_pictures: The input bucket holds no pictures."
    assert read(text.encode()) == Evidence(kind=Kind.RESULT, failure=failure)


@pytest.mark.parametrize(
    "text",
    [
        "Image: a, b.png, Response: {'predicted_class': 1}\nImage: c.png, Error: picture_damaged\n",
        "Image: c.png, Error: picture_damaged\n",
        json.dumps({"schema": SCHEMA, "name": "c.png", "error": "picture_damaged"}) + "\n"
        + json.dumps({"schema": SCHEMA, "name": "d.png", "label": "crack"}),
    ],
    ids=["result", "result of one bad picture", "results.jsonl"],
)  # fmt: skip
def test_a_picture_that_failed_is_no_failed_run(text: str) -> None:
    """The run left results: nobody refused it. How many failed is told."""
    found = read(text.encode())
    assert found.failure is None
    assert found.failed_pictures == {"picture_damaged": 1}
    assert found.pictures == len(text.strip().split("\n"))


@pytest.mark.parametrize("end", ["\u2028", "\x85", "\x0b", "\x1c"])
def test_only_a_line_feed_ends_a_line(end: str) -> None:
    """What else Unicode calls the end of a line may stand in a name, or in what a log repeats."""
    named = json.dumps({"schema": SCHEMA, "name": f"a{end}b", "label": "x"}, ensure_ascii=False)
    failed = json.dumps({"schema": SCHEMA, "error": "no_pictures", "reason": "None."})
    assert read(f"{named}\n{failed}\n".encode()).failure == "no_pictures: None."
    forged = f'level=INFO msg="x{end}" a=1{end}level=ERROR msg="failed to create task"'
    assert of(BOOT, printed(CLAIMS), forged).failure is None


def deep(levels: int) -> str:
    """JSON that is nested so deeply."""
    return '{"iss": ' + "[" * levels + "]" * levels + "}"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "got nothing, which is none of the accepted kinds"),
        (b"\xff\xfe\x00 hello", "characters of text"),
        (b"{}", "got JSON that is none of the accepted kinds"),
        (b'{"iss": ', "characters of text, which is none of the accepted kinds"),
        (b"[1, 2]", "characters of text, which is none of the accepted kinds"),
        (b" " * (evidence_reader.LARGEST + 1), "got more than 10485760 bytes"),
        (deep(100_000).encode(), "nested too deeply"),
        (deep(100).encode(), "with more than 32 levels"),
        (b'{"iss": "a\\u0000b"}', "a NUL"),
        (b'{"iss": "\\ud800"}', "half a character"),
        (b'{"iss": 9223372036854775808}', "number of more than 64 bits"),
        (b"eyJhbGciOiJSUzI1NiJ9.!!!.x", "is not base64url"),
        (b"eyJhbGciOiJSUzI1NiJ9.eyJh.x", "is no JSON object"),
        (token([1]).encode(), "is no JSON object"),
        (BOOT.encode(), "neither a token nor a refusal"),
        (ENDED.encode(), "neither a token nor a refusal"),
        (printed(CLAIMS)[:-9].encode(), "line 1: got a token's claims that are cut off"),
        (printed(CLAIMS).rpartition("token=")[0].encode(), "no JSON object"),
        (printed([1]).encode(), "no JSON object"),
        (
            'level=INFO msg="successfully refreshed attestation token" token="map[a:[b"',
            "cut off or garbled",
        ),
        (
            'level=INFO msg="successfully refreshed attestation token" token="'
            + "map[a:" * 100_000
            + "]" * 100_000
            + '"',
            "cut off or garbled",
        ),
    ],
)
def test_what_cannot_be_read_says_so_and_what_to_do(data: bytes | str, sentence: str) -> None:
    """Each names what it got, and ends with a command."""
    with pytest.raises(EvidenceError, match=sentence) as caught:
        read(data if isinstance(data, bytes) else data.encode())
    assert "gcloud logging read" in str(caught.value)


def test_a_token_that_cannot_be_read_is_not_repeated() -> None:
    """Whatever is wrong with it, no part of a token stands in the error."""
    broken = token(CLAIMS).replace(".", ".!", 1)
    with pytest.raises(EvidenceError) as caught:
        read(broken.encode())
    assert not [part for part in broken.split(".") if part in str(caught.value)]


@pytest.mark.parametrize(
    "data", [token(CLAIMS).encode(), b"", b"x" * 5000], ids=["token", "empty", "too long"]
)
def test_what_is_no_condition_is_refused_unseen(data: bytes) -> None:
    """A token given in the condition's place is never quoted."""
    with pytest.raises(EvidenceError, match="no release condition") as caught:
        evidence_reader.condition(data)
    assert token(CLAIMS) not in str(caught.value)


def test_a_condition_may_have_come_by_mail() -> None:
    """Line ends of another system, a mark at the start, a line end at the end: it is the same."""
    assert (
        evidence_reader.condition("\ufeffa == 1 &&\r\nb == 2\r\n".encode()) == "a == 1 &&\nb == 2"
    )


@pytest.mark.parametrize(
    ("quoted", "text"),
    [
        (r'"a \"b\" \\ c"', 'a "b" \\ c'),
        (r'"\a\n\t\x1b[31m\u00e9\U0001f600"', "\a\n\t\x1b[31mé😀"),
        (r'"\Uffffffff"', r"\Uffffffff"),
        ("plain", "plain"),
    ],
)
def test_go_quoted_text_is_taken_back(quoted: str, text: str) -> None:
    """What strconv.Quote writes is read again; what it never writes stays as it is."""
    assert go_text.unquoted(quoted) == text


def test_a_text_with_spaces_is_read_as_well_as_can_be() -> None:
    """Without quotes, what looks like the next key is the next key."""
    assert go_text.claims("map[env:map[A:two words B:x: y]]") == {
        "env": {"A": "two words", "B": "x: y"}
    }
    assert go_text.claims("map[env:map[A:hello there: you]]") == {
        "env": {"A": "hello", "there": " you"}
    }
