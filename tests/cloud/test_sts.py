"""From an attestation token to a service account: which callers are admitted, and which refused.

The refusals have Google's codes and texts, from public logs.
"""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING

import pytest
import requests
from google.api_core import exceptions as api_exceptions
from google.auth import exceptions
from joserfc import jwt
from joserfc.jwk import RSAKey

from rehearsal.cloud.confidential_space.token_issuer import ISSUER, Issuer
from rehearsal.cloud.state import AuditEntry
from rehearsal.cloud.sts import EXCHANGE
from tests.cloud.federation import (
    AUDIENCE,
    BY_DIGEST,
    GET_ACCESS_TOKEN,
    MEMBER,
    POOL,
    PROVIDER,
    READER,
    RFC_8693,
    Federation,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from google.cloud import storage

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Json


@pytest.fixture
def federation(local: LocalCloud) -> Federation:
    """A federation in which the token is admitted, unless a test changes something."""
    return Federation(local)


def test_an_admitted_token_gets_its_principals(federation: Federation) -> None:
    """The federated token has its subject, its attributes, and the pool as a whole."""
    answer = federation.exchange().json()
    token = federation.cloud.tokens[answer.pop("access_token")]
    assert token.member == MEMBER
    assert token.members == {MEMBER, BY_DIGEST, f"principalSet://iam.googleapis.com/{POOL}/*"}
    issued = {"issued_token_type": RFC_8693 + "access_token", "token_type": "Bearer"}
    assert answer == issued | {"expires_in": 3600}
    assert federation.cloud.audit == [AuditEntry(MEMBER, EXCHANGE, PROVIDER, allowed=True)]


CONDITION_FAILS = (
    "unauthorized_client",
    "The given credential is rejected by the attribute condition.",
)


@pytest.mark.parametrize(
    "condition",
    [
        "assertion.swname == 'GCE'",
        "assertion.no_such_claim == 'x'",
        "!(assertion.no_such_claim == 'x')",
        "assertion.swname",
        "1",
        "'true'",
        "assertion.swname ==",
        "size(null) == 0",
    ],
)
def test_a_condition_that_is_not_true_refuses_the_token(
    federation: Federation, condition: str
) -> None:
    """False, an error, something truthy, or no expression: all the same."""
    federation.provider.doc["attributeCondition"] = condition
    federation.refused(*CONDITION_FAILS)


def test_the_audit_log_names_the_refused_principal(federation: Federation) -> None:
    """It tells whose token the condition refused."""
    federation.provider.doc["attributeCondition"] = "assertion.swname == 'GCE'"
    federation.exchange()
    assert federation.cloud.audit == [AuditEntry(MEMBER, EXCHANGE, PROVIDER, allowed=False)]


@pytest.mark.parametrize("condition", ["", None])
def test_a_provider_without_a_condition_admits_every_token(
    federation: Federation, condition: str | None
) -> None:
    """Danger, as at Google: the program must never deploy that."""
    federation.provider.doc["attributeCondition"] = condition
    assert federation.exchange().status_code == 200


@pytest.mark.parametrize("audience", ["https://elsewhere.example", ["a", "b"], []])
def test_a_token_for_another_audience_is_refused(
    federation: Federation, audience: str | list[str]
) -> None:
    """It was made for another service."""
    federation.claims["aud"] = audience
    shown = audience if isinstance(audience, str) else ", ".join(audience)
    federation.refused(
        "invalid_grant",
        f"The audience in ID Token [{shown}] does not match the expected audience.",
    )


@pytest.mark.parametrize("scheme", ["", "https:"])
def test_without_allowed_audiences_the_provider_is_the_audience(
    federation: Federation, scheme: str
) -> None:
    """Its full resource name, with and without scheme; and nothing else."""
    del federation.provider.doc["oidc"]["allowedAudiences"]
    assert federation.exchange().status_code == 400
    federation.claims["aud"] = scheme + AUDIENCE
    assert federation.exchange().status_code == 200


@pytest.mark.parametrize("issuer", ["https://elsewhere.example", ISSUER + ".evil.example", None])
def test_a_token_of_another_issuer_is_refused(federation: Federation, issuer: str | None) -> None:
    """Only a trailing slash may differ."""
    federation.claims["iss"] = issuer
    federation.refused(
        "invalid_grant",
        f"The issuer in ID Token {issuer} does not match the expected one in config {ISSUER}/.",
    )


@pytest.mark.parametrize("seconds", [3600 + 61, -90])
def test_a_token_outside_of_its_lifetime_is_refused(federation: Federation, seconds: float) -> None:
    """Expired, or not valid yet, by the cloud's own clock and more than a minute.

    That clock runs on: what is not valid for one second too long may be so when it is asked for.
    """
    federation.cloud.clock_offset = seconds
    issued = federation.claims["iat"]
    federation.refused("invalid_grant", f"ID Token issued at {issued} is stale to sign-in.")


@pytest.mark.parametrize("seconds", [3600 + 30, -30])
def test_clocks_may_differ_by_a_minute(federation: Federation, seconds: float) -> None:
    """A token at most 60 seconds off is admitted."""
    federation.cloud.clock_offset = seconds
    assert federation.exchange().status_code == 200


def test_a_federated_token_expires_with_its_attestation_token(
    federation: Federation,
) -> None:
    """Ten minutes before the attestation expires, ten minutes are left (and the skew)."""
    federation.cloud.clock_offset = 3000
    assert federation.exchange().json()["expires_in"] <= 660


def _kid(federation: Federation) -> str:
    return str(federation.issuer.jwks()["keys"][0]["kid"])


def _by_another_key(federation: Federation) -> str:
    header = {"alg": "RS256", "kid": _kid(federation)}
    return jwt.encode(header, federation.claims, RSAKey.generate_key(2048))


def _by_hand(federation: Federation, algorithm: str) -> str:
    """A token without its signature: no library makes a forged one."""
    header = {"alg": algorithm, "kid": _kid(federation)}
    parts = (json.dumps(part).encode() for part in (header, federation.claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def _with_the_public_key_as_secret(federation: Federation) -> str:
    public = RSAKey.import_key(federation.issuer.jwks()["keys"][0]).as_pem(private=False)
    unsigned = _by_hand(federation, "HS256")
    signature = hmac.digest(public, unsigned.encode(), "sha256")
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _unsigned(federation: Federation) -> str:
    return _by_hand(federation, "none") + "."


def _changed(federation: Federation) -> str:
    honest = federation.issuer.sign(federation.claims).split(".")
    federation.claims["sub"] = "somebody else"
    forged = federation.issuer.sign(federation.claims).split(".")
    return ".".join([honest[0], forged[1], honest[2]])


@pytest.mark.parametrize(
    "forge", [_by_another_key, _with_the_public_key_as_secret, _unsigned, _changed]
)
def test_a_token_with_a_forged_signature_is_refused(
    federation: Federation, forge: Callable[[Federation], str]
) -> None:
    """Another key with a known name, a confused algorithm, none at all, a changed payload."""
    token = forge(federation)
    federation.refused("invalid_grant", "Unable to verify the ID Token signature.", token)


def test_a_token_with_an_unknown_key_is_refused(federation: Federation) -> None:
    """A second issuer's key is not in the first one's key set."""
    token = Issuer().sign(federation.claims)
    text = "Error connecting to the given credential's issuer."
    federation.refused("invalid_grant", text, token)


def test_a_token_of_an_unreachable_issuer_is_refused(federation: Federation) -> None:
    """No key set of any other host can be fetched here."""
    federation.provider.doc["oidc"]["issuerUri"] = "https://issuer.example"
    federation.claims["iss"] = "https://issuer.example"
    text = "Error connecting to the given credential's issuer."
    federation.refused("invalid_grant", text)


def test_keys_in_the_provider_replace_those_of_the_issuer(federation: Federation) -> None:
    """With jwksJson, exactly those keys are trusted."""
    other = Issuer()
    federation.provider.doc["oidc"]["jwksJson"] = json.dumps(other.jwks())
    assert federation.exchange(other.sign(federation.claims)).status_code == 200
    assert federation.exchange().status_code == 400


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "e30.e30.e30", "é"])
def test_a_malformed_token_is_refused(federation: Federation, token: str) -> None:
    """It is never an internal error."""
    federation.refused("invalid_grant", "Unable to parse the ID Token.", token)


@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("google.subject", None),
        ("google.subject", "assertion.no_such_claim"),
        ("google.subject", "assertion.submods"),
        ("attribute.image_digest", "assertion.submods.container.no_such_claim"),
    ],
)
def test_a_token_that_cannot_be_mapped_is_refused(
    federation: Federation, name: str, expression: str | None
) -> None:
    """A subject is required; mapped values must exist and be strings."""
    federation.provider.doc["attributeMapping"][name] = expression
    if expression is None:
        del federation.provider.doc["attributeMapping"][name]
    text = f"The mapped attribute '{name}' must be of type STRING."
    federation.refused("unauthorized_client", text)


