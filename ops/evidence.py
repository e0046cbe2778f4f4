"""What one file says about a run: claims, a refusal, or success. `evidence_reader` reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ops.commands import EXPORT, SERIAL

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCEPTED: Final = (
    "Expected an attestation token, its claims as JSON, the launcher's log (serial console or Cloud"
    " Logging), a run's `result` or `results.jsonl`, or a fleet's cause. Nothing was judged."
    f" Get a log: {EXPORT} (or, while the machine is on, {SERIAL})"
)

FOREIGN: Final = "error"
"""In place of a picture's code: another workload wrote its own message."""


class EvidenceError(Exception):
    """The file is none of these; the message says what it is and what to do."""


class Kind(StrEnum):
    """What the file is."""

    TOKEN = "attestation token"  # noqa: S105  a name, no secret
    CLAIMS = "claims"
    LOG = "launcher log"
    RESULT = "result"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The content of one file. Without claims and without a failure, the run was admitted."""

    kind: Kind
    claims: Mapping[str, Any] | None = None
    failure: str | None = None
    """the sentence in which the launcher or the workload says that it failed"""
    line: int | None = None
    """the number of the log's line with the failure or the token"""
    exact: bool = True
    """whether the claims are certainly those of the token"""
    workload_failed: bool = False
    """whether the workload got its token and failed afterwards"""
    pictures: int = 0
    """how many pictures a result has"""
    failed_pictures: Mapping[str, int] = field(default_factory=dict)
    """how many of them have which code, or FOREIGN"""
