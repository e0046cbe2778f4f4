"""Why a run was refused: each clause of the condition, and every cause beside the condition.

The verdict on claims is Google's own engine's on the whole condition; the clauses explain it.
Should the two ever differ, nothing is said but that. What is not checked is said, too: no
signature, no grant, no hash.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from infra.attestation.clause import CLAIMS, got
from infra.attestation.release_policy import ISSUER, MAPPING, TOKEN_AUDIENCE, read
from infra.untrusted_text import shown
from infra.wording import counted
from ops import (
    attribute_mapping,
    cel_engine,
    failure_causes,
    google_client_errors,
    launcher_causes,
    picture_causes,
)
from ops.attribute_mapping import CLOCK_SKEW_SECONDS, MappingError
from ops.commands import EXPORT, PRIMUS, RESULTS
from ops.evidence import Kind
from ops.failure_causes import By
from ops.verdict import Row, Verdict
from workload.errors import Detail, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.attestation.clause import Clause
    from ops.evidence import Evidence

UNCHECKED: Final = (
    "Not checked here: the grants to act as the model's reader and to read its bucket, and the"
    f" model's hash. The run's `result` says whether they held: {RESULTS}"
)
LATER: Final = (
    f"Its `result` says why the workload failed: {RESULTS}. If there is none of this run, the"
    " workload could not write one: "
    + failure_causes.FAILURES[Failure.RESULTS_NOT_WRITABLE].cure
    + "; or it was stopped from outside, or ran out of memory: a larger machineType"
)
AS_PRINTED: Final = " as far as the serial console tells"
UNSIGNED: Final = "The token's signature was not checked: anybody can write such claims."
INEXACT: Final = (
    "The serial console prints claims without quotes; a text with a space in it was read as well as"
    f" can be. Cloud Logging holds them exactly: {EXPORT}"
)
NEVER_SAYS: Final = (
    "Google never says which clause refused. Only the token's claims tell, and the launcher logs"
    " them: the cure gets them."
)


class DefectError(Exception):
    """Engine and clauses disagree, so nothing that could be said would be worth anything."""


def judge(evidence: Evidence, condition: str, now: float) -> Verdict:
    """The verdict at a moment; the condition is needed for claims, and may else be empty.

    PolicyError for a condition that this program did not write, DefectError for its own mistake.
    """
    if evidence.said is not None:
        return _failed(evidence, evidence.said)
    if evidence.claims is None:
        return _left_results(evidence)
    clauses = read(condition)
    rows = explain(evidence.claims, condition, clauses)
    failed = [row for row in rows if not row.passed]
    are = "is" if len(failed) == 1 else "are"
    unmet = f"{len(failed)} of {counted(len(rows), 'clause')} {are} not met"
    notes = tuple(_notes(evidence, clauses, now))
    early = _token_service(evidence, now)
    if early is not None:
        detail, facts = early
        foreign = detail in (Detail.AUDIENCE, Detail.ISSUER)
        told = failure_causes.of_result(f"{Failure.TOKEN_REJECTED.code}: {detail}")
        cause = failure_causes.OTHER_TOKEN if foreign else told
        sentence = f'Refused by the token service before the condition: "{detail}" {facts}'
        if failed:
            sentence += f" The condition would refuse it, too: {unmet}."
        return Verdict(
            kind=evidence.kind,
            sentence=sentence,
            by=cause.by,
            mistake_of=cause.mistake_of,
            cure=cause.cure,
            rows=rows,
            notes=notes,
        )
    if failed:
        sentence = f"Refused by the condition: {unmet}."
        return Verdict(
            kind=evidence.kind, sentence=sentence, by=By.CONDITION, rows=rows, notes=notes
        )
    late = (LATER,) if evidence.ended_badly else ()
    end = " The workload failed afterwards." if evidence.ended_badly else ""
    every = f"all {counted(len(rows), 'clause')}" if len(rows) > 1 else "its one clause"
    surely = "" if evidence.exact else AS_PRINTED
    sentence = f"Admitted by the condition{surely}: the claims meet {every}.{end}"
    return Verdict(
        kind=evidence.kind,
        sentence=sentence,
        rows=rows,
        failed_afterwards=evidence.ended_badly,
        notes=(*notes, *late) if late else (*notes, UNCHECKED),
    )


def _left_results(evidence: Evidence) -> Verdict:
    """The run got the model; what became of its pictures is another matter."""
    failed = sum(evidence.failed.values())
    if not failed:
        sentence = f"Admitted: the run classified {counted(evidence.pictures, 'picture')}."
        return Verdict(kind=evidence.kind, sentence=sentence)
    of = f"{failed} of {counted(evidence.pictures, 'picture')}"
    return Verdict(
        kind=evidence.kind,
        sentence=f"Admitted: the run got the model. But {of} could not be classified.",
        pictures=picture_causes.explained(evidence.failed),
        failed_afterwards=True,
    )


def explain(
    claims: Mapping[str, Any], condition: str, clauses: Sequence[Clause]
) -> tuple[Row, ...]:
    """Every clause of a condition; DefectError unless together they say what the engine says."""
    rows = tuple(_row(clause, claims) for clause in clauses)
    admitted = cel_engine.holds(condition, {"assertion": claims})
    if admitted != all(row.passed for row in rows):
        verdict = "admits" if admitted else "refuses"
        raise DefectError(
            f"Google's engine {verdict} these claims, and the clauses say otherwise: a defect of"
            " this program, so nothing is explained. Please report it, with condition and claims"
        )
    return rows


def _row(clause: Clause, claims: Mapping[str, Any]) -> Row:
    passed = clause.check(claims)
    return Row(
        clause=clause.sentence,
        claim=clause.claim,
        passed=passed,
        expected=shown(clause.expected),
        got=shown(clause.got(claims)),
        mistake_of=None if passed else clause.blame(claims),
        cure=None if passed else clause.cure,
    )


def _failed(evidence: Evidence, said: str) -> Verdict:
    """A refusal in the launcher's or the workload's words."""
    told = said
    if evidence.kind is Kind.LOG:
        cause = launcher_causes.of_launcher(said)
        sentence = f'Refused by the launcher, line {evidence.line}: "{shown(said)}"'
    else:
        told = google_client_errors.in_our_words(said)
        cause = failure_causes.of_result(told)
        sentence = f'Refused ({cause.by}): "{shown(said)}"'
    unknown_clause = told == f"{Failure.RELEASE_REFUSED.code}: {Detail.CONDITION}"
    return Verdict(
        kind=evidence.kind,
        sentence=sentence,
        by=cause.by,
        mistake_of=cause.mistake_of,
        cure=cause.cure,
        notes=(NEVER_SAYS,) if unknown_clause else (),
    )


def _token_service(evidence: Evidence, now: float) -> tuple[Detail, str] | None:
    """What Google's token service refuses before it asks the condition, and the facts."""
    claims = evidence.claims or {}
    audience, issuer = claims.get("aud"), claims.get("iss")
    if TOKEN_AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
        return Detail.AUDIENCE, f"(aud: got {_told(audience)}, expected {TOKEN_AUDIENCE})"
    if str(issuer).rstrip("/") != ISSUER.rstrip("/"):
        return Detail.ISSUER, f"(iss: got {_told(issuer)}, expected {ISSUER})"
    # Claims in a log were fresh when the workload used them, and claims alone may be of a log.
    if evidence.kind is Kind.TOKEN and not _timely(claims, now):
        return Detail.STALE, f"({_times(claims)}; now {int(now)})"
    try:
        attribute_mapping.attributes(MAPPING, claims)
    except MappingError as refusal:
        size = str(refusal).startswith(str(Detail.SUBJECT_SIZE))
        return Detail.SUBJECT_SIZE if size else Detail.SUBJECT_TYPE, f"(got {_subject(claims)})"
    return None


