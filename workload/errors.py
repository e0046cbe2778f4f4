"""All failures, and every sentence about a failure that may leave the enclave.

On Confidential Space the operator sees neither the container's exit code nor its log, only the
result object. Its text is chosen from these tables. The text of an exception never leaves the
enclave: it may hold a path, the name of a tensor or a claim of the token. `credentials` and
`storage` translate exceptions; this module does not.
"""

from __future__ import annotations

import re
from enum import Enum, StrEnum


class Failure(Enum):
    """A failure of the whole run: exit code, and the sentence if there is no `Detail`."""

    INTERNAL_ERROR = 1, "The workload met a situation it does not know."
    SETTINGS_INVALID = 2, "The launch settings are not valid."
    IDENTITY_UNAVAILABLE = 3, "The virtual machine's service account gives no credentials."
    RESULTS_NOT_WRITABLE = 4, "The result bucket can't be written to."
    ATTESTATION_TOKEN_MISSING = 5, "There is no attestation token: not a Confidential Space."
    RELEASE_REFUSED = 6, "The model's owner did not release it to this workload."
    TOKEN_REJECTED = 7, "The token service does not accept the attestation token."
    PROVIDER_UNAVAILABLE = 8, "The identity provider of the model's owner can't be used."
    IMPERSONATION_REFUSED = 9, "This workload may not act as the model's reader."
    RELEASE_FAILED = 10, "The credentials for the model could not be had."
    MODEL_NOT_READABLE = 11, "The model's archive can't be read."
    MODEL_TOO_LARGE = 12, "The model's archive is larger than this workload takes."
    MODEL_HASH_MISMATCH = 13, "The model's archive is not the one that was agreed on."
    MODEL_ARCHIVE_REJECTED = 14, "The model's archive is damaged or holds what it must not hold."
    MODEL_MANIFEST_INVALID = 15, "The model's manifest is not valid."
    MODEL_UNUSABLE = 16, "The model does not do what its manifest says."
    INPUT_NOT_READABLE = 17, "The input bucket can't be read."
    NO_PICTURES = 18, "The input bucket holds no pictures."
    MODEL_OPERATION_FORBIDDEN = 19, "The model holds an operation that this workload does not run."
    MODEL_SCORES_INVALID = 20, "The model gave valid scores for no picture."
    ENGINE_MISSING = 21, "This image does not have the engine that the model's manifest names."
    DECODERS_NOT_CONFINED = 22, "This machine's kernel does not confine what decodes pictures."
    RUN_CRASHED = 23, "A signal ended the run."
    RUN_OUT_OF_MEMORY = 24, "This machine has no memory left for the run."
    RUN_KILLED = 25, "The run was killed (SIGKILL)."
    RUN_STOPPED = 26, "The run was told to stop (SIGTERM)."
    RESULTS_TAKEN = 27, "Another run began to leave its results in the same bucket."
    MODEL_GOLDEN_MISMATCH = 28, "The model's answers to its golden pictures are not its owner's."
    MODEL_TOO_SLOW = 29, "The model takes more time than this workload gives one."
    SUBSCRIPTION_NOT_USABLE = 30, "The subscription with the work can't be pulled from."

    def __init__(self, exit_code: int, sentence: str) -> None:
        self.exit_code = exit_code
        self.sentence = sentence

    @property
    def code(self) -> str:
        """The code in the result object."""
        return self.name.lower()


class PictureFailure(StrEnum):
    """A picture that can't be classified; the run continues."""

    NOT_READABLE = "picture_not_readable"
    VANISHED = "picture_vanished"
    CHANGED = "picture_changed"
    EMPTY = "picture_empty"
    TOO_LARGE = "picture_too_large"
    FORMAT_UNKNOWN = "picture_format_unknown"
    TOO_MANY_PIXELS = "picture_too_many_pixels"
    TOO_MANY_SCANS = "picture_too_many_scans"
    DAMAGED = "picture_damaged"
    SCORES_INVALID = "picture_scores_invalid"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_TOO_SLOW = "decoder_too_slow"

    @property
    def is_transient(self) -> bool:
        """Whether the same bytes may be classified later: the cause was temporary."""
        return self in (
            PictureFailure.NOT_READABLE,
            PictureFailure.DECODER_CRASHED,
            PictureFailure.DECODER_TOO_SLOW,
        )


class SliceFailure(Enum):
    """A slice of a job, or a message, that a worker of a fleet refuses; the worker continues."""

    MESSAGE_MALFORMED = "The message names neither a slice of a job nor a new picture."
    JOB_UNKNOWN = "The result bucket has no such job, or its object was edited."
    SLICE_UNKNOWN = "The job has no slice of this number."
    OTHER_INPUT = "The job or the picture belongs to another input bucket."
    OTHER_MODEL = "The job was submitted for another model."
    OTHER_IMAGE = "The job was submitted for another image of the workload."
    TRANSIENT_FAILURES = "Pictures failed for a transient reason, so the slice is tried again."
    INPUT_CHANGED = "Pictures of the slice were replaced or removed since the submission."

    @property
    def code(self) -> str:
        """The code in the object with the cause."""
        return self.name.lower()

    @property
    def sentence(self) -> str:
        """What happened."""
        return self.value


class SliceError(Exception):
    """A worker refuses a slice or a message."""

    def __init__(self, failure: SliceFailure) -> None:
        self.failure = failure
        super().__init__(f"{failure.code}: {failure.sentence}")


