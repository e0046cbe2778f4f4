"""Lies about the token: forged, altered, expired, or made for another use."""

from __future__ import annotations

import base64
import copy
import hmac
import json
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from infra.attestation.release_policy import ISSUER
from rehearsal.attacks.gates import Gate
from rehearsal.attacks.scenario import Row, claiming, drop, forging, put
from rehearsal.cloud.confidential_space.token_issuer import Issuer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.scenario import Attempt

HOUR = 3600
FORGER = Issuer()
"""Somebody else's key; a good one."""

UNVERIFIED = "Unable to verify the ID Token signature."
UNKNOWN_KEY = "Error connecting to the given credential's issuer."
UNREADABLE = "Unable to parse the ID Token."
STALE = "is stale to sign-in."
OTHER_AUDIENCE = "does not match the expected audience."
OTHER_ISSUER = "does not match the expected one in config"


def _key(target: Target) -> dict[str, Any]:
    """Google's public key, as anybody can download it."""
    (found,) = target.issuer.jwks()["keys"]
    return dict(found)


def _pem(target: Target) -> bytes:
    return RSAKey.import_key(_key(target)).as_pem(private=False)


def _encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _by_hand(
    header: Callable[[Target], dict[str, Any]], sign: Callable[[Target, bytes], bytes]
) -> Attempt:
    """A token with the genuine claims, put together by hand."""

    def forge(target: Target) -> str:
        signed = f"{_encoded(header(target))}.{_encoded(target.claims)}"
        signature = base64.urlsafe_b64encode(sign(target, signed.encode())).decode()
        return f"{signed}.{signature.rstrip('=')}"

    return forging(forge)


def _own_key(**header: object) -> Attempt:
    """A token signed with the attacker's own key, under a header that names another key."""

    def forge(target: Target) -> str:
        own = RSAKey.generate_key(2048)
        said = {"alg": "RS256", "kid": _key(target)["kid"]}
        return jwt.encode(said | header, target.claims, own)

    return forging(forge)


def _altered(target: Target) -> str:
    """The genuine signature under other claims."""
    header, _, signature = target.issuer.sign(target.claims).split(".")
    claims = copy.deepcopy(target.claims)
    claims["submods"]["container"]["image_digest"] = "sha256:" + "0" * 64
    return f"{header}.{_encoded(claims)}.{signature}"


def _cut(target: Target) -> str:
    return target.issuer.sign(target.claims)[:-40]


def _times(**shift: int) -> Attempt:
    def forge(target: Target) -> str:
        now = int(target.cloud.now())
        return target.issuer.sign(target.claims | {claim: now + by for claim, by in shift.items()})

    return forging(forge)


def _row(lie: str, says: str, attempt: Attempt) -> Row:
    return Row(layer="token", lie=lie, by=Gate.TOKEN, says=says, attempt=attempt)


ROWS = (
    _row("signed with a key of one's own under Google's key id", UNVERIFIED, _own_key()),
    _row(
        "signed with a key of one's own that the header leads to",
        UNVERIFIED,
        _own_key(jku="https://secundus.example/keys"),
    ),
    _row(
        "signed with a key of one's own under its own key id",
        UNKNOWN_KEY,
        forging(lambda target: FORGER.sign(target.claims)),
    ),
    _row("an empty key id", UNKNOWN_KEY, _own_key(kid="")),
    _row(
        "algorithm `none`, and no signature",
        UNVERIFIED,
        _by_hand(lambda target: {"alg": "none", "kid": _key(target)["kid"]}, lambda *_: b""),
    ),
    _row(
        "algorithm HS256, keyed with Google's public key",
        UNVERIFIED,
        _by_hand(
            lambda target: {"alg": "HS256", "kid": _key(target)["kid"]},
            lambda target, text: hmac.digest(_pem(target), text, "sha256"),
        ),
    ),
    _row("the signature of another token", UNVERIFIED, forging(_altered)),
    _row("a signature cut short", UNVERIFIED, forging(_cut)),
    _row("no token at all", UNREADABLE, forging(lambda _: "")),
    _row("a text that is no token", UNREADABLE, forging(lambda _: "a.b.c")),
    _row(
        "expired, used again after an hour", STALE, _times(iat=-2 * HOUR, nbf=-2 * HOUR, exp=-HOUR)
    ),
    _row("expired for longer than clocks may differ", STALE, _times(iat=-HOUR, nbf=-HOUR, exp=-61)),
    _row("not valid before an hour from now", STALE, _times(nbf=HOUR, exp=2 * HOUR)),
    _row("issued an hour from now", STALE, _times(iat=HOUR, nbf=HOUR, exp=2 * HOUR)),
    _row("without an expiry", UNREADABLE, claiming(drop("exp"))),
    _row("an expiry that is no number", UNREADABLE, claiming(put("exp", "never"))),
    _row(
        "made for another audience by the launcher's socket",
        OTHER_AUDIENCE,
        claiming(put("aud", "https://secundus.example")),
    ),
    _row(
        "an audience that only begins like the right one",
        OTHER_AUDIENCE,
        claiming(put("aud", "https://sts.googleapis.com.secundus.example")),
    ),
    _row("without an audience", UNREADABLE, claiming(drop("aud"))),
    _row(
        "an identity token of a plain virtual machine",
        OTHER_ISSUER,
        claiming(put("iss", "https://accounts.google.com")),
    ),
    _row(
        "an issuer that only begins like the right one",
        OTHER_ISSUER,
        claiming(put("iss", ISSUER.rstrip("/") + ".secundus.example")),
    ),
    _row(
        "from an attestation service of one's own",
        OTHER_ISSUER,
        forging(lambda target: FORGER.sign(target.claims | {"iss": "https://secundus.example"})),
    ),
    _row(
        "from the launcher's own fake verifier, which an operator can switch on",
        OTHER_ISSUER,
        forging(lambda target: FORGER.sign(target.claims | {"iss": "fake-issuer-for-testing"})),
    ),
    _row("without an issuer", OTHER_ISSUER, claiming(drop("iss"))),
)