_SUBJECT: Final = (
    "submods.container.image_digest",
    "submods.gce.project_number",
    "submods.gce.instance_id",
)
"""The claims that the mapping makes `google.subject` of: texts, all of them."""


def _subject(claims: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {got(claims, path)[:LONGEST_CLAIM]}" for path in _SUBJECT)


LONGEST_CLAIM: Final = 100


def _times(claims: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_told(claims.get(name))}" for name in ("iat", "nbf", "exp"))


def _timely(claims: Mapping[str, Any], now: float) -> bool:
    try:
        issued, expires = float(claims["iat"]), float(claims["exp"])
        starts = max(issued, float(claims.get("nbf", issued)))
    except (KeyError, TypeError, ValueError):
        return False
    return starts - CLOCK_SKEW_SECONDS <= now < expires + CLOCK_SKEW_SECONDS


def _notes(evidence: Evidence, clauses: Sequence[Clause], now: float) -> list[str]:
    notes = [UNSIGNED] if evidence.kind is Kind.TOKEN else []
    if evidence.kind is Kind.CLAIMS and not _timely(evidence.claims or {}, now):
        notes.append(
            f"These claims are not good now ({_times(evidence.claims or {})}; now {int(now)}): a"
            " token with them would be refused before the condition."
        )
    if not evidence.exact:
        notes.append(INEXACT)
    if unpinned := sorted(CLAIMS - {clause.claim for clause in clauses}):
        notes.append(
            f"This condition says nothing of {', '.join(unpinned)}, which this version of the"
            f" program pins: {PRIMUS}"
        )
    return notes


def _told(value: object) -> str:
    return "nothing" if value is None else shown(json.dumps(value))
