"""Answers why a run was refused: clause by clause, or by a cause that is not the condition.

Google's own engine decides about the claims, by the whole condition; the clauses explain its
decision. If the two ever disagree, only that is reported. No signature, grant or hash is checked,
and the answer says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from infra.attestation.release_policy import CLAIMS, read
from infra.untrusted_text import shown
from infra.wording import counted
from ops import cel_engine, picture_causes, token_service_checks
from ops.cause import RefusedBy
from ops.commands import EXPORT, PRIMUS, RESULTS
from ops.detail_causes import OTHER_TOKEN, cause_of_detail, cause_of_result
from ops.evidence import Kind
from ops.failure_causes import FAILURES
from ops.google_client_errors import as_workload_message
from ops.launcher_causes import cause_of_launcher
from ops.verdict import ClauseResult, Verdict
from workload.errors import Detail, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.attestation.clause import Clause
    from ops.evidence import Evidence

UNCHECKED: Final = (
    "Not checked here: the grants to act as the model's reader and to read its bucket, and the"
    f" model's hash. The run's `result` says whether they were in order: {RESULTS}"
)
LATER: Final = (
    f"Its `result` says why the workload failed: {RESULTS}. If this run left none, the workload"
    f" could not write it: {FAILURES[Failure.RESULTS_NOT_WRITABLE].fix}; or something stopped the"
    " workload, or it ran out of memory: use a larger machineType"
)
AS_PRINTED: Final = " as far as the serial console shows"
UNSIGNED: Final = "The token's signature was not checked: anybody can write such claims."
INEXACT: Final = (
    "The serial console prints claims without quotes, so a text with a space in it can be"
    f" misread. Cloud Logging has the exact claims: {EXPORT}"
)
CLAUSE_UNKNOWN: Final = (
    "Google never says which clause refused. Only the token's claims show it, and the launcher logs"
    " them: the fix gets them."
)


class DefectError(Exception):
    """Google's engine and the clauses disagree, so no explanation can be trusted."""


def judge(evidence: Evidence, condition: str, now: float) -> Verdict:
    """The verdict at a time, in seconds since 1970. Only claims need a condition; else it is "".

    PolicyError for a condition that this program did not write, DefectError for its own mistake.
    """
    if evidence.failure is not None:
        return _failure(evidence, evidence.failure)
    if evidence.claims is None:
        return _results(evidence)
    clauses = read(condition)
    results = explain(evidence.claims, condition, clauses)
    notes = tuple(_notes(evidence, clauses, now))
    failed = sum(not result.passed for result in results)
    unmet = (
        f"{failed} of {counted(len(results), 'clause')} {'is' if failed == 1 else 'are'} not met"
    )
    refusal = token_service_checks.refusal(evidence, now)
    if refusal is not None:
        detail, facts = refusal
        other_token = detail in (Detail.AUDIENCE, Detail.ISSUER)
        cause = OTHER_TOKEN if other_token else cause_of_detail(detail)
        also = f" The condition would refuse it, too: {unmet}." if failed else ""
        return Verdict(
            kind=evidence.kind,
            sentence=f'Refused by the token service before the condition: "{detail}" {facts}{also}',
            refused_by=cause.refused_by,
            mistake_of=cause.mistake_of,
            fix=cause.fix,
            clauses=results,
            notes=notes,
        )
    if failed:
        return Verdict(
            kind=evidence.kind,
            sentence=f"Refused by the condition: {unmet}.",
            refused_by=RefusedBy.CONDITION,
            clauses=results,
            notes=notes,
        )
    end = " The workload failed afterwards." if evidence.workload_failed else ""
    every = f"all {counted(len(results), 'clause')}" if len(results) > 1 else "its one clause"
    certainty = "" if evidence.exact else AS_PRINTED
    return Verdict(
        kind=evidence.kind,
        sentence=f"Admitted by the condition{certainty}: the claims meet {every}.{end}",
        clauses=results,
        failed_afterwards=evidence.workload_failed,
        notes=(*notes, LATER if evidence.workload_failed else UNCHECKED),
    )


def explain(
    claims: Mapping[str, Any], condition: str, clauses: Sequence[Clause]
) -> tuple[ClauseResult, ...]:
    """Apply each clause; DefectError if they do not add up to the decision of Google's engine."""
    results = tuple(_clause_result(clause, claims) for clause in clauses)
    admitted = cel_engine.holds(condition, {"assertion": claims})
    if admitted != all(result.passed for result in results):
        decision = "admits" if admitted else "refuses"
        raise DefectError(
            f"Google's engine {decision} these claims, and the clauses say otherwise: a defect of"
            " this program, so nothing is explained. Please report it, with condition and claims"
        )
    return results


def _clause_result(clause: Clause, claims: Mapping[str, Any]) -> ClauseResult:
    passed = clause.check(claims)
    return ClauseResult(
        clause=clause.sentence,
        claim=clause.claim,
        passed=passed,
        expected=shown(clause.expected),
        got=shown(clause.got(claims)),
        mistake_of=None if passed else clause.blame(claims),
        fix=None if passed else clause.fix,
    )


def _failure(evidence: Evidence, message: str) -> Verdict:
    """A refusal or failure in the words of the launcher or of a workload."""
    if evidence.kind is Kind.LOG:
        cause = cause_of_launcher(message)
        sentence = f'Refused by the launcher, line {evidence.line}: "{shown(message)}"'
        clause_unknown = False
    else:
        ours = as_workload_message(message)
        cause = cause_of_result(ours)
        sentence = f'Refused ({cause.refused_by}): "{shown(message)}"'
        clause_unknown = ours == f"{Failure.RELEASE_REFUSED.code}: {Detail.CONDITION}"
    return Verdict(
        kind=evidence.kind,
        sentence=sentence,
        refused_by=cause.refused_by,
        mistake_of=cause.mistake_of,
        fix=cause.fix,
        notes=(CLAUSE_UNKNOWN,) if clause_unknown else (),
    )


def _results(evidence: Evidence) -> Verdict:
    """The run got the model and wrote results; some pictures may have failed."""
    failed = sum(evidence.failed_pictures.values())
    if not failed:
        sentence = f"Admitted: the run classified {counted(evidence.pictures, 'picture')}."
        return Verdict(kind=evidence.kind, sentence=sentence)
    of = f"{failed} of {counted(evidence.pictures, 'picture')}"
    return Verdict(
        kind=evidence.kind,
        sentence=f"Admitted: the run got the model. But {of} could not be classified.",
        failed_pictures=picture_causes.explained(evidence.failed_pictures),
        failed_afterwards=True,
    )


def _notes(evidence: Evidence, clauses: Sequence[Clause], now: float) -> list[str]:
    notes = [UNSIGNED] if evidence.kind is Kind.TOKEN else []
    claims = evidence.claims or {}
    if evidence.kind is Kind.CLAIMS and not token_service_checks.is_valid_at(claims, now):
        notes.append(
            f"These claims are not valid now ({token_service_checks.times(claims)}; now"
            f" {int(now)}): Google would refuse a token with them before the condition."
        )
    if not evidence.exact:
        notes.append(INEXACT)
    if missing := sorted(CLAIMS - {clause.claim for clause in clauses}):
        notes.append(
            f"This condition has no clause about {', '.join(missing)}; this version of the program"
            f" would write one: {PRIMUS}"
        )
    return notes
