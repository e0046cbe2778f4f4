"""The attestation service's signature: its key, its discovery document, its key set.

`claims` decides what a token says. The key exists once for each run, in memory.
https://docs.cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from rehearsal.cloud.http.routing import Route

if TYPE_CHECKING:
    from rehearsal.cloud.state import Json

ISSUER = "https://confidentialcomputing.googleapis.com"
JWKS_PATH = (
    "/service_accounts/v1/metadata/jwk/signer@confidentialspace-sign.iam.gserviceaccount.com"
)
ALGORITHM = "RS256"
DISCOVERY: Json = {
    "issuer": ISSUER,
    "jwks_uri": "https://www.googleapis.com" + JWKS_PATH,
    "response_types_supported": ["id_token"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": [ALGORITHM],
    "scopes_supported": ["openid"],
}
"""https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata"""


class Issuer:
    """Signs attestation tokens with its own key; no other issuer has that key."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)

    def sign(self, claims: Json) -> str:
        """The claims, exactly as given, as a compact JWT."""
        header = {"alg": ALGORITHM, "kid": self._key.kid, "typ": "JWT"}
        return jwt.encode(header, claims, self._key)

    def jwks(self) -> Json:
        """The public key set (RFC 7517), as a relying party downloads it."""
        return dict(KeySet([self._key]).as_dict(private=False))


def routes(issuer: Issuer) -> tuple[Route, ...]:
    """The issuer's public documents: OpenID provider metadata, and the key set."""
    return (
        Route("GET", "/.well-known/openid-configuration", lambda _request: DISCOVERY),
        Route("GET", JWKS_PATH, lambda _request: issuer.jwks()),
    )
