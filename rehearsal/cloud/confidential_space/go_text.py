"""Text in the format that Go's log/slog writes to the serial console.

The launcher logs a token's claims as a Go map, which `%+v` prints without quotes: maps in order of
their keys, JSON numbers as floats.
https://github.com/google/go-tpm-tools/blob/main/launcher/internal/logging/logging.go
"""

from __future__ import annotations

import json
from decimal import Decimal

WITHOUT_EXPONENT = range(-4, 6)
"""Powers of ten of floats that `%v` prints plainly: a million is 1e+06."""


def attribute(value: object) -> str:
    """The value of an attribute, in quotes if its end would be ambiguous."""
    text = printed(value)
    return json.dumps(text) if set(' "=\n').intersection(text) or not text else text


def printed(value: object) -> str:
    """A JSON value as encoding/json decodes it and `%+v` prints it."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{printed(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(printed, value))}]"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    return _float(value) if isinstance(value, int | float) else str(value)


def _float(value: float) -> str:
    """strconv.FormatFloat(value, 'g', -1, 64) as fmt uses it."""
    digits = Decimal(repr(float(value))).normalize()
    sign, figures, exponent = digits.as_tuple()
    power = len(figures) - 1 + int(exponent)
    if power in WITHOUT_EXPONENT:
        return format(digits, "f")
    rest = "".join(map(str, figures[1:]))
    mantissa = f"{figures[0]}{'.' if rest else ''}{rest}"
    return f"{'-' * sign}{mantissa}e{'+' if power >= 0 else '-'}{abs(power):02}"
