"""Reads the launcher's log, from the serial console or from Cloud Logging.

`launcher_causes` decides what a message means, and `why` judges a token's claims.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops import go_text

if TYPE_CHECKING:
    from collections.abc import Sequence

BOOT: Final = "TEE container launcher initiating"
TOKEN: Final = "successfully refreshed attestation token"  # noqa: S105  a message, no secret
FAILED: Final = (
    "workload task ended and returned non-zero",
    "workload finished with a non-zero return code",
)
"""The launcher's messages about a workload that ran and failed: the launcher did not refuse."""

EXITING: Final = "TEE container launcher exiting"
"""Its last message, at level ERROR if something failed."""

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One message of the launcher."""

    number: int
    """the line of the file, or the entry of the export, from 1"""
    error: bool
    message: str
    token: object = None
    """the token's claims: an object, or the text that the console printed"""


class CutOffError(ValueError):
    """A part of the token's claims is missing."""


def of_text(text: str) -> list[Line]:
    """The launcher's lines of a serial console, without those of other programs."""
    lines = (_line(number, line) for number, line in enumerate(text.split("\n"), 1))
    return [line for line in lines if line is not None]


def of_entries(entries: Sequence[Json]) -> list[Line]:
    """The launcher's lines of an export of Cloud Logging, the oldest first."""
    lines = []
    # `gcloud logging read` prints the newest entry first, unless it has `--order=asc`.
    for number, entry in sorted(enumerate(entries, 1), key=_timestamp):
        payload = entry.get("jsonPayload")
        payload = payload if isinstance(payload, dict) else entry
        texts = (payload.get("MESSAGE"), payload.get("message"), entry.get("textPayload"))
        message = next((text for text in texts if isinstance(text, str)), None)
        if message is not None:
            error = str(entry.get("severity")) in ("ERROR", "CRITICAL", "ALERT", "EMERGENCY")
            plain = Line(number=number, error=error, message=message, token=payload.get("token"))
            lines.append(_line(number, message) or plain)
    return lines


def _timestamp(entry: tuple[int, Json]) -> str:
    # Without the Z, a whole second is sorted before its fractions.
    return str(entry[1].get("timestamp")).removesuffix("Z")


def _line(number: int, text: str) -> Line | None:
    pairs = go_text.pairs(text)
    if "msg" not in pairs or "level" not in pairs:
        return None
    token = pairs.get("token") if pairs["msg"] == TOKEN else None
    return Line(number=number, error=pairs["level"] == "ERROR", message=pairs["msg"], token=token)


def repeats_an_error(line: Line) -> bool:
    """Whether the line only says that there was an error before it."""
    return line.message in FAILED or line.message.startswith(EXITING)


def last_boot(lines: Sequence[Line]) -> Sequence[Line]:
    """The lines since the machine last started; all of them if its start is not in the log."""
    starts = [index for index, line in enumerate(lines) if line.message == BOOT]
    return lines[starts[-1] :] if starts else lines


def claims(line: Line) -> tuple[object, bool]:
    """The claims of a line's token, and whether they are exact; CutOffError if they are cut off."""
    if not isinstance(line.token, str):
        return line.token, True
    try:
        return json.loads(line.token), True
    except (ValueError, RecursionError):
        pass  # a real console prints them in Go's own form
    try:
        return go_text.claims(line.token), False
    except ValueError as error:
        raise CutOffError(str(error)) from error
