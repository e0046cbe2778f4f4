"""One file, as somebody has it, read into what it says about a run: claims, a refusal, or success.

The kind is told by the content. All of it is somebody else's text, and no signature is checked
here; nothing of a file's content stands in an error, because it may be a token.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from infra.attestation.release_policy import MAX_CONDITION
from infra.wording import counted
from ops import cel_engine, launcher_causes, launcher_log
from ops.commands import EXPORT, SERIAL
from workload.records import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ops.launcher_log import Line

LARGEST: Final = 10 * 1024**2
"""Bytes; a serial console keeps one MiB."""

ACCEPTED: Final = (
    "Expected an attestation token, its claims as JSON, the launcher's log (serial console or Cloud"
    " Logging), or a run's `result` or `results.jsonl`. Nothing was judged. Get a log:"
    f" {EXPORT} (or, while the machine is on, {SERIAL})"
)
_EXACTLY: Final = f"Cloud Logging keeps it whole: {EXPORT}"

_TOKEN: Final = re.compile(r"eyJ[^\s.]*\.[^\s.]*\.[^\s.]*")
_SUCCESS: Final = re.compile(r"Image: .*, (Response: \{|Error: )")
_FAILED: Final = re.compile(r", Error: ([a-z_]+)\r?$")
_FOREIGN: Final = re.compile(r", Response: \{'error': [^{]*\}\r?$")
FOREIGN: Final = "error"
"""In place of a code, for an error that Google's published example tells in its own words."""
_CLAIMED: Final = frozenset({"iss", "aud", "sub", "swname", "hwmodel", "dbgstat", "submods"})
_ENTRY: Final = frozenset({"jsonPayload", "textPayload", "MESSAGE", "message"})

_DEEPEST: Final = 32
"""Claims are five deep; Google's engine gives up before a hundred."""
_INTEGERS: Final = range(-(2**63), 2**63)


class EvidenceError(Exception):
    """The file cannot be read as any of the kinds; the message says what it was and what to do."""


class Kind(StrEnum):
    """What a file turned out to be."""

    TOKEN = "attestation token"  # noqa: S105  a name, no secret
    CLAIMS = "claims"
    LOG = "launcher log"
    RESULT = "result"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a file says. With neither claims nor a refusal, the run had what it needed."""

    kind: Kind
    claims: Mapping[str, Any] | None = None
    said: str | None = None
    """the sentence in which launcher or workload say that it failed"""
    line: int | None = None
    """where in a log that sentence or the token stands"""
    exact: bool = True
    """whether the claims are certainly what the token holds"""
    ended_badly: bool = False
    """whether a workload that got its token failed afterwards"""
    pictures: int = 0
    """how many pictures a result tells of"""
    failed: Mapping[str, int] = field(default_factory=dict)
    """how many of them by which code; of another workload's error, FOREIGN"""


def read(data: bytes) -> Evidence:
    """What a file says; EvidenceError if it is of no kind that can be read."""
    if len(data) > LARGEST:
        raise EvidenceError(f"got more than {LARGEST} bytes, expected at most so many. {ACCEPTED}")
    text = data.decode("utf-8-sig", errors="replace").strip()
    if _TOKEN.fullmatch(text):
        return Evidence(kind=Kind.TOKEN, claims=_payload(text))
    objects = _objects(text)
    if objects:
        return _of_objects(objects)
    return of_text(text)


def condition(data: bytes) -> str:
    """A release condition as it was handed over; EvidenceError for what can be none.

    Whether this program wrote it is `release_policy`'s to say, which quotes what it does not
    know: a token must not get there.
    """
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").strip()
    if len(text) > MAX_CONDITION or text.startswith("eyJ") or not text:
        raise EvidenceError(
            f"got {counted(len(data), 'byte')} that make no release condition. Nothing was judged."
            f" Expected at most {MAX_CONDITION} characters of CEL, as this prints for Primus:"
            " pulumi stack output attributeCondition --stack primus"
        )
    return text


def of_text(text: str) -> Evidence:
    """What a `result` or a serial console says; EvidenceError if it is neither."""
    first = text.partition("\n")[0].rstrip("\r")
    if first.startswith("Error: "):
        return Evidence(kind=Kind.RESULT, said=first.removeprefix("Error: "))
    if _SUCCESS.match(first):
        return _of_pictures(map(_code, text.split("\n")))
    lines = launcher_log.of_text(text)
    if lines:
        return _of_log(lines)
    # The sentence alone, as people tell it to each other, without what is around it in a log.
    for number, line in enumerate(text.split("\n"), 1):
        if launcher_causes.known_of_launcher(line.strip()):
            return Evidence(kind=Kind.LOG, said=line.strip(), line=number)
    got = f"{counted(len(text), 'character')} of text" if text else "nothing"
    raise EvidenceError(f"got {got}, in which nothing is known. {ACCEPTED}")


