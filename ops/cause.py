"""Explains one failure: when it happens, who refuses, whose mistake it is, and the fix."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from ops.commands import AGAIN, PRIMUS

if TYPE_CHECKING:
    from infra.attestation.clause import Party

REBUILD: Final = f"ask the image's author to correct the workload, build it and admit it: {PRIMUS}"
RUN_AGAIN: Final = f"run it again: {AGAIN}"

NEVER: Final = "no"
UNTIL_GRANTED: Final = "8 min"
"""`workload.settings.GRANT_SECONDS`; a new grant can take seven minutes."""
WHILE_BUSY: Final = "2 min"
"""`workload.retries.BUSY_SECONDS`."""


class RefusedBy(StrEnum):
    """Who refused."""

    CONDITION = "condition"
    TOKEN_SERVICE = "token service"  # noqa: S105  a name, no secret
    LAUNCHER = "launcher"
    IAM = "iam"
    BUCKET = "bucket"
    WORKLOAD = "workload"


class Seen(StrEnum):
    """Where the operator sees the failure."""

    RESULT = "result object"
    RECORD = "the picture's record"
    CAUSE = "the slice's cause"
    DEAD_LETTER = "dead letter"
    CAUSE_OR_DEAD_LETTER = "the slice's cause, or dead letter"
    CONSOLE = "serial console"
    NOWHERE = "nowhere"


@dataclass(frozen=True)
class Cause:
    """One failure explained."""

    when: str
    """when it happens, as a part of a sentence"""
    refused_by: RefusedBy
    mistake_of: Party | None
    """None where code and message alone do not say it"""
    fix: str
    retried: str = NEVER
    """how long or how often the request is repeated before this is the failure"""
    seen: Seen = Seen.RESULT
