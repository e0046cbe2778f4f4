"""Evaluates CEL with Google's own engine; a condition holds only if its value is exactly true."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cel_expr_python import cel

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLES = ("assertion", "google", "attribute", "resource", "request")

UNUSABLE_TEXT = re.compile("[\0\ud800-\udfff]")
"""Characters of a text that this engine cannot evaluate, see `_is_usable`."""
_MAP = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
_ENVIRONMENT = cel.NewEnv(variables=dict.fromkeys(VARIABLES, _MAP))


class ExpressionError(ValueError):
    """The text is not a CEL expression, or it does not evaluate; the message is the engine's."""


@lru_cache(maxsize=256)
def _compile(expression: str) -> Any:  # noqa: ANN401  the library publishes no types
    try:
        return _ENVIRONMENT.compile(expression)
    except Exception as error:  # the library raises bare exceptions
        raise ExpressionError(str(error)) from error


def is_boolean(expression: str) -> bool:
    """Whether the expression's static type can be boolean; ExpressionError if unparsable."""
    return _compile(expression).return_type() in (cel.Type.BOOL, cel.Type.DYN)


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:  # noqa: ANN401  any CEL value
    """The value of an expression; raises ExpressionError where CEL yields an error."""
    empty: dict[str, Any] = {name: {} for name in VARIABLES}
    try:
        if not _is_usable(variables):
            raise ExpressionError("the engine cannot evaluate a text with NUL or a lone surrogate")
        result = _compile(expression).eval(data={**empty, **variables})
    except RecursionError:
        raise ExpressionError("nested too deeply") from None
    if result.type() == cel.Type.ERROR:
        raise ExpressionError(str(result.value()))
    return result.plain_value()


def _is_usable(value: object) -> bool:
    """Whether every text in a value reaches the engine unchanged.

    cel-expr-python 0.1.3 passes texts as C strings, so the engine compares only the part before a
    NUL. Here such a text is an error, and an error refuses.
    """
    if isinstance(value, str):
        return not UNUSABLE_TEXT.search(value)
    if isinstance(value, dict):
        return all(map(_is_usable, value)) and all(map(_is_usable, value.values()))
    return not isinstance(value, list) or all(map(_is_usable, value))


def holds(condition: str, variables: Mapping[str, Any]) -> bool:
    """Whether a condition is met: its value is the boolean true, and nothing else that is truthy.

    A missing claim makes CEL yield an error, and an error refuses, as in Google's token service.
    """
    try:
        return evaluate(condition, variables) is True
    except ExpressionError:
        return False
