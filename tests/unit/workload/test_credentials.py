"""The two identities of a run: Google's own library with recorded answers of Google."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError, TransportError

from tests.fixtures.retry_clock import Clock
from workload import credentials
from workload.errors import WorkloadError
from workload.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

STS = "https://sts.googleapis.com/v1/token"
IMPERSONATION = (
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
    "primus-sa@primus-models.iam.gserviceaccount.com:generateAccessToken"
)
FEDERATED = {"access_token": "federated", "token_type": "Bearer", "expires_in": 3600}
IMPERSONATED = {"accessToken": "reader", "expireTime": "2999-01-01T00:00:00Z"}
REJECTED = {
    "error": "unauthorized_client",
    "error_description": "The given credential is rejected by the attribute condition.",
}
DENIED = {
    "error": {
        "code": 403,
        "message": "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may "
        "not exist).",
        "status": "PERMISSION_DENIED",
    }
}
UNREACHABLE = TransportError("no route to host")  # type: ignore[no-untyped-call]  # google-auth is typed in part


@dataclass
class Google:
    """Google's two services as a transport of google-auth: canned answers, and what was asked."""

    sts: tuple[int, object] = (200, FEDERATED)
    impersonation: tuple[int, object] = (200, IMPERSONATED)
    requests: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, url: str, *, body: bytes | None = None, **_: object) -> SimpleNamespace:
        """Answers one request; anything but the two services can't be reached."""
        self.requests.append((url, body.decode() if body else ""))
        answers = {STS: self.sts, IMPERSONATION: self.impersonation}
        if url not in answers:
            raise UNREACHABLE
        status, answer = answers[url]
        data = answer if isinstance(answer, str) else json.dumps(answer)
        return SimpleNamespace(status=status, headers={}, data=data.encode())


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which retries wait, so that tests do not wait."""
    clock = Clock()
    clock.install(monkeypatch)
    return clock


@pytest.fixture
def transport(monkeypatch: pytest.MonkeyPatch) -> Google:
    """Google, in place of the network."""
    services = Google()
    monkeypatch.setattr(credentials, "Request", lambda: services)
    return services


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A launch with an attestation token."""
    token = tmp_path / "token"
    token.write_text("attestation-token")
    return Settings(
        model_bucket="model",
        model_object="model.tar.gz",
        model_sha256="a" * 64,
        model_audience="//iam.googleapis.com/the-provider",
        model_reader="primus-sa@primus-models.iam.gserviceaccount.com",
        input_bucket="input",
        result_bucket="result",
        token_file=token,
        grant_seconds=480,
    )


def test_the_attestation_token_is_exchanged_for_the_readers_token(
    transport: Google, settings: Settings
) -> None:
    """The token from the file is exchanged for the provider's audience, then impersonates."""
    assert credentials.model_reader(settings).token == "reader"  # noqa: S105  a canned answer
    (_, exchange), (_, impersonation) = [
        request for request in transport.requests if request[0] in (STS, IMPERSONATION)
    ]
    requests = parse_qs(exchange)
    assert requests["subject_token"] == ["attestation-token"]
    assert requests["subject_token_type"] == ["urn:ietf:params:oauth:token-type:jwt"]
    assert requests["audience"] == ["//iam.googleapis.com/the-provider"]
    assert json.loads(impersonation)["scope"] == [
        "https://www.googleapis.com/auth/devstorage.read_only"
    ]


@pytest.mark.parametrize(
    ("sts", "impersonation", "message"),
    [
        (
            (400, REJECTED),
            (200, IMPERSONATED),
            "release_refused: The given credential is rejected by the attribute condition.",
        ),
        (
            (400, {"error": "invalid_grant", "error_description": "secret"}),
            (200, IMPERSONATED),
            "release_failed: The credentials for the model could not be had.",
        ),
        (
            (429, {"error": "quota_exceeded"}),
            (200, IMPERSONATED),
            "release_failed: The quota of the token service is exceeded.",
        ),
        (
            (400, "<html>secret</html>"),
            (200, IMPERSONATED),
            "release_failed: The credentials for the model could not be had.",
        ),
        (
            (200, FEDERATED),
            (403, DENIED),
            "impersonation_refused: Permission 'iam.serviceAccounts.getAccessToken' denied.",
        ),
        (
            (200, FEDERATED),
            (404, {"error": {"code": 404, "message": "secret"}}),
            "release_failed: The credentials for the model could not be had.",
        ),
    ],
    ids=["condition", "unknown words", "quota", "no JSON", "not granted", "no such account"],
)
def test_a_refusal_has_the_sentence_of_the_table(
    sts: tuple[int, object],
    impersonation: tuple[int, object],
    message: str,
    transport: Google,
    settings: Settings,
) -> None:
    """The error has the table's sentence, not Google's text."""
    transport.sts, transport.impersonation = sts, impersonation
    with pytest.raises(WorkloadError) as caught:
        credentials.model_reader(settings)
    assert str(caught.value) == message


def test_a_refusal_by_the_condition_is_not_retried(transport: Google, settings: Settings) -> None:
    """A refusal by the condition is final: there is one request."""
    transport.sts = (400, REJECTED)
    with pytest.raises(WorkloadError, match=r"^release_refused: "):
        credentials.model_reader(settings)
    assert [url for url, _ in transport.requests].count(STS) == 1


def test_outside_of_confidential_space_there_is_no_token(settings: Settings) -> None:
    """Without a token file there is no request to Google."""
    nowhere = dataclasses.replace(settings, token_file=settings.token_file.parent / "none")
    with pytest.raises(WorkloadError, match=r"^attestation_token_missing: "):
        credentials.model_reader(nowhere)


def test_an_unreachable_token_service_is_reported(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """It has its own code, and is not a refusal."""

    def nowhere(*_: object, **__: object) -> None:
        raise UNREACHABLE

    monkeypatch.setattr(credentials, "Request", lambda: nowhere)
    with pytest.raises(WorkloadError, match=r"^release_failed: "):
        credentials.model_reader(settings)


def test_a_machine_without_an_account_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """No metadata server, no account: the run ends with a code of its own."""

    def default(**_: object) -> None:
        raise DefaultCredentialsError("none")  # type: ignore[no-untyped-call]  # google-auth is typed in part

    monkeypatch.setattr(google.auth, "default", default)
    with pytest.raises(WorkloadError, match=r"^identity_unavailable: "):
        credentials.operator()
