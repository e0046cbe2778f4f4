"""sts.googleapis.com: exchanges an attestation token for a federated token.

`exchange` checks a token against the DEPLOYED provider, with its condition and mapping word for
word. `iam.credentials` has the next step, impersonation. google.groups is not modelled.
https://docs.cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.responses import JSONResponse

from ops import attribute_mapping, cel_engine
from ops.attribute_mapping import CLOCK_SKEW_SECONDS, MappingError
from rehearsal.cloud.confidential_space import token_issuer
from rehearsal.cloud.http.errors import HttpError
from rehearsal.cloud.http.routing import Route
from rehearsal.cloud.state import AuditEntry

if TYPE_CHECKING:
    from rehearsal.cloud.confidential_space.token_issuer import Issuer
    from rehearsal.cloud.http.routing import Request
    from rehearsal.cloud.state import Cloud, Json, Pool, Provider

EXCHANGE = "google.identity.sts.v1.SecurityTokenService.ExchangeToken"
"""Google's name for an exchange in its audit logs."""

TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"  # noqa: S105  a name of RFC 8693, no secret
PARAMETERS = {
    "grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"},
    "requested_token_type": {TOKEN_TYPE + "access_token"},
    "subject_token_type": {TOKEN_TYPE + "jwt", TOKEN_TYPE + "id_token"},
}
AUDIENCE = re.compile(
    r"(?:https:)?//iam\.googleapis\.com/"
    r"(projects/[^/]+/locations/global/workloadIdentityPools/[^/]+)/providers/[^/]+"
)
LIFETIME = 3600
"""The longest life of a token of either kind, in seconds."""