@pytest.mark.parametrize(("letters", "status"), [("s" * 127, 200), ("é" * 64, 400)])
def test_a_subject_has_at_most_127_bytes(federation: Federation, letters: str, status: int) -> None:
    """Bytes, not letters: 64 accented ones are too many."""
    federation.provider.doc["attributeMapping"]["google.subject"] = f"'{letters}'"
    answer = federation.exchange()
    assert answer.status_code == status
    if status == 400:
        assert answer.json() == {
            "error": "invalid_request",
            "error_description": "The size of mapped attribute google.subject exceeds the 127 "
            "bytes limit. Either modify your attribute mapping or the incoming assertion to "
            "produce a mapped attribute that is less than 127 bytes.",
        }


def _pool_deleted(federation: Federation) -> None:
    federation.pool.deleted_at = federation.cloud.now()


def _pool_disabled(federation: Federation) -> None:
    federation.pool.doc["disabled"] = True


def _pool_missing(federation: Federation) -> None:
    del federation.cloud.pools[POOL]


def _provider_deleted(federation: Federation) -> None:
    federation.provider.deleted_at = federation.cloud.now()


def _provider_disabled(federation: Federation) -> None:
    federation.provider.doc["disabled"] = True


def _provider_missing(federation: Federation) -> None:
    del federation.cloud.providers[PROVIDER]