class Detail(StrEnum):
    """Sentences that can replace a failure's own sentence.

    Those about the release are Google's wording without Google's values
    (token service: https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel).
    """

    MODEL_URI = "MODEL_URI must be gs://BUCKET/OBJECT."
    MODEL_SHA256 = "MODEL_SHA256 must be 64 lower-case hexadecimal digits."
    MODEL_AUDIENCE = (
        "MODEL_AUDIENCE must be //iam.googleapis.com/projects/NUMBER/locations/global/"
        "workloadIdentityPools/POOL/providers/PROVIDER."
    )
    MODEL_READER = "MODEL_READER must be ACCOUNT@PROJECT.iam.gserviceaccount.com."
    INPUT_URI = "INPUT_URI must be gs://BUCKET."
    RESULT_URI = "RESULT_URI must be gs://BUCKET."
    SUBSCRIPTION = "SUBSCRIPTION must be projects/PROJECT/subscriptions/NAME."
    SAME_BUCKET = "RESULT_URI must be another bucket than INPUT_URI."

    CONDITION = "The given credential is rejected by the attribute condition."
    SUBJECT_TYPE = "The mapped attribute 'google.subject' must be of type STRING."
    SUBJECT_SIZE = "The size of mapped attribute google.subject exceeds the 127 bytes limit."
    AUDIENCE = "The audience in ID Token does not match the expected audience."
    ISSUER = "The issuer in ID Token does not match the expected one."
    STALE = "ID Token is stale to sign-in."
    SIGNATURE = "Unable to verify the ID Token signature."
    ISSUER_UNREACHABLE = "Error connecting to the given credential's issuer."
    TARGET = (
        'The target service indicated by the "audience" parameters is invalid. This might either '
        "be because the pool or provider is disabled or deleted or because it doesn't exist."
    )
    AUDIENCE_MALFORMED = 'Invalid value for "audience".'
    STAYS_BUSY = "Cloud Storage stays busy or out of reach."
    GRAPH_TOO_LARGE = "The model's graph takes more memory than this workload gives one."

    QUOTA = "The quota of the token service is exceeded."
    IMPERSONATION = "Permission 'iam.serviceAccounts.getAccessToken' denied."

    SIGABRT = "The run crashed (SIGABRT)."
    SIGBUS = "The run crashed (SIGBUS)."
    SIGFPE = "The run crashed (SIGFPE)."
    SIGILL = "The run crashed (SIGILL)."
    SIGSEGV = "The run crashed (SIGSEGV)."


class WorkloadError(Exception):
    """The whole run failed; the message consists of texts of this module only."""

    def __init__(self, failure: Failure, *details: Detail) -> None:
        self.failure = failure
        self.reason = " ".join(details) or failure.sentence
        super().__init__(f"{failure.code}: {self.reason}")


def as_workload_error(error: Exception) -> WorkloadError:
    """Translates any exception; an unexpected one becomes INTERNAL_ERROR without details."""
    if isinstance(error, WorkloadError):
        return error
    memory = isinstance(error, MemoryError)
    return WorkloadError(Failure.RUN_OUT_OF_MEMORY if memory else Failure.INTERNAL_ERROR)


class PictureError(Exception):
    """One picture can't be classified."""

    def __init__(self, failure: PictureFailure) -> None:
        self.failure = failure
        super().__init__(failure.value)


class BucketError(Exception):
    """A bucket or object can't be read, written or found; `job` decides what follows."""


class VanishedError(BucketError):
    """An object was listed and no longer exists."""


class ChangedError(BucketError):
    """An object now has another generation than the listed one."""


class BusyError(BucketError):
    """An object can't be read, and many earlier retries in this bucket failed, too."""


class EncodingError(BucketError):
    """An object's metadata says gzip, but its content is not valid gzip."""


class TooLargeError(Exception):
    """An object is larger than the caller's limit."""


_TOKEN_SERVICE: dict[tuple[str, Failure], dict[str, Detail]] = {
    ("unauthorized_client", Failure.RELEASE_REFUSED): {
        r"The given credential is rejected by the attribute condition\.": Detail.CONDITION,
        r"The mapped attribute 'google\.subject' must be of type STRING\.": Detail.SUBJECT_TYPE,
    },
    ("invalid_request", Failure.RELEASE_REFUSED): {
        r"The size of mapped attribute google\.subject exceeds the 127 bytes limit\..*": (
            Detail.SUBJECT_SIZE
        ),
    },
    ("invalid_grant", Failure.TOKEN_REJECTED): {
        r"The audience in ID Token .* does not match the expected audience\.": Detail.AUDIENCE,
        r"The issuer in ID Token .* does not match the expected ones?\b.*": Detail.ISSUER,
        r"ID Token issued at .* is stale to sign-in\.": Detail.STALE,
        r"Unable to verify the ID Token signature\.": Detail.SIGNATURE,
        r"Error connecting to the given credential's issuer\.": Detail.ISSUER_UNREACHABLE,
    },
    ("invalid_target", Failure.PROVIDER_UNAVAILABLE): {
        r'The target service indicated by the "audience" parameters is invalid\..*': Detail.TARGET,
    },
    ("invalid_request", Failure.PROVIDER_UNAVAILABLE): {
        r'Invalid value for "audience"\..*': Detail.AUDIENCE_MALFORMED,
    },
    ("quota_exceeded", Failure.RELEASE_FAILED): {r".*": Detail.QUOTA},
}
"""Answers of Google's token service: `error` and our failure; pattern of the whole
`error_description` and our sentence."""


def refused_by_token_service(error: str, description: str) -> WorkloadError:
    """Translates a refusal; RELEASE_FAILED without a detail if the table does not have it."""
    for (known, failure), sentences in _TOKEN_SERVICE.items():
        for pattern, detail in sentences.items():
            if error == known and re.fullmatch(pattern, description, re.DOTALL):
                return WorkloadError(failure, detail)
    return WorkloadError(Failure.RELEASE_FAILED)