class Refusal(HttpError):  # noqa: N818  it is what RFC 6749 calls an error response
    """The refusal of a token exchange, in the form of RFC 6749 §5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.body = {"error": error, "error_description": description}

    def response(self) -> JSONResponse:
        """The refusal in JSON."""
        return JSONResponse(self.body, 400)


def routes(issuer: Issuer) -> tuple[Route, ...]:
    """The security token service; `issuer` is the attestation service that it can reach."""

    def token(request: Request) -> Json:
        form = dict(parse_qsl(request.content.decode(errors="replace")))
        return exchange(request.cloud, issuer, form)

    return (Route("POST", "/v1/token", token),)


def exchange(cloud: Cloud, issuer: Issuer, form: dict[str, str]) -> Json:
    """The answer to one token exchange, and its entry in the audit log; Refusal."""
    entry = AuditEntry(None, EXCHANGE, form.get("audience", ""), allowed=False)
    try:
        provider = _provider(cloud, form)
        claims = _verify(cloud, issuer, provider, form.get("subject_token", ""))
        mapped = attributes(provider, claims)
        pool = f"iam.googleapis.com/{provider.pool}"
        member = f"principal://{pool}/subject/{mapped['google']['subject']}"
        entry = AuditEntry(member, EXCHANGE, provider.name, allowed=False)
        check_condition(provider, claims, mapped)
        entry = AuditEntry(member, EXCHANGE, provider.name, allowed=True)
    finally:
        cloud.audit.append(entry)
    values = mapped["attribute"].items()
    sets = {f"principalSet://{pool}/attribute.{key}/{value}" for key, value in values}
    lifetime = min(float(claims["exp"]) + CLOCK_SKEW_SECONDS - cloud.now(), LIFETIME)
    return {
        "access_token": cloud.mint(
            member, lifetime, frozenset(sets | {f"principalSet://{pool}/*"})
        ),
        "issued_token_type": TOKEN_TYPE + "access_token",
        "token_type": "Bearer",
        "expires_in": int(lifetime),
    }


def _provider(cloud: Cloud, form: dict[str, str]) -> Provider:
    for parameter, accepted in PARAMETERS.items():
        if form.get(parameter) not in accepted:
            raise Refusal("invalid_request", f'Invalid value for "{parameter}".')
    named = AUDIENCE.fullmatch(form.get("audience", ""))
    if named is None:
        raise Refusal(
            "invalid_request",
            'Invalid value for "audience". This value should be the full resource name of the '
            "Identity Provider. See https://cloud.google.com/iam/docs/reference/sts/rest/v1/"
            "TopLevel/token for the list of possible formats.",
        )
    pool = cloud.pools.get(named[1])
    provider = cloud.providers.get(named[0].partition("//iam.googleapis.com/")[2])
    if provider is not None and _in_force(pool) and _in_force(provider):
        return provider
    raise Refusal(
        "invalid_target",
        'The target service indicated by the "audience" parameters is invalid. This might either '
        "be because the pool or provider is disabled or deleted or because it doesn't exist.",
    )


def _in_force(part: Pool | Provider | None) -> bool:
    return part is not None and part.deleted_at is None and not part.doc.get("disabled")


def _verify(cloud: Cloud, issuer: Issuer, provider: Provider, token: str) -> Json:
    """The claims of a token that its issuer signed for this provider, and that is valid now."""
    try:
        parsed = jws.extract_compact(token.encode())
        claims: Json = json.loads(parsed.payload)
        audiences = [claims["aud"]] if isinstance(claims["aud"], str) else list(claims["aud"])
        issued, expires = float(claims["iat"]), float(claims["exp"])
        starts = max(issued, float(claims.get("nbf", issued)))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise Refusal("invalid_grant", "Unable to parse the ID Token.") from None
    # The signature is checked last, because Google refuses in this order. Before that, the token's
    # claims decide only which refusal it gets.
    oidc = provider.doc["oidc"]
    own_names = [f"{scheme}//iam.googleapis.com/{provider.name}" for scheme in ("", "https:")]
    if not any(a in (oidc.get("allowedAudiences") or own_names) for a in audiences):
        raise Refusal(
            "invalid_grant",
            f"The audience in ID Token [{', '.join(map(str, audiences))}] does not match the "
            "expected audience.",
        )
    if str(claims.get("iss")).rstrip("/") != oidc["issuerUri"].rstrip("/"):
        raise Refusal(
            "invalid_grant",
            f"The issuer in ID Token {claims.get('iss')} does not match the expected one in "
            f"config {oidc['issuerUri']}.",
        )
    if not starts - CLOCK_SKEW_SECONDS <= cloud.now() < expires + CLOCK_SKEW_SECONDS:
        raise Refusal("invalid_grant", f"ID Token issued at {claims['iat']} is stale to sign-in.")
    kid = parsed.headers().get("kid")
    key = next((key for key in _keys(issuer, oidc) if kid and key.get("kid") == kid), None)
    if key is None:
        raise Refusal("invalid_grant", "Error connecting to the given credential's issuer.")
    try:
        # The verifier chooses the algorithm, never the token: "none" and HS256 are forgeries.
        return jwt.decode(token, RSAKey.import_key(key), algorithms=[token_issuer.ALGORITHM]).claims
    except (JoseError, ValueError):
        raise Refusal("invalid_grant", "Unable to verify the ID Token signature.") from None


def _keys(issuer: Issuer, oidc: Json) -> list[Any]:
    """The keys in the provider itself, else those that its issuer publishes; none for others."""
    if oidc.get("jwksJson"):
        return list(json.loads(oidc["jwksJson"])["keys"])
    reachable = oidc["issuerUri"].rstrip("/") == token_issuer.ISSUER
    return list(issuer.jwks()["keys"]) if reachable else []


def attributes(provider: Provider, claims: Json) -> dict[str, dict[str, str]]:
    """The claims as mapped by the deployed mapping, under `google` and `attribute`; Refusal."""
    try:
        return attribute_mapping.attributes(provider.doc.get("attributeMapping", {}), claims)
    except MappingError as error:
        raise Refusal(error.code, str(error)) from None


def check_condition(provider: Provider, claims: Json, mapped: dict[str, dict[str, str]]) -> None:
    """Raise Refusal unless the deployed condition is true."""
    condition = provider.doc.get("attributeCondition")
    # Danger, as at Google: without a condition, every valid token of the issuer is admitted.
    if condition and not cel_engine.holds(condition, {"assertion": claims, **mapped}):
        raise Refusal(
            "unauthorized_client", "The given credential is rejected by the attribute condition."
        )