@pytest.mark.parametrize(
    "change",
    [
        _pool_deleted,
        _pool_disabled,
        _pool_missing,
        _provider_deleted,
        _provider_disabled,
        _provider_missing,
    ],
)
def test_a_missing_or_disabled_pool_or_provider_is_refused(
    federation: Federation, change: Callable[[Federation], None]
) -> None:
    """Missing, deleted or disabled: one answer for all."""
    change(federation)
    federation.refused(
        "invalid_target",
        'The target service indicated by the "audience" parameters is invalid. This might either '
        "be because the pool or provider is disabled or deleted or because it doesn't exist.",
    )


@pytest.mark.parametrize("audience", ["", PROVIDER, "//iam.googleapis.com/" + POOL, AUDIENCE + "/"])
def test_an_audience_that_names_no_provider_is_refused(
    federation: Federation, audience: str
) -> None:
    """It must be the provider's full resource name."""
    federation.refused(
        "invalid_request",
        'Invalid value for "audience". This value should be the full resource name of the Identity '
        "Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token for "
        "the list of possible formats.",
        audience=audience,
    )


@pytest.mark.parametrize("parameter", ["grant_type", "requested_token_type", "subject_token_type"])
def test_another_kind_of_exchange_is_refused(federation: Federation, parameter: str) -> None:
    """Only signed tokens are exchanged, and only for access tokens."""
    text = f'Invalid value for "{parameter}".'
    federation.refused("invalid_request", text, **{parameter: "saml2"})


@pytest.mark.parametrize(
    "member", [MEMBER, BY_DIGEST, f"principalSet://iam.googleapis.com/{POOL}/*"]
)
def test_each_form_of_a_federated_member_may_impersonate_the_account(
    federation: Federation, member: str
) -> None:
    """A grant to the subject, to an attribute's value, or to the whole pool."""
    federation.grant(member)
    answer = federation.generate_access_token(federation.exchange().json()["access_token"]).json()
    token = federation.cloud.tokens[answer["accessToken"]]
    assert token.member == f"serviceAccount:{READER}"
    resource = f"projects/-/serviceAccounts/{READER}"
    assert federation.cloud.audit[-1] == AuditEntry(
        MEMBER, GET_ACCESS_TOKEN, resource, allowed=True
    )


