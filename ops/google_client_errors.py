"""Translates errors of Google's client libraries that another workload wrote into its `result`.

Google's published example writes any exception as it is. The sentence in it comes from the token
service or from Cloud Storage, for which this program has a code.
"""

from __future__ import annotations

import re
from typing import Final

from workload.errors import Detail, Failure, WorkloadError, refused_by_token_service

_TOKEN_SERVICE: Final = re.compile(
    r"\W{0,2}Error code (?P<error>\w+): (?P<description>.*?)(?: - https?://\S+)?(?:['\"], |$)"
)
"""google.auth.exceptions.OAuthError is a pair: a sentence, and the body of the response.
https://github.com/googleapis/google-auth-library-python/blob/main/google/oauth2/utils.py"""

_OTHERS: Final[tuple[tuple[str, WorkloadError], ...]] = (
    (
        "iam.serviceAccounts.getAccessToken",
        WorkloadError(Failure.IMPERSONATION_REFUSED, Detail.IMPERSONATION),
    ),
    ("attestation_verifier_claims_token", WorkloadError(Failure.ATTESTATION_TOKEN_MISSING)),
    ("storage.objects.list", WorkloadError(Failure.INPUT_NOT_READABLE)),
    ("storage.objects.get", WorkloadError(Failure.MODEL_NOT_READABLE)),
    ("No such object", WorkloadError(Failure.MODEL_NOT_READABLE)),
)
"""A part of the sentence and the error that it means; the first match decides. The published
example calls `get` for the model only, and `list` for the pictures only."""


def as_workload_message(message: str) -> str:
    """`code: sentence` for an error of Google's libraries; any other message unchanged."""
    if error := _TOKEN_SERVICE.match(message):
        description = error["description"].replace("\\'", "'")
        return str(refused_by_token_service(error["error"], description))
    if re.match(r"[a-z_]+: ", message):
        return message
    return next((str(error) for part, error in _OTHERS if part in message), message)
