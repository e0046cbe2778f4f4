"""What Google's token service checks before it evaluates the condition, except the signature."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from infra.attestation.clause import got
from infra.attestation.release_policy import ISSUER, MAPPING, TOKEN_AUDIENCE
from infra.untrusted_text import shown
from ops import attribute_mapping
from ops.attribute_mapping import CLOCK_SKEW_SECONDS, MappingError
from ops.evidence import Kind
from workload.errors import Detail

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.evidence import Evidence


def refusal(evidence: Evidence, now: float) -> tuple[Detail, str] | None:
    """Why Google's token service refuses before it evaluates the condition; None if it does not."""
    claims = evidence.claims or {}
    audience, issuer = claims.get("aud"), claims.get("iss")
    if TOKEN_AUDIENCE not in (audience if isinstance(audience, list) else [audience]):
        return Detail.AUDIENCE, f"(aud: got {_json(audience)}, expected {TOKEN_AUDIENCE})"
    if str(issuer).rstrip("/") != ISSUER.rstrip("/"):
        return Detail.ISSUER, f"(iss: got {_json(issuer)}, expected {ISSUER})"
    # Claims in a log were valid when the workload used them, and claims alone may be from a log.
    if evidence.kind is Kind.TOKEN and not is_valid_at(claims, now):
        return Detail.STALE, f"({times(claims)}; now {int(now)})"
    try:
        attribute_mapping.attributes(MAPPING, claims)
    except MappingError as error:
        size = str(error).startswith(str(Detail.SUBJECT_SIZE))
        return Detail.SUBJECT_SIZE if size else Detail.SUBJECT_TYPE, f"(got {_subject(claims)})"
    return None


_SUBJECT: Final = (
    "submods.container.image_digest",
    "submods.gce.project_number",
    "submods.gce.instance_id",
)
"""The mapping joins these claims into `google.subject`; each must be a text."""


def _subject(claims: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {got(claims, path)[:_LONGEST_CLAIM]}" for path in _SUBJECT)


_LONGEST_CLAIM: Final = 100


def times(claims: Mapping[str, Any]) -> str:
    """When the token was issued, and from when to when it is valid."""
    return ", ".join(f"{name} {_json(claims.get(name))}" for name in ("iat", "nbf", "exp"))


def is_valid_at(claims: Mapping[str, Any], now: float) -> bool:
    """Whether the token service accepts the times of these claims now, in seconds since 1970."""
    try:
        issued, expires = float(claims["iat"]), float(claims["exp"])
        starts = max(issued, float(claims.get("nbf", issued)))
    except (KeyError, TypeError, ValueError):
        return False
    return starts - CLOCK_SKEW_SECONDS <= now < expires + CLOCK_SKEW_SECONDS


def _json(value: object) -> str:
    return "nothing" if value is None else shown(json.dumps(value))