def _of_objects(objects: Sequence[dict[str, Any]]) -> Evidence:
    first = objects[0]
    if any(found.get("schema") == SCHEMA for found in objects):
        return _of_records(objects)
    if len(objects) == 1 and isinstance(first.get("contents"), str):
        # What Compute Engine's getSerialPortOutput answers.
        return of_text(first["contents"])
    if len(objects) == 1 and _CLAIMED & first.keys():
        return Evidence(kind=Kind.CLAIMS, claims=_fit(first))
    if any(_ENTRY & found.keys() for found in objects):
        return _of_log(launcher_log.of_entries(objects))
    raise EvidenceError(f"got JSON in which nothing is known. {ACCEPTED}")


def _of_records(records: Sequence[dict[str, Any]]) -> Evidence:
    """A record without a picture's name is about the run as a whole."""
    for record in records:
        if "name" not in record and "error" in record:
            return Evidence(kind=Kind.RESULT, said=f"{record['error']}: {record.get('reason', '')}")
    return _of_pictures(record.get("error") for record in records)


def _of_pictures(codes: Iterable[object]) -> Evidence:
    """A run that told of each picture: its code, or None if it was classified."""
    every = list(codes)
    failed = Counter(str(code) for code in every if code is not None)
    return Evidence(kind=Kind.RESULT, pictures=len(every), failed=dict(sorted(failed.items())))


def _code(line: str) -> str | None:
    """The code at the end of a line of `result`; a picture's name stands before it."""
    if code := _FAILED.search(line):
        return code[1]
    return FOREIGN if _FOREIGN.search(line) else None


def _of_log(lines: Sequence[Line]) -> Evidence:
    """The last boot: what the launcher refused since its last token, and what that token claims."""
    boot = launcher_log.last_boot(lines)
    tokens = [index for index, line in enumerate(boot) if line.message == launcher_log.TOKEN]
    after = boot[tokens[-1] + 1 :] if tokens else boot
    failures = [line for line in after if line.error and not launcher_log.is_aftermath(line)]
    endings = [line for line in failures if launcher_causes.known_of_launcher(line.message)]
    # Once there is a token, an error need not be the end: a later token may have been late.
    if last := (endings if tokens else endings or failures)[-1:]:
        return Evidence(kind=Kind.LOG, said=last[0].message, line=last[0].number)
    if not tokens:
        raise EvidenceError(
            f"got a launcher's log with neither a token nor a refusal:"
            f" {counted(len(boot), 'line')} since the"
            " machine started. Nothing was judged. If it has only just started, get the log again:"
            f" {EXPORT}"
        )
    line = boot[tokens[-1]]
    try:
        found, exact = launcher_log.claims(line)
    except launcher_log.CutOffError as error:
        raise EvidenceError(
            f"line {line.number}: got a token's claims that are cut off or garbled ({error})."
            f" Nothing was judged. {_EXACTLY}"
        ) from error
    return Evidence(
        kind=Kind.LOG,
        claims=_fit(found),
        line=line.number,
        exact=exact,
        ended_badly=any(line.message in launcher_log.FAILED for line in after),
    )


def _payload(token: str) -> Mapping[str, Any]:
    part = token.split(".")[1]
    try:
        decoded = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise EvidenceError(
            "got what looks like a token, but its second part is not base64url; was it cut off?"
            f" {ACCEPTED}"
        ) from error
    objects = _objects(decoded.decode(errors="replace"))
    if len(objects) != 1:
        raise EvidenceError(
            f"got what looks like a token, but its second part is no JSON object. {ACCEPTED}"
        )
    return _fit(objects[0])


def _objects(text: str) -> list[dict[str, Any]]:
    """The objects of a JSON text: one, an array of them, or one a line; none for anything else."""
    if not text.startswith(("{", "[")):
        return []
    try:
        try:
            found = json.loads(text)
        except ValueError:
            found = [json.loads(line) for line in text.split("\n") if line.strip()]
    except ValueError:
        return []
    except RecursionError as error:
        raise EvidenceError(f"got JSON that is nested too deeply. {ACCEPTED}") from error
    objects = found if isinstance(found, list) else [found]
    return objects if all(isinstance(each, dict) for each in objects) else []


def _fit(claims: object) -> Mapping[str, Any]:
    """Claims that Google's engine can be asked about; EvidenceError for others."""
    if not isinstance(claims, dict):
        raise EvidenceError(f"got claims that are no JSON object. {ACCEPTED}")
    if not _fits(claims, _DEEPEST):
        raise EvidenceError(
            f"got claims nested more than {_DEEPEST} deep, or with a NUL, half a character or a"
            " number beyond 64 bits in them, which Google's engine cannot be asked about here and"
            f" Google's attestation service does not write. {ACCEPTED}"
        )
    return claims


def _fits(value: object, depth: int) -> bool:
    match value:
        case str():
            return not cel_engine.UNFIT.search(value)
        case dict():
            return depth > 0 and all(_fits(v, depth - 1) for pair in value.items() for v in pair)
        case list():
            return depth > 0 and all(_fits(v, depth - 1) for v in value)
        case bool():
            return True
        case int():
            return value in _INTEGERS
        case _:
            return True
