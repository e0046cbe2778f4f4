"""The two identities of a run; here Google releases or refuses the model.

The model's reader is an account of Primus: Google's token service exchanges the attestation token
(the provider evaluates Primus' condition), and the federated token then impersonates the reader.
The operator's account is the service account of the virtual machine. Credentials are never written
to disk and never printed. Google's addresses are constants: no setting can redirect a request.
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
"""Timeout of one response."""


def operator(scope: str = READ_WRITE) -> Credentials:
    """The virtual machine's account, from the metadata server; raises IDENTITY_UNAVAILABLE.

    google-auth itself retries the metadata server, and renews the token before it expires.
    """
    try:
        credentials, _project = google.auth.default(scopes=[scope])
        credentials.refresh(Request())  # type: ignore[no-untyped-call]  # google-auth is typed in part
    except GoogleAuthError as error:
        raise WorkloadError(Failure.IDENTITY_UNAVAILABLE) from error
    return credentials


def model_reader(settings: Settings) -> Credentials:
    """The model's reader, if the model's owner releases the model to this workload.

    A refusal by the owner's condition is final: do not retry it. Raises the failure that `errors`
    has for the token service's answer; ATTESTATION_TOKEN_MISSING outside Confidential Space.
    """
    if not settings.token_file.is_file():
        raise WorkloadError(Failure.ATTESTATION_TOKEN_MISSING)
    credentials = identity_pool.Credentials(  # type: ignore[no-untyped-call]  # google-auth is typed in part
        audience=settings.model_audience,
        subject_token_type="urn:ietf:params:oauth:token-type:jwt",  # noqa: S106  the name of a type
        token_url=TOKEN_SERVICE,
        service_account_impersonation_url=IMPERSONATION.format(reader=settings.model_reader),
        credential_source={"file": str(settings.token_file)},
        # Limit the token to reading objects, whatever roles the account has.
        scopes=[READ],
    )
    transport = _LastResponse(Request())
    retry = retries.retry_until_granted(
        transport.busy, transport.not_granted, settings.grant_seconds
    )
    try:
        # google-auth keeps a valid federated token: only the failed request is sent again.
        retry(credentials.refresh)(transport)
    except RetryError as error:
        raise _refusal(error.cause) from error
    except GoogleAuthError as error:
        raise _refusal(error) from error
    return credentials


@dataclass
class _LastResponse:
    """A transport that stores its last response: google-auth's errors do not hold the status."""

    send: Callable[..., Response]
    response: Response | None = None

    def __call__(self, *args: object, **kwargs: object) -> Response:
        """Sends one request."""
        self.response = None
        self.response = self.send(*args, timeout=RESPONSE_SECONDS, **kwargs)
        return self.response

    def busy(self, error: Exception) -> bool:
        """Whether Google was unreachable or too busy."""
        if self.response is None:
            return isinstance(error, TransportError)
        return self.response.status in retries.BUSY

    def not_granted(self, _error: Exception) -> bool:
        """Whether the permission to impersonate the reader is missing; no condition sets it."""
        return (
            self.response is not None
            and self.response.status == retries.FORBIDDEN
            and ACT_AS in self.response.data
        )


def _refusal(error: GoogleAuthError) -> WorkloadError:
    """Translates Google's answer into `errors`; google-auth has the body in `args[1]`."""
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
