"""A provider's attribute mapping, evaluated as Google's token service does.

https://docs.cloud.google.com/iam/docs/workload-identity-federation#mapping
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ops import cel_engine

if TYPE_CHECKING:
    from collections.abc import Mapping

CLOCK_SKEW_SECONDS: Final = 60
"""The largest difference that the token service allows between its clock and the issuer's."""

MAX_SUBJECT_BYTES: Final = 127


class MappingError(Exception):
    """The token service refuses these claims; the message is the service's own sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        """the error code of RFC 6749"""


def attributes(mapping: Mapping[str, str], claims: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Map claims to attributes under `google` and `attribute`; MappingError if one is no text."""
    mapped: dict[str, dict[str, str]] = {"google": {}, "attribute": {}}
    for name, expression in {"google.subject": "''", **mapping}.items():
        try:
            value = cel_engine.evaluate(expression, {"assertion": claims})
        except cel_engine.ExpressionError:
            value = None
        if not isinstance(value, str) or not value:
            raise MappingError(
                "unauthorized_client", f"The mapped attribute '{name}' must be of type STRING."
            )
        kind, _, key = name.partition(".")
        mapped[kind][key] = value
    if len(mapped["google"]["subject"].encode()) > MAX_SUBJECT_BYTES:
        raise MappingError(
            "invalid_request",
            f"The size of mapped attribute google.subject exceeds the {MAX_SUBJECT_BYTES} bytes"
            " limit. Either modify your attribute mapping or the incoming assertion to produce a"
            " mapped attribute that is less than 127 bytes.",
        )
    return mapped
