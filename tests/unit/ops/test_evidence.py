"""How a file about a run is read: what kind it is, what it says, or why it is not readable."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ops import evidence_reader, go_text
from ops.evidence import Evidence, EvidenceError, Kind
from ops.evidence_reader import read
from workload.fleet.records import cause
from workload.records import SCHEMA

CLAIMS: dict[str, Any] = {"iss": "https://issuer", "swname": "CONFIDENTIAL_SPACE", "secboot": True}
CONSOLE = Path(__file__).parents[2] / "fixtures" / "evidence" / "serial-console.log"
"""The token's line is Go 1.26's: slog.NewTextHandler, given the claims as a map[string]any, as
go-tpm-tools' launcher/internal/logging does. The lines around it are made up."""

BOOT = 'level=INFO msg="TEE container launcher initiating"'
REFUSED = 'level=ERROR msg="CMD is not allowed to be overridden on this image"'
ENDED = 'level=ERROR msg="workload task ended and returned non-zero"'


def token(claims: object) -> str:
    """A compact token with these claims and a false signature."""
    parts = (json.dumps({"alg": "RS256"}), json.dumps(claims), "signature")
    encoded = (base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    return ".".join(encoded)


def printed(claims: object) -> str:
    """The launcher's line about a token, with the claims as JSON, as the local cloud writes it."""
    quoted = json.dumps(json.dumps(claims))
    return f'level=INFO msg="successfully refreshed attestation token" token={quoted}'


def of(*lines: str) -> Evidence:
    """Read these lines as one file."""
    return read("\n".join(lines).encode())


def test_a_token_is_read_as_its_claims() -> None:
    """Spaces and line ends around the token do not matter."""
    assert read(f"\n{token(CLAIMS)}\n".encode()) == Evidence(kind=Kind.TOKEN, claims=CLAIMS)


def test_a_json_object_with_names_of_claims_is_read_as_claims() -> None:
    """The name of the file does not matter."""
    text = json.dumps(CLAIMS, indent=2)
    assert read(text.encode()) == Evidence(kind=Kind.CLAIMS, claims=CLAIMS)


def test_the_claims_on_a_real_serial_console_are_read_with_their_types() -> None:
    """Go prints a map without quotes, so the claims are marked as not exact."""
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
    """A log with the claims as JSON has exactly those claims."""
    assert of(BOOT, printed(CLAIMS)) == Evidence(kind=Kind.LOG, claims=CLAIMS, line=2)


def test_the_last_token_of_a_log_is_read() -> None:
    """The launcher refreshes the token; the workload has the newest one."""
    newer = {**CLAIMS, "secboot": False}
    assert of(BOOT, printed(CLAIMS), printed(newer)).claims == newer


def test_a_refusal_of_an_earlier_boot_is_ignored() -> None:
    """Only the last boot is read: refused at first, admitted later."""
    found = of(BOOT, REFUSED, BOOT, printed(CLAIMS))
    assert (found.failure, found.claims) == (None, CLAIMS)


def test_a_token_of_an_earlier_boot_is_ignored() -> None:
    """It belongs to another run, also if the later refusal has an unknown sentence."""
    found = of(BOOT, printed(CLAIMS), BOOT, 'level=ERROR msg="something new"')
    assert (found.failure, found.line, found.claims) == ("something new", 4, None)


def test_a_workload_that_failed_is_not_a_refusal_by_the_launcher() -> None:
    """The claims are still explained."""
    found = of(BOOT, printed(CLAIMS), ENDED)
    assert (found.failure, found.claims, found.workload_failed) == (None, CLAIMS, True)


def test_an_ending_after_the_token_is_the_refusal() -> None:
    """The launcher can give up after it got a token."""
    ending = 'level=ERROR msg="failed to create task: exec: no such file"'
    assert of(BOOT, printed(CLAIMS), ending).failure == "failed to create task: exec: no such file"


@pytest.mark.parametrize(
    "after",
    [
        'level=ERROR msg="TEE container launcher exiting" exit_code=3 exit_msg="rebooting VM"',
        'level=ERROR msg="failed to close power button listener" err=x',
        'level=ERROR msg="failed to cleanup network via CNI" error=x',
    ],
)
def test_messages_after_the_ending_do_not_hide_it(after: str) -> None:
    """The launcher also logs its exit, and failures of its clean-up, as errors."""
    end = 'level=ERROR msg="failed to verify disk integrity: x\\n"'
    assert of(BOOT, end, after).failure == "failed to verify disk integrity: x\n"


def test_an_unknown_error_after_the_token_does_not_hide_the_claims() -> None:
    """The launcher may have gone on after it."""
    assert of(BOOT, printed(CLAIMS), 'level=ERROR msg="hiccup"').claims == CLAIMS


@pytest.mark.parametrize("form", ["array", "lines", "text", "console"])
def test_exports_of_cloud_logging_and_compute_engine_are_read_as_logs(form: str) -> None:
    """The oldest entry comes first, whatever the order in the file; the claims are exact."""
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
    """In Cloud Logging the severity marks an error."""
    payload = {"MESSAGE": "CMD is not allowed to be overridden on this image"}
    found = read(json.dumps([{"severity": "ERROR", "jsonPayload": payload}]).encode())
    assert found.failure == "CMD is not allowed to be overridden on this image"


@pytest.mark.parametrize("before", ["", "somebody wrote:\n\n  "])
def test_a_sentence_of_the_launcher_alone_is_read_as_its_log(before: str) -> None:
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
def test_a_failed_run_is_read_as_its_code_and_sentence(text: str) -> None:
    """Both objects of the result bucket hold them."""
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
def test_a_failed_picture_is_not_a_failed_run(text: str) -> None:
    """The run was admitted; the failed pictures are counted."""
    found = read(text.encode())
    assert found.failure is None
    assert found.failed_pictures == {"picture_damaged": 1}
    assert found.pictures == len(text.strip().split("\n"))


@pytest.mark.parametrize("end", ["\u2028", "\x85", "\x0b", "\x1c"])
def test_only_a_line_feed_ends_a_line(end: str) -> None:
    """Names and log messages may hold the other line ends of Unicode."""
    named = json.dumps({"schema": SCHEMA, "name": f"a{end}b", "label": "x"}, ensure_ascii=False)
    failed = json.dumps({"schema": SCHEMA, "error": "no_pictures", "reason": "None."})
    assert read(f"{named}\n{failed}\n".encode()).failure == "no_pictures: None."
    forged = f'level=INFO msg="x{end}" a=1{end}level=ERROR msg="failed to create task"'
    assert of(BOOT, printed(CLAIMS), forged).failure is None


def deep(levels: int) -> str:
    """JSON with so many levels."""
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
def test_an_unreadable_file_is_an_error_with_the_command_that_gets_a_log(
    data: bytes | str, sentence: str
) -> None:
    """The message says what the file is, but does not quote it."""
    with pytest.raises(EvidenceError, match=sentence) as caught:
        read(data if isinstance(data, bytes) else data.encode())
    assert "gcloud logging read" in str(caught.value)


def test_an_unreadable_token_is_never_quoted() -> None:
    """No part of it is in the error message."""
    broken = token(CLAIMS).replace(".", ".!", 1)
    with pytest.raises(EvidenceError) as caught:
        read(broken.encode())
    assert not [part for part in broken.split(".") if part in str(caught.value)]


@pytest.mark.parametrize(
    "data", [token(CLAIMS).encode(), b"", b"x" * 5000], ids=["token", "empty", "too long"]
)
def test_a_file_that_is_not_a_condition_is_never_quoted(data: bytes) -> None:
    """It may be a token."""
    with pytest.raises(EvidenceError, match="no release condition") as caught:
        evidence_reader.condition(data)
    assert token(CLAIMS) not in str(caught.value)


def test_line_ends_and_byte_order_marks_of_other_systems_are_removed_from_a_condition() -> None:
    """Somebody may have sent it by mail."""
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
def test_text_quoted_by_go_is_unquoted(quoted: str, text: str) -> None:
    """What strconv.Quote never writes stays unchanged."""
    assert go_text.unquoted(quoted) == text


def test_a_word_with_a_colon_in_a_printed_text_is_read_as_the_next_key() -> None:
    """Without quotes, the two look the same."""
    assert go_text.claims("map[env:map[A:two words B:x: y]]") == {
        "env": {"A": "two words", "B": "x: y"}
    }
    assert go_text.claims("map[env:map[A:hello there: you]]") == {
        "env": {"A": "hello", "there": " you"}
    }


def test_a_fleets_cause_is_a_failure_of_the_workload() -> None:
    """As a worker writes it; `why` explains it as a `result`."""
    written = cause("input_changed", "Pictures changed.", "workload-vm-1", None)
    assert read(written) == Evidence(kind=Kind.RESULT, failure="input_changed: Pictures changed.")


def test_a_heading_above_records_is_no_picture() -> None:
    """So a copy of one slice's records can be explained."""
    record = {"schema": SCHEMA, "name": "a.png", "error": "picture_empty"}
    heading = {"schema": "confidential-inference/slice/v1", "slice": 0}
    found = read("\n".join(map(json.dumps, (heading, record))).encode())
    assert (found.pictures, found.failed_pictures) == (1, {"picture_empty": 1})
