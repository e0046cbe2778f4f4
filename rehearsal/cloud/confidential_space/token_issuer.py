"""The attestation service's signature: its key, its discovery document, its key set.

What a token says is the launcher's business (`machines`); this module only makes it
provable. The key exists once per run, in memory.
https://docs.cloud.google.com/confidential-computing/confidential-space/docs/reference/token-claims
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from rehearsal.cloud.state import Json

ISSUER = "https://confidentialcomputing.googleapis.com"
JWKS_PATH = (
    "/service_accounts/v1/metadata/jwk/signer@confidentialspace-sign.iam.gserviceaccount.com"
)
ALGORITHM = "RS256"


class Issuer:
    """Signs attestation tokens with a key of its own; a second one is a forger."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)

    def sign(self, claims: Json) -> str:
        """The claims, exactly as given, as a compact JWT."""
        header = {"alg": ALGORITHM, "kid": self._key.kid, "typ": "JWT"}
        return jwt.encode(header, claims, self._key)

    def jwks(self) -> Json:
        """The public key set (RFC 7517), as a relying party downloads it."""
        return dict(KeySet([self._key]).as_dict(private=False))


def app(issuer: Issuer) -> ASGIApp:
    """What the issuer publishes, to anyone: OpenID provider metadata, and through it the keys."""

    async def discovery(_request: Request) -> JSONResponse:
        return JSONResponse(
            {
                "issuer": ISSUER,
                "jwks_uri": "https://www.googleapis.com" + JWKS_PATH,
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": [ALGORITHM],
                "scopes_supported": ["openid"],
            }
        )

    async def jwks(_request: Request) -> JSONResponse:
        return JSONResponse(issuer.jwks())

    well_known = "/.well-known/openid-configuration"
    return Starlette(routes=[Route(well_known, discovery), Route(JWKS_PATH, jwks)])
