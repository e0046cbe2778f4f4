"""The launcher's log, from the serial console or from Cloud Logging: its last boot, line by line.

What a line means is not decided here (`causes`), nor what a token is worth (`why`).
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
"""What it says of a workload that ran and failed: no refusal of the launcher's."""

EXITING: Final = "TEE container launcher exiting"
"""Its last line, an error too where something failed."""

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One message of the launcher's."""

    number: int
    """which line of the file, or which entry of the export, from 1"""
    error: bool
    message: str
    token: object = None
    """the claims it was printed with: an object, or still a text"""


class CutOffError(ValueError):
    """A token's claims are not all there."""


def of_text(text: str) -> list[Line]:
    """The launcher's lines of a serial console; everybody else's are left out."""
    found = (_line(number, line) for number, line in enumerate(text.split("\n"), 1))
    return [line for line in found if line is not None]


def of_entries(entries: Sequence[Json]) -> list[Line]:
    """The launcher's lines of an export of Cloud Logging, oldest first as their times say."""
    found = []
    # `gcloud logging read` gives the newest first, unless told otherwise.
    for number, entry in sorted(enumerate(entries, 1), key=_moment):
        payload = entry.get("jsonPayload")
        payload = payload if isinstance(payload, dict) else entry
        named = (payload.get("MESSAGE"), payload.get("message"), entry.get("textPayload"))
        message = next((text for text in named if isinstance(text, str)), None)
        if message is not None:
            error = str(entry.get("severity")) in ("ERROR", "CRITICAL", "ALERT", "EMERGENCY")
            plain = Line(number=number, error=error, message=message, token=payload.get("token"))
            found.append(_line(number, message) or plain)
    return found


def _moment(entry: tuple[int, Json]) -> str:
    # Without its Z, a whole second comes before its fractions.
    return str(entry[1].get("timestamp")).removesuffix("Z")


def _line(number: int, text: str) -> Line | None:
    pairs = go_text.pairs(text)
    if "msg" not in pairs or "level" not in pairs:
        return None
    token = pairs.get("token") if pairs["msg"] == TOKEN else None
    return Line(number=number, error=pairs["level"] == "ERROR", message=pairs["msg"], token=token)


def is_aftermath(line: Line) -> bool:
    """Whether a line says no more than that there was an error before it."""
    return line.message in FAILED or line.message.startswith(EXITING)


def last_boot(lines: Sequence[Line]) -> Sequence[Line]:
    """What was said since the machine last started; all of it if its start is not there."""
    starts = [index for index, line in enumerate(lines) if line.message == BOOT]
    return lines[starts[-1] :] if starts else lines


def claims(line: Line) -> tuple[object, bool]:
    """What the token of a line claims, and whether exactly; CutOffError if not all is there."""
    if not isinstance(line.token, str):
        return line.token, True
    try:
        return json.loads(line.token), True
    except (ValueError, RecursionError):
        pass  # on a real console they are Go's
    try:
        return go_text.claims(line.token), False
    except ValueError as error:
        raise CutOffError(str(error)) from error
