"""Who refused, whose mistake that is, and the shortest cure: for every refusal but the condition's.

Tables only, of the codes and sentences of a result object; the launcher's are in `launcher_causes`.
Which clause of the condition refused is `why`'s to find out, from claims.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from infra.attestation.clause import Party
from ops.commands import AGAIN, EXPLAIN, EXPORT, PRIMUS, SECUNDUS
from workload.errors import Detail, Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

REBUILD: Final = "have the image's author mend the workload, build it and admit it: " + PRIMUS


class By(StrEnum):
    """Who refused."""

    CONDITION = "condition"
    TOKEN_SERVICE = "token service"  # noqa: S105  a name, no secret
    LAUNCHER = "launcher"
    IAM = "iam"
    BUCKET = "bucket"
    WORKLOAD = "workload"


@dataclass(frozen=True)
class Cause:
    """One refusal explained."""

    by: By
    mistake_of: Party | None
    """None where what was given does not tell"""
    cure: str


_REFRESH: Final = f"deploy the provider again as this program writes it: {PRIMUS} --refresh"

FAILURES: Final[Mapping[Failure, Cause]] = {
    Failure.INTERNAL_ERROR: Cause(By.WORKLOAD, Party.AUTHOR, REBUILD),
    Failure.SETTINGS_INVALID: Cause(
        By.WORKLOAD, Party.OPERATOR, f"let this program write the settings: {SECUNDUS}"
    ),
    Failure.IDENTITY_UNAVAILABLE: Cause(
        By.IAM, Party.OPERATOR, f"give the machine its service account: {SECUNDUS} --refresh"
    ),
    Failure.RESULTS_NOT_WRITABLE: Cause(
        By.BUCKET,
        Party.OPERATOR,
        f"grant the workload's account the result bucket: {SECUNDUS} --refresh",
    ),
    Failure.RESULTS_TAKEN: Cause(
        By.BUCKET,
        Party.OPERATOR,
        f"let one machine at a time write into a result bucket; then run it again: {AGAIN}",
    ),
    Failure.ATTESTATION_TOKEN_MISSING: Cause(
        By.WORKLOAD,
        Party.OPERATOR,
        f"boot the image that confidentialSpaceImage names: {SECUNDUS} --refresh",
    ),
    Failure.RELEASE_REFUSED: Cause(By.CONDITION, None, f"{EXPORT} && {EXPLAIN}"),
    Failure.TOKEN_REJECTED: Cause(By.TOKEN_SERVICE, Party.AUTHOR, _REFRESH),
    Failure.PROVIDER_UNAVAILABLE: Cause(
        By.TOKEN_SERVICE, Party.AUTHOR, f"{_REFRESH}; then {SECUNDUS}"
    ),
    Failure.IMPERSONATION_REFUSED: Cause(
        By.IAM,
        Party.AUTHOR,
        f"grant the admitted image the model's reader: {PRIMUS} --refresh; minutes later: {AGAIN}",
    ),
    Failure.RELEASE_FAILED: Cause(By.TOKEN_SERVICE, None, f"run it again: {AGAIN}"),
    Failure.MODEL_NOT_READABLE: Cause(
        By.BUCKET,
        Party.AUTHOR,
        f"grant the model's reader the model bucket, and put the model there: {PRIMUS} --refresh",
    ),
    Failure.MODEL_TOO_LARGE: Cause(By.WORKLOAD, Party.AUTHOR, f"pack a smaller model: {PRIMUS}"),
    Failure.MODEL_HASH_MISMATCH: Cause(
        By.WORKLOAD,
        Party.AUTHOR,
        f"put the agreed model back: {PRIMUS} --refresh; then {SECUNDUS}",
    ),
    Failure.MODEL_ARCHIVE_REJECTED: Cause(
        By.WORKLOAD, Party.AUTHOR, f"pack the model again: {PRIMUS}"
    ),
    Failure.MODEL_MANIFEST_INVALID: Cause(
        By.WORKLOAD, Party.AUTHOR, f"mend the model's manifest, and pack it again: {PRIMUS}"
    ),
    Failure.MODEL_UNUSABLE: Cause(
        By.WORKLOAD, Party.AUTHOR, f"make the model and its manifest agree: {PRIMUS}"
    ),
    Failure.MODEL_OPERATION_FORBIDDEN: Cause(
        By.WORKLOAD,
        Party.AUTHOR,
        f"export the classifier alone, without other code: {PRIMUS}",
    ),
    Failure.MODEL_SCORES_INVALID: Cause(
        By.WORKLOAD, Party.AUTHOR, f"mend the model, to end in a softmax of finite values: {PRIMUS}"
    ),
    Failure.ENGINE_MISSING: Cause(
        By.WORKLOAD, Party.AUTHOR, f"build the image for the model's format: {PRIMUS}"
    ),
    Failure.RUN_CRASHED: Cause(
        By.WORKLOAD, Party.AUTHOR, f"mend what crashes, the model or the workload: {PRIMUS}"
    ),
    Failure.RUN_OUT_OF_MEMORY: Cause(
        By.WORKLOAD,
        None,
        "take a machine with more memory (machineType in stack secundus), or a smaller model",
    ),
    Failure.RUN_KILLED: Cause(By.WORKLOAD, None, f"run it again: {AGAIN}"),
    Failure.RUN_STOPPED: Cause(
        By.WORKLOAD, Party.OPERATOR, f"let the machine run to its end: {AGAIN}"
    ),
    Failure.DECODERS_NOT_CONFINED: Cause(
        By.WORKLOAD,
        Party.OPERATOR,
        f"boot the image that confidentialSpaceImage names, on x86-64: {SECUNDUS} --refresh",
    ),
    Failure.INPUT_NOT_READABLE: Cause(
        By.BUCKET,
        Party.OPERATOR,
        f"grant the workload's account the input bucket: {SECUNDUS} --refresh",
    ),
    Failure.NO_PICTURES: Cause(
        By.BUCKET, Party.OPERATOR, f"put pictures into the input bucket, and run it again: {AGAIN}"
    ),
}

_MAPPING: Final = Cause(By.TOKEN_SERVICE, Party.AUTHOR, _REFRESH)
OTHER_TOKEN: Final = Cause(
    By.TOKEN_SERVICE,
    Party.OPERATOR,
    "present the launcher's own default token, as this program's workload does",
)
"""A token with another audience or issuer than the launcher's own; what the workload presents has
both, so in its result the same sentences are about the provider."""
_SERVICE: Final = Cause(By.TOKEN_SERVICE, Party.PLATFORM, f"run it again: {AGAIN}")

DETAILS: Final[Mapping[Detail, Cause]] = {
    Detail.SUBJECT_TYPE: _MAPPING,
    Detail.SUBJECT_SIZE: _MAPPING,
    Detail.STALE: Cause(
        By.TOKEN_SERVICE, Party.OPERATOR, f"a token is good for an hour; get a new one: {AGAIN}"
    ),
    Detail.SIGNATURE: Cause(
        By.TOKEN_SERVICE, Party.OPERATOR, "use a token that Google's attestation service signed"
    ),
    Detail.ISSUER_UNREACHABLE: _SERVICE,
    Detail.AUDIENCE_MALFORMED: Cause(
        By.TOKEN_SERVICE,
        Party.OPERATOR,
        f"let this program write MODEL_AUDIENCE into the metadata: {SECUNDUS}",
    ),
    Detail.QUOTA: _SERVICE,
    Detail.STAYS_BUSY: Cause(
        By.BUCKET, Party.PLATFORM, f"run it again; what was classified is kept: {AGAIN}"
    ),
    Detail.GRAPH_TOO_LARGE: Cause(
        By.WORKLOAD,
        Party.AUTHOR,
        f"keep the model's weights in variables, not in constants of the graph: {PRIMUS}",
    ),
}
"""Where a detail means something else than the failure it stands in."""


def of_result(said: str) -> Cause:
    """What `code: sentence` of a result object means."""
    code, _, reason = said.partition(": ")
    for detail, cause in DETAILS.items():
        if reason == detail:
            return cause
    for failure, cause in FAILURES.items():
        if code == failure.code:
            return cause
    known_form = re.fullmatch("[a-z_]+", code) is not None
    return Cause(By.WORKLOAD, None, _UNKNOWN_CODE if known_form else _UNKNOWN_WORKLOAD)


_UNKNOWN_CODE: Final = "this program does not know the code; use the version that deployed it"
_UNKNOWN_WORKLOAD: Final = "these are another workload's own words: ask whoever wrote it"
