"""The published keys verify the tokens that the attestation service signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

from rehearsal.cloud.confidential_space.token_issuer import ISSUER, Issuer

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud


@pytest.fixture
def published(local: LocalCloud) -> Any:
    """The key set, found by the issuer's name as a relying party finds it."""
    assert local.refused_hosts == []
    discovery = requests.get(f"{ISSUER}/.well-known/openid-configuration", timeout=10).json()
    assert discovery["issuer"] == ISSUER
    return requests.get(discovery["jwks_uri"], timeout=10).json()


def test_a_signed_token_verifies_with_the_published_keys(local: LocalCloud, published: Any) -> None:
    """It has exactly the given claims."""
    token = jwt.decode(local.issuer.sign({"claim": ["a", 1]}), KeySet.import_key_set(published))
    assert token.claims == {"claim": ["a", 1]}
    assert token.header["alg"] == "RS256"


def test_the_published_keys_have_no_private_part(published: Any) -> None:
    """Neither the private exponent nor a prime leaves the process."""
    assert [set(key) for key in published["keys"]] == [{"kty", "kid", "use", "alg", "n", "e"}]


def test_another_issuer_cannot_sign_for_this_one(published: Any) -> None:
    """Each run has its own key."""
    forger = Issuer()
    forger._key = type(forger._key).import_key(
        forger._key.as_dict(private=True) | {"kid": published["keys"][0]["kid"]}
    )
    with pytest.raises(BadSignatureError):
        jwt.decode(forger.sign({}), KeySet.import_key_set(published))
