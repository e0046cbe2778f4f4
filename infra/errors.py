"""The base class of every error that the user of `pulumi` can fix."""

from __future__ import annotations


class ProgramError(ValueError):
    """A problem in an input of the program: got, expected, consequence and fix.

    Never a bug of the program: show its text, and no stack trace.
    """
