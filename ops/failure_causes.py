"""The cause of each failure of a run, by its code; what its details change is in `detail_causes`.

docs/errors.md is generated from this table: `python -m ops.error_table`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.attestation.clause import Party
from ops.cause import (
    REBUILD,
    RUN_AGAIN,
    UNTIL_GRANTED,
    WHILE_BUSY,
    Cause,
    RefusedBy,
    Seen,
)
from ops.commands import AGAIN, EXPLAIN, EXPORT, PACK, PRIMUS, SECUNDUS
from workload import settings
from workload.errors import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping


def author(when: str, fix: str) -> Cause:
    """The workload refuses, and the image or the model must change."""
    return Cause(when, RefusedBy.WORKLOAD, Party.AUTHOR, fix)


def _operator(when: str, fix: str, seen: Seen = Seen.RESULT) -> Cause:
    return Cause(when, RefusedBy.WORKLOAD, Party.OPERATOR, fix, seen=seen)


def token_service(when: str, mistake_of: Party, fix: str) -> Cause:
    """Google's token service refuses."""
    return Cause(when, RefusedBy.TOKEN_SERVICE, mistake_of, fix)


_BOOT: Final = f"{SECUNDUS} --refresh"
DEPLOY_PROVIDER: Final = f"deploy the provider again as this program writes it: {PRIMUS} --refresh"

