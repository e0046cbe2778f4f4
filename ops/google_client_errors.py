"""Refusals in the words of Google's client libraries, as other workloads write them into `result`.

Google's published example writes whatever exception it met. Its sentence is the token service's or
Cloud Storage's, so it means what this program's own code for it means.
"""

from __future__ import annotations

import re
from typing import Final

from workload.errors import Detail, Failure, WorkloadError, refused_by_token_service

_TOKEN_SERVICE: Final = re.compile(
    r"\W{0,2}Error code (?P<error>\w+): (?P<description>.*?)(?: - https?://\S+)?(?:['\"], |$)"
)
"""google.auth.exceptions.OAuthError, which is a pair: a sentence, and the body of the answer.
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
"""What stands in a sentence, the first that does: the example reads the model by `get` and lists
nothing but pictures."""


def in_our_words(said: str) -> str:
    """`code: sentence` for a refusal that Google told; any other text as it is."""
    if found := _TOKEN_SERVICE.match(said):
        description = found["description"].replace("\\'", "'")
        return str(refused_by_token_service(found["error"], description))
    told = (str(error) for words, error in _OTHERS if words in said)
    return said if re.match(r"[a-z_]+: ", said) else next(told, said)
