"""Reads one file about a run: a token, its claims, a launcher's log, or a result.

The content decides what it is. Other people wrote it, and no signature is checked here. No error
message quotes it, because it may be a token.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from infra.attestation.release_policy import MAX_CONDITION
from infra.wording import counted
from ops import launcher_causes, launcher_log, token_claims
from ops.commands import EXPORT
from ops.evidence import ACCEPTED, FOREIGN, Evidence, EvidenceError, Kind
from workload.fleet.records import CAUSE_SCHEMA
from workload.records import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ops.launcher_log import Line

LARGEST: Final = 10 * 1024**2
"""Bytes; a serial console stores one MiB."""

_WHOLE_CLAIMS: Final = f"Cloud Logging has all of them: {EXPORT}"

_TOKEN: Final = re.compile(r"eyJ[^\s.]*\.[^\s.]*\.[^\s.]*")
_PICTURE: Final = re.compile(r"Image: .*, (Response: \{|Error: )")
_FAILED_PICTURE: Final = re.compile(r", Error: ([a-z_]+)\r?$")
_FOREIGN_ERROR: Final = re.compile(r", Response: \{'error': [^{]*\}\r?$")
"""As Google's published example writes it."""
_SOME_CLAIMS: Final = frozenset({"iss", "aud", "sub", "swname", "hwmodel", "dbgstat", "submods"})
_LOG_KEYS: Final = frozenset({"jsonPayload", "textPayload", "MESSAGE", "message"})


def read(data: bytes) -> Evidence:
    """Read a file of any kind; EvidenceError if it is none of them."""
    if len(data) > LARGEST:
        raise EvidenceError(f"got more than {LARGEST} bytes, expected at most so many. {ACCEPTED}")
    text = data.decode("utf-8-sig", errors="replace").strip()
    if _TOKEN.fullmatch(text):
        return Evidence(kind=Kind.TOKEN, claims=token_claims.of_token(text))
    objects = token_claims.json_objects(text)
    if objects:
        return _of_objects(objects)
    return of_text(text)


def condition(data: bytes) -> str:
    """The text of a release condition; EvidenceError if the file cannot be one.

    `release_policy` checks whether this program wrote it, and quotes the lines that it does not
    know. So a token must not get there.
    """
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").strip()
    if len(text) > MAX_CONDITION or text.startswith("eyJ") or not text:
        raise EvidenceError(
            f"got {counted(len(data), 'byte')} that are no release condition. Nothing was judged."
            f" Expected at most {MAX_CONDITION} characters of CEL, as this prints for Primus:"
            " pulumi stack output attributeCondition --stack primus"
        )
    return text


def of_text(text: str) -> Evidence:
    """Read a `result` or a serial console; EvidenceError if the text is neither."""
    first = text.partition("\n")[0].rstrip("\r")
    if first.startswith("Error: "):
        return Evidence(kind=Kind.RESULT, failure=first.removeprefix("Error: "))
    if _PICTURE.match(first):
        return _of_pictures(map(_code, text.split("\n")))
    lines = launcher_log.of_text(text)
    if lines:
        return _of_log(lines)
    # People also paste the sentence alone, without the rest of its line.
    for number, line in enumerate(text.split("\n"), 1):
        if launcher_causes.is_ending(line.strip()):
            return Evidence(kind=Kind.LOG, failure=line.strip(), line=number)
    got = f"{counted(len(text), 'character')} of text" if text else "nothing"
    raise EvidenceError(f"got {got}, which is none of the accepted kinds. {ACCEPTED}")


def _of_objects(objects: Sequence[dict[str, Any]]) -> Evidence:
    first = objects[0]
    records = [each for each in objects if each.get("schema") == SCHEMA]
    if records:
        return _of_records(records)
    if first.get("schema") == CAUSE_SCHEMA:
        return Evidence(kind=Kind.RESULT, failure=f"{first.get('error')}: {first.get('reason')}")
    if len(objects) == 1 and isinstance(first.get("contents"), str):
        # What Compute Engine's getSerialPortOutput answers.
        return of_text(first["contents"])
    if len(objects) == 1 and _SOME_CLAIMS & first.keys():
        return Evidence(kind=Kind.CLAIMS, claims=token_claims.checked(first))
    if any(_LOG_KEYS & each.keys() for each in objects):
        return _of_log(launcher_log.of_entries(objects))
    raise EvidenceError(f"got JSON that is none of the accepted kinds. {ACCEPTED}")


def _of_records(records: Sequence[dict[str, Any]]) -> Evidence:
    """The result of a run; a record without a picture's name is about the whole run."""
    for record in records:
        if "name" not in record and "error" in record:
            return Evidence(
                kind=Kind.RESULT, failure=f"{record['error']}: {record.get('reason', '')}"
            )
    return _of_pictures(record.get("error") for record in records)


def _of_pictures(codes: Iterable[object]) -> Evidence:
    """The result of a run, by the code of each picture, or None if it was classified."""
    every = list(codes)
    failed = dict(sorted(Counter(str(code) for code in every if code is not None).items()))
    return Evidence(kind=Kind.RESULT, pictures=len(every), failed_pictures=failed)


def _code(line: str) -> str | None:
    """The code at the end of a line of `result`; a picture's name stands before it."""
    if code := _FAILED_PICTURE.search(line):
        return code[1]
    return FOREIGN if _FOREIGN_ERROR.search(line) else None


def _of_log(lines: Sequence[Line]) -> Evidence:
    """The last boot: a refusal after the last token, or the claims of that token."""
    boot = launcher_log.last_boot(lines)
    tokens = [index for index, line in enumerate(boot) if line.message == launcher_log.TOKEN]
    after = boot[tokens[-1] + 1 :] if tokens else boot
    failures = [line for line in after if line.error and not launcher_log.repeats_an_error(line)]
    endings = [line for line in failures if launcher_causes.is_ending(line.message)]
    # After a token, an error need not be the end: the launcher may have retried to get the next.
    if last := (endings if tokens else endings or failures)[-1:]:
        return Evidence(kind=Kind.LOG, failure=last[0].message, line=last[0].number)
    if not tokens:
        raise EvidenceError(
            f"got a launcher's log with neither a token nor a refusal:"
            f" {counted(len(boot), 'line')} since the"
            " machine started. Nothing was judged. If it has only just started, get the log again:"
            f" {EXPORT}"
        )
    line = boot[tokens[-1]]
    try:
        parsed, exact = launcher_log.claims(line)
    except launcher_log.CutOffError as error:
        raise EvidenceError(
            f"line {line.number}: got a token's claims that are cut off or garbled ({error})."
            f" Nothing was judged. {_WHOLE_CLAIMS}"
        ) from error
    return Evidence(
        kind=Kind.LOG,
        claims=token_claims.checked(parsed),
        line=line.number,
        exact=exact,
        workload_failed=any(line.message in launcher_log.FAILED for line in after),
    )
