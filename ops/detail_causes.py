"""The cause of each detail that a failure's message can have, and of a whole message.

Which clause of the condition refused is not in a result object: `why` finds it in the claims.
docs/errors.md is generated from this table: `python -m ops.error_table`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from infra.attestation.clause import Party
from ops.cause import RUN_AGAIN, UNTIL_GRANTED, Cause, RefusedBy, Seen
from ops.commands import AGAIN, PRIMUS, SECUNDUS
from ops.failure_causes import DEPLOY_PROVIDER, FAILURES, author, token_service
from ops.slice_causes import SLICES
from workload.errors import Detail, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping


def _same(failure: Failure, when: str, seen: Seen | None = None) -> Cause:
    """The failure's cause, of which the detail says more closely when it happens."""
    cause = FAILURES[failure]
    return replace(cause, when=when, seen=seen or cause.seen)


_MALFORMED: Final = _same(Failure.SETTINGS_INVALID, "the setting does not have this form")

OTHER_TOKEN: Final = token_service(
    "the token has another audience or issuer than the launcher's own",
    Party.OPERATOR,
    "present the launcher's own default token, as this program's workload does",
)
"""For a token in a file. The workload presents the launcher's own token, so in its result object
the same sentences are about the provider."""

DETAILS: Final[Mapping[Failure, Mapping[Detail, Cause]]] = {
    Failure.SETTINGS_INVALID: {
        Detail.MODEL_URI: _MALFORMED,
        Detail.MODEL_SHA256: _MALFORMED,
        Detail.MODEL_AUDIENCE: _MALFORMED,
        Detail.MODEL_READER: _MALFORMED,
        Detail.INPUT_URI: _MALFORMED,
        Detail.SUBSCRIPTION: _MALFORMED,
        Detail.RESULT_URI: _same(
            Failure.SETTINGS_INVALID,
            "the setting does not have this form, so there is no place for a result object",
            Seen.NOWHERE,
        ),
        Detail.SAME_BUCKET: _same(
            Failure.SETTINGS_INVALID, "the results would be listed among the pictures"
        ),
    },
    Failure.RELEASE_REFUSED: {
        Detail.CONDITION: _same(
            Failure.RELEASE_REFUSED,
            "a clause is not met, or a claim that it names is missing; Google does not say which",
        ),
        Detail.SUBJECT_TYPE: token_service(
            "the provider's mapping gives no subject", Party.AUTHOR, DEPLOY_PROVIDER
        ),
        Detail.SUBJECT_SIZE: token_service(
            "the provider's mapping gives too long a subject", Party.AUTHOR, DEPLOY_PROVIDER
        ),
    },
    Failure.TOKEN_REJECTED: {
        Detail.AUDIENCE: _same(
            Failure.TOKEN_REJECTED,
            "the provider accepts other audiences than the launcher's `https://sts.googleapis.com`",
        ),
        Detail.ISSUER: _same(
            Failure.TOKEN_REJECTED,
            "the provider trusts another issuer than Google's attestation service",
        ),
        Detail.STALE: token_service(
            "the token is older than an hour",
            Party.OPERATOR,
            f"a token is valid for an hour; get a new one: {AGAIN}",
        ),
        Detail.SIGNATURE: token_service(
            "the token was changed or forged",
            Party.OPERATOR,
            "use a token that Google's attestation service signed",
        ),
        Detail.ISSUER_UNREACHABLE: token_service(
            "Google cannot get the issuer's keys, or none of them is the one that the token names",
            Party.PLATFORM,
            RUN_AGAIN,
        ),
    },
    Failure.PROVIDER_UNAVAILABLE: {
        Detail.TARGET: _same(
            Failure.PROVIDER_UNAVAILABLE,
            "the pool or the provider was deleted or disabled, or `MODEL_AUDIENCE` names none",
        ),
        Detail.AUDIENCE_MALFORMED: token_service(
            "`MODEL_AUDIENCE` is not a provider's full name",
            Party.OPERATOR,
            f"let this program write MODEL_AUDIENCE into the metadata: {SECUNDUS} --refresh",
        ),
    },
    Failure.IMPERSONATION_REFUSED: {
        Detail.IMPERSONATION: _same(
            Failure.IMPERSONATION_REFUSED, "the same, in Google's own sentence"
        ),
    },
    Failure.RELEASE_FAILED: {
        Detail.QUOTA: Cause(
            "Google answers 429",
            RefusedBy.TOKEN_SERVICE,
            Party.PLATFORM,
            RUN_AGAIN,
            UNTIL_GRANTED,
        ),
    },
    Failure.MODEL_UNUSABLE: {
        Detail.GRAPH_TOO_LARGE: author(
            "the graph's file is larger than 32 MiB; or its constants, or its functions written out"
            " at each call, would take too much memory",
            f"keep the model's weights in variables, not in constants of the graph: {PRIMUS}",
        ),
    },
    Failure.RUN_CRASHED: {
        Detail.SIGABRT: _same(
            Failure.RUN_CRASHED, "a library aborts, as C++ does when it has no memory left"
        ),
        Detail.SIGBUS: _same(
            Failure.RUN_CRASHED, "a library reads a mapped file that has become shorter"
        ),
        Detail.SIGFPE: _same(Failure.RUN_CRASHED, "a division fails, most often by zero"),
        Detail.SIGILL: _same(
            Failure.RUN_CRASHED, "a library uses an instruction that the processor does not have"
        ),
        Detail.SIGSEGV: _same(
            Failure.RUN_CRASHED,
            "a library uses memory that is not its own; most often while it loads a damaged model",
        ),
    },
    Failure.INPUT_NOT_READABLE: {
        Detail.STAYS_BUSY: Cause(
            "32 pictures have waited two minutes each without success, and the next one cannot be"
            " read at once; complete parts stay for the next start",
            RefusedBy.BUCKET,
            Party.PLATFORM,
            f"run it again, and it keeps what was classified: {AGAIN}",
        ),
    },
}
"""Each detail, by the failure whose sentence it replaces."""

_BY_SENTENCE: Final[Mapping[str, Cause]] = {
    detail: cause for details in DETAILS.values() for detail, cause in details.items()
}
_UNKNOWN_CODE: Final = Cause(
    "this program does not know the code",
    RefusedBy.WORKLOAD,
    None,
    "this program does not know the code; use the version that deployed it",
)
_OTHER_WORKLOAD: Final = Cause(
    "another workload wrote this message",
    RefusedBy.WORKLOAD,
    None,
    "another workload wrote this message: ask its author",
)


def cause_of_detail(detail: Detail) -> Cause:
    """The cause of a detail, whatever failure it stands in."""
    return _BY_SENTENCE[detail]


def cause_of_result(message: str) -> Cause:
    """The cause of `code: sentence`, as a result object or a fleet's cause holds it."""
    code, _, sentence = message.partition(": ")
    if sentence in _BY_SENTENCE:
        return _BY_SENTENCE[sentence]
    for failure, cause in FAILURES.items():
        if code == failure.code:
            return cause
    for refused, cause in SLICES.items():
        if code == refused.code:
            return cause
    return _UNKNOWN_CODE if re.fullmatch("[a-z_]+", code) else _OTHER_WORKLOAD