@pytest.mark.parametrize(
    "member",
    [
        f"principalSet://iam.googleapis.com/{POOL}/attribute.image_digest/sha256:{'b' * 64}",
        f"principalSet://iam.googleapis.com/{POOL.replace('primus-wip', 'other-wip')}/*",
        f"principalSet:{BY_DIGEST}",
    ],
)
def test_another_member_may_not_impersonate_the_account(
    federation: Federation, member: str
) -> None:
    """403 in Google's words, and the refusal is logged."""
    federation.grant(member)
    answer = federation.generate_access_token(federation.exchange().json()["access_token"])
    error = answer.json()["error"]
    assert (answer.status_code, error["status"]) == (403, "PERMISSION_DENIED")
    assert (
        error["message"]
        == f"Permission '{GET_ACCESS_TOKEN}' denied on resource (or it may not exist)."
    )
    assert error["details"][0]["reason"] == "IAM_PERMISSION_DENIED"
    resource = f"projects/-/serviceAccounts/{READER}"
    assert federation.cloud.audit[-1] == AuditEntry(
        MEMBER, GET_ACCESS_TOKEN, resource, allowed=False
    )


def test_an_account_that_does_not_exist_is_403(federation: Federation) -> None:
    """The caller does not learn whether it exists."""
    del federation.cloud.service_accounts[READER]
    assert (
        federation.generate_access_token(federation.exchange().json()["access_token"]).status_code
        == 403
    )


def test_a_disabled_account_cannot_be_impersonated(federation: Federation) -> None:
    """Not even by a member that may impersonate it."""
    federation.grant(BY_DIGEST)
    federation.cloud.service_accounts[READER].disabled = True
    answer = federation.generate_access_token(federation.exchange().json()["access_token"])
    assert answer.json()["error"]["status"] == "FAILED_PRECONDITION"


@pytest.mark.parametrize(
    "body", [{"scope": []}, {"lifetime": "3601s"}, {"lifetime": "0s"}, {"lifetime": "1h"}]
)
def test_an_invalid_request_for_an_access_token_is_400(federation: Federation, body: Json) -> None:
    """A scope is required, and at most one hour."""
    federation.grant(BY_DIGEST)
    answer = federation.generate_access_token(federation.exchange().json()["access_token"], **body)
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_an_access_token_ends_after_its_lifetime(federation: Federation) -> None:
    """Then it is refused."""
    federation.grant(BY_DIGEST)
    token = federation.exchange().json()["access_token"]
    answer = federation.generate_access_token(token, lifetime="300s").json()["accessToken"]
    federation.cloud.clock_offset = 301
    assert federation.generate_access_token(token).status_code == 200
    assert federation.generate_access_token(answer).status_code == 401


@pytest.fixture
def model(federation: Federation, tmp_path: Path) -> storage.Blob:
    """The model, as a client with the workload's own credentials sees it."""
    return federation.model(tmp_path)


def test_google_auth_reads_the_model_with_an_attestation_token(
    federation: Federation, model: storage.Blob
) -> None:
    """Exchange, impersonation and download, through the client libraries as they are."""
    federation.grant(BY_DIGEST)
    assert model.download_as_bytes() == b"hello world"
    assert [(e.permission, e.allowed) for e in federation.cloud.audit] == [
        (EXCHANGE, True),
        (GET_ACCESS_TOKEN, True),
        ("storage.objects.get", True),
    ]


def test_google_auth_reports_the_refusal_of_the_condition(
    federation: Federation, model: storage.Blob
) -> None:
    """The exception that a changed workload sees."""
    federation.grant(BY_DIGEST)
    federation.provider.doc["attributeCondition"] = "assertion.swname == 'GCE'"
    with pytest.raises(
        exceptions.OAuthError,
        match=r"Error code unauthorized_client: The given credential is rejected by the attribute",
    ):
        model.download_as_bytes()


def test_google_auth_reports_the_missing_grant_to_impersonate(model: storage.Blob) -> None:
    """The exception where the condition admits the token and the grant is missing."""
    with pytest.raises(exceptions.RefreshError, match="Unable to acquire impersonated credentials"):
        model.download_as_bytes()


def test_an_impersonated_token_has_only_the_permissions_of_its_account(
    federation: Federation, model: storage.Blob
) -> None:
    """Impersonation is no more than the account."""
    federation.grant(BY_DIGEST)
    federation.cloud.buckets["model-bucket"].policy.bindings = []
    with pytest.raises(api_exceptions.Forbidden, match=r"primus-sa@.* does not have storage"):
        model.download_as_bytes()


def test_no_account_has_a_regional_boundary(federation: Federation) -> None:
    """google-auth asks this for every account."""
    url = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{READER}/"
    token = federation.cloud.mint(f"serviceAccount:{READER}")
    answer = requests.get(
        url + "allowedLocations", headers={"Authorization": f"Bearer {token}"}, timeout=10
    )
    assert answer.json() == {"locations": [], "encodedLocations": "0x0"}
