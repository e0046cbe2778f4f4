"""What `why` answers about one file: admitted or refused, clause by clause, and the fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from infra.attestation.clause import Party
    from ops.cause import Cause, RefusedBy
    from ops.evidence import Kind

SCHEMA: Final = "confidential-inference/why/v1"


@dataclass(frozen=True, kw_only=True)
class ClauseResult:
    """One clause applied to the claims; `mistake_of` and `fix` belong to a failed clause only."""

    clause: str
    claim: str
    passed: bool
    expected: str
    got: str
    mistake_of: Party | None = None
    fix: str | None = None


@dataclass(frozen=True, kw_only=True)
class FailedPictures:
    """The pictures that have one code."""

    code: str
    count: int
    cause: Cause


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The answer about one file."""

    kind: Kind
    sentence: str
    refused_by: RefusedBy | None = None
    """None if nobody refused"""
    mistake_of: Party | None = None
    """whose mistake the whole refusal is; None if each failed clause says it, or nothing does"""
    fix: str | None = None
    clauses: tuple[ClauseResult, ...] = ()
    failed_pictures: tuple[FailedPictures, ...] = ()
    """pictures of an admitted run that could not be classified"""
    failed_afterwards: bool = False
    """whether the run was admitted, and then failed as a whole or for some pictures"""
    notes: tuple[str, ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether nobody refused."""
        return self.refused_by is None


def data(verdict: Verdict) -> dict[str, Any]:
    """The verdict for programs. The keys are stable, so the fix is still called `cure` here."""
    return {
        "schema": SCHEMA,
        "evidence": verdict.kind,
        "verdict": "admitted" if verdict.admitted else "refused",
        "by": verdict.refused_by,
        "sentence": verdict.sentence,
        "mistakeOf": verdict.mistake_of,
        "cure": verdict.fix,
        "clauses": [
            {
                "clause": each.clause,
                "claim": each.claim,
                "passed": each.passed,
                "expected": each.expected,
                "got": each.got,
                "mistakeOf": each.mistake_of,
                "cure": each.fix,
            }
            for each in verdict.clauses
        ],
        "pictures": [
            {
                "code": each.code,
                "count": each.count,
                "sentence": each.cause.when,
                "mistakeOf": each.cause.mistake_of,
                "cure": each.cause.fix,
            }
            for each in verdict.failed_pictures
        ],
        "failedAfterwards": verdict.failed_afterwards,
        "notes": list(verdict.notes),
    }
