"""What can be wrong with a stack's configuration: all problems are reported at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from infra.errors import ProgramError
from infra.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMESPACE: Final = "confidential-inference"
"""The project's name in Pulumi.yaml, which is the namespace of its configuration."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a text must look like, for the regular expression and for people."""

    pattern: str
    expected: str
    consequence: str
    example: str
    consequences: Mapping[str, str] = field(default_factory=dict)
    """of single values that the pattern refuses, where `consequence` is not what would happen"""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is wrong with one key, and the command that fixes it."""

    key: str
    got: str
    expected: str
    consequence: str
    fix: str

    def __str__(self) -> str:
        """The problem as people see it, on five lines."""
        return (
            f"{self.key}\n"
            f"    got:         {self.got}\n"
            f"    expected:    {self.expected}\n"
            f"    consequence: {self.consequence}\n"
            f"    fix:         {self.fix}"
        )


def numbered(problems: Sequence[Problem]) -> str:
    """The problems as people see them, one below the other."""
    return "\n\n".join(f"{n}. {problem}" for n, problem in enumerate(problems, 1))


def set_command(stack: str, key: str, value: str) -> str:
    """The command that sets a key of a stack."""
    return f"pulumi config set --stack {stack} --path '{NAMESPACE}:{key}' {value}"


class SettingsError(ProgramError):
    """Everything that is wrong with one stack's configuration."""

    def __init__(self, stack: str, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__(
            f"{counted(len(problems), 'problem')} in the configuration of stack {stack!r}; nothing"
            f" was changed.\n\n{numbered(problems)}\n"
        )
