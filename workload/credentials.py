"""The two identities of a run, and the moment at which the model is released or refused.

The model's reader is Primus' account: the attestation token is exchanged at Google's token service,
whose provider evaluates Primus' condition, and the federated token then impersonates the reader.
The operator's account is the virtual machine's own. Nothing is cached on disk, and no credential
is ever printed. Google's addresses are constants: settings lead nowhere else.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import google.auth
from google.api_core.exceptions import RetryError
from google.auth import identity_pool
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import Request

from workload import retries
from workload.errors import Detail, Failure, WorkloadError, refused_by_token_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.auth.credentials import Credentials
    from google.auth.transport import Response

    from workload.settings import Settings

TOKEN_SERVICE = "https://sts.googleapis.com/v1/token"  # noqa: S105  an address
IMPERSONATION = (
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{reader}"
    ":generateAccessToken"
)
READ = "https://www.googleapis.com/auth/devstorage.read_only"
READ_WRITE = "https://www.googleapis.com/auth/devstorage.read_write"

ACT_AS = b"iam.serviceAccounts.getAccessToken"
RESPONSE_SECONDS = 20
"""How long one answer may take."""


def operator() -> Credentials:
    """The virtual machine's account, from the metadata server; raises IDENTITY_UNAVAILABLE.

    google-auth itself asks the metadata server again, and for a new token before one expires.
    """
    try:
        credentials, _project = google.auth.default(scopes=[READ_WRITE])
        credentials.refresh(Request())  # type: ignore[no-untyped-call]  # google-auth is typed in part
    except GoogleAuthError as error:
        raise WorkloadError(Failure.IDENTITY_UNAVAILABLE) from error
    return credentials


def model_reader(settings: Settings) -> Credentials:
    """The model's reader, if the model's owner releases it to this very workload.

    What the owner's condition refuses stays refused: it is asked once. Raises what the token
    service's answer means in `errors`; ATTESTATION_TOKEN_MISSING outside of Confidential Space.
    """
    if not settings.token_file.is_file():
        raise WorkloadError(Failure.ATTESTATION_TOKEN_MISSING)
    credentials = identity_pool.Credentials(  # type: ignore[no-untyped-call]  # google-auth is typed in part
        audience=settings.model_audience,
        subject_token_type="urn:ietf:params:oauth:token-type:jwt",  # noqa: S106  a type's name
        token_url=TOKEN_SERVICE,
        service_account_impersonation_url=IMPERSONATION.format(reader=settings.model_reader),
        credential_source={"file": str(settings.token_file)},
        # Reading objects is all that this identity is for, whatever roles the account holds.
        scopes=[READ],
    )
    transport = _LastResponse(Request())
    retry = retries.retry_until_granted(
        transport.busy, transport.not_granted, settings.grant_seconds
    )
    try:
        # A federated token that was had is kept: only what failed is asked for again.
        retry(credentials.refresh)(transport)
    except RetryError as error:
        raise _refusal(error.cause) from error
    except GoogleAuthError as error:
        raise _refusal(error) from error
    return credentials


@dataclass
class _LastResponse:
    """A transport that keeps its last answer: google-auth's errors do not tell the status."""

    send: Callable[..., Response]
    response: Response | None = None

    def __call__(self, *args: object, **kwargs: object) -> Response:
        """One request."""
        self.response = None
        self.response = self.send(*args, timeout=RESPONSE_SECONDS, **kwargs)
        return self.response

    def busy(self, error: Exception) -> bool:
        """Whether Google could not be reached, or was too busy."""
        if self.response is None:
            return isinstance(error, TransportError)
        return self.response.status in retries.BUSY

    def not_granted(self, _error: Exception) -> bool:
        """Whether the right to act as the reader is missing, which no condition speaks of."""
        return (
            self.response is not None
            and self.response.status == retries.FORBIDDEN
            and ACT_AS in self.response.data
        )


def _refusal(error: GoogleAuthError) -> WorkloadError:
    """What Google answered, in the words of `errors`; google-auth keeps the body in `args[1]`."""
    match _body(error):
        case {"error": str(kind), **rest}:
            return refused_by_token_service(kind, str(rest.get("error_description", "")))
        case {"error": {"code": code}} if code == retries.FORBIDDEN:
            return WorkloadError(Failure.IMPERSONATION_REFUSED, Detail.IMPERSONATION)
        case _:
            return WorkloadError(Failure.RELEASE_FAILED)


def _body(error: GoogleAuthError) -> Any:  # noqa: ANN401  whatever JSON Google sent
    try:
        return json.loads(error.args[1])
    except (IndexError, TypeError, ValueError):
        return None
