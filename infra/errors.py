"""The one base of everything that a person running `pulumi` can mend."""

from __future__ import annotations


class ProgramError(ValueError):
    """A problem in what the program was given: got, expected, consequence and what mends it.

    Never a bug of the program: whoever catches this shows the text and no stack trace.
    """