FAILURES: Final[Mapping[Failure, Cause]] = {
    Failure.INTERNAL_ERROR: author("something happens that the code does not expect", REBUILD),
    Failure.SETTINGS_INVALID: _operator(
        "settings are missing or malformed; the sentences of the next rows say which",
        f"let this program write the settings: {SECUNDUS}",
    ),
    Failure.IDENTITY_UNAVAILABLE: Cause(
        "the metadata server gives no token for the machine's account",
        RefusedBy.IAM,
        Party.OPERATOR,
        f"give the machine its service account: {_BOOT}",
        "5 times",
        Seen.NOWHERE,
    ),
    Failure.RESULTS_NOT_WRITABLE: Cause(
        "the run cannot delete an earlier run's results when it starts, or write its own later",
        RefusedBy.BUCKET,
        Party.OPERATOR,
        f"grant the workload's account the result bucket: {_BOOT}",
        f"{UNTIL_GRANTED}, later {WHILE_BUSY}",
        Seen.NOWHERE,
    ),
    Failure.RESULTS_TAKEN: Cause(
        "`results.jsonl` is not the one that this run wrote: a second machine has the same result"
        " bucket, or somebody wrote the object; this run leaves the other run's objects unchanged",
        RefusedBy.BUCKET,
        Party.OPERATOR,
        f"let one machine at a time write into a result bucket; then {RUN_AGAIN}",
        seen=Seen.NOWHERE,
    ),
    Failure.ATTESTATION_TOKEN_MISSING: _operator(
        "the launcher has written no token: the machine is no Confidential Space",
        f"boot the image that confidentialSpaceImage names: {_BOOT}",
    ),
    Failure.RELEASE_REFUSED: Cause(
        "the condition of Primus' provider is not met; the next rows say more",
        RefusedBy.CONDITION,
        None,
        f"{EXPORT} && {EXPLAIN}",
    ),
    Failure.TOKEN_REJECTED: token_service(
        "Primus' provider does not accept this token; the next rows say why",
        Party.AUTHOR,
        DEPLOY_PROVIDER,
    ),
    Failure.PROVIDER_UNAVAILABLE: token_service(
        "the provider does not exist, or it is disabled; the next rows say which",
        Party.AUTHOR,
        f"{DEPLOY_PROVIDER}; then {SECUNDUS}",
    ),
    Failure.IMPERSONATION_REFUSED: Cause(
        "the condition is met, but this image has no grant to act as the model's reader",
        RefusedBy.IAM,
        Party.AUTHOR,
        f"grant the admitted image the model's reader: {PRIMUS} --refresh; minutes later: {AGAIN}",
        UNTIL_GRANTED,
    ),
    Failure.RELEASE_FAILED: Cause(
        "Google stays busy or out of reach; or it answers with a sentence that is not in this"
        " table, which is not retried",
        RefusedBy.TOKEN_SERVICE,
        None,
        RUN_AGAIN,
        UNTIL_GRANTED,
    ),
    Failure.MODEL_NOT_READABLE: Cause(
        "the reader has no grant on the model bucket, or Cloud Storage stays busy; or the object"
        " does not exist, which is not retried",
        RefusedBy.BUCKET,
        Party.AUTHOR,
        f"grant the model's reader the model bucket, and put the model there: {PRIMUS} --refresh",
        UNTIL_GRANTED,
    ),
    Failure.MODEL_TOO_LARGE: author(
        "the archive has more than 1 GiB", f"pack a smaller model: {PACK}; then {PRIMUS}"
    ),
    Failure.MODEL_HASH_MISMATCH: author(
        "the archive's SHA-256 is not `MODEL_SHA256`",
        f"put the agreed model back: {PRIMUS} --refresh; then {SECUNDUS}",
    ),
    Failure.MODEL_ARCHIVE_REJECTED: author(
        "the archive is damaged, is too large unpacked, has more than 4 MiB of extended headers, or"
        " holds links, devices, or paths outside its own folder",
        f"pack the model again: {PACK}; then {PRIMUS}",
    ),
    Failure.MODEL_MANIFEST_INVALID: author(
        "the archive's `manifest.json` is missing or does not have the agreed form",
        f"pack the model again: {PACK}; then {PRIMUS}",
    ),
    Failure.MODEL_UNUSABLE: author(
        "the model cannot be loaded, has another signature than its manifest, or fails when it is"
        " used; or an offset or index in a LiteRT file is out of range",
        f"pack the model, which says what does not agree: {PACK}; then {PRIMUS}",
    ),
    Failure.MODEL_OPERATION_FORBIDDEN: author(
        "the model holds an operation that is not on the list; it is not loaded",
        f"pack the model, which names the operation: {PACK}; then {PRIMUS}",
    ),
    Failure.MODEL_SCORES_INVALID: author(
        "for every picture the model answers NaN, infinity, or numbers that are not what the"
        " manifest's `scores` says",
        f"pack the model with a sample, which shows its scores: {PACK}; then {PRIMUS}",
    ),
    Failure.MODEL_GOLDEN_MISMATCH: author(
        "the model's answers to the golden pictures in the archive are further from its owner's"
        " than their tolerance, because range, resizing, engine or processor differ",
        f"pack the model again, with a larger tolerance if the difference is harmless: {PACK}; then"
        f" {PRIMUS}",
    ),
    Failure.MODEL_TOO_SLOW: author(
        f"the model does not answer a batch within {settings.MODEL_SECONDS} s",
        f"pack a smaller model, or smaller batches: {PACK}; then {PRIMUS}",
    ),
    Failure.ENGINE_MISSING: author(
        "the manifest names a format whose engine is in another image",
        f"build the image for the model's format: {PRIMUS}",
    ),
    Failure.RUN_CRASHED: author(
        "the engine or a library crashes, by a signal without a row of its own",
        f"correct what crashes, the model or the workload: {PRIMUS}",
    ),
    Failure.RUN_OUT_OF_MEMORY: Cause(
        "the kernel kills the run because memory is short, or refuses to give it more",
        RefusedBy.WORKLOAD,
        None,
        "use a machine with more memory (machineType in stack secundus), or a smaller model",
    ),
    Failure.RUN_KILLED: Cause(
        "something other than a shortage of memory kills the run, and only the run",
        RefusedBy.WORKLOAD,
        None,
        RUN_AGAIN,
    ),
    Failure.RUN_STOPPED: _operator(
        "the machine is stopped while the run is at work",
        f"let the machine run to its end: {AGAIN}",
    ),
    Failure.DECODERS_NOT_CONFINED: _operator(
        "the kernel cannot filter system calls (seccomp), or the machine is neither x86-64 nor"
        " ARM64",
        f"boot the image that confidentialSpaceImage names, on x86-64: {_BOOT}",
    ),
    Failure.INPUT_NOT_READABLE: Cause(
        "the workload's account has no grant on the input bucket, or Cloud Storage stays busy",
        RefusedBy.BUCKET,
        Party.OPERATOR,
        f"grant the workload's account the input bucket: {_BOOT}",
        UNTIL_GRANTED,
    ),
    Failure.NO_PICTURES: Cause(
        "the bucket is empty",
        RefusedBy.BUCKET,
        Party.OPERATOR,
        f"put pictures into the input bucket, and {RUN_AGAIN}",
    ),
    Failure.SUBSCRIPTION_NOT_USABLE: Cause(
        "the workload's account has no grant on the fleet's subscription, the subscription does not"
        " exist, or Pub/Sub stays busy",
        RefusedBy.IAM,
        Party.OPERATOR,
        f"let this program declare subscription and grant: {_BOOT}",
        UNTIL_GRANTED,
    ),
}
"""A message that has no detail, or a detail that is not in DETAILS, has the cause of its code."""
