"""The error of this package."""

from __future__ import annotations


class PackError(Exception):
    """The model can't be packed; the message says what was got and expected, and how to mend it."""
