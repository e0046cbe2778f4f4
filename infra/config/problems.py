"""What can be wrong with a stack's configuration, and how it is told: all of it at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from infra.errors import ProgramError
from infra.wording import counted

NAMESPACE: Final = "confidential-inference"
"""The project's name in Pulumi.yaml, which is the namespace of its configuration."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with one key, and the command that mends it."""

    key: str
    got: str
    expected: str
    otherwise: str
    mend: str

    def __str__(self) -> str:
        """The problem as it is shown, on five lines."""
        return (
            f"{self.key}\n"
            f"    got:       {self.got}\n"
            f"    expected:  {self.expected}\n"
            f"    otherwise: {self.otherwise}\n"
            f"    mend:      {self.mend}"
        )


class SettingsError(ProgramError):
    """Everything that is wrong with one stack's configuration."""

    def __init__(self, stack: str, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        told = "\n\n".join(f"{n}. {problem}" for n, problem in enumerate(problems, 1))
        super().__init__(
            f"{counted(len(problems), 'problem')} in the configuration of stack {stack!r}; nothing"
            f" was changed.\n\n{told}\n"
        )


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a text must look like, said for the regular expression and for people."""

    pattern: str
    expected: str
    otherwise: str
    example: str
