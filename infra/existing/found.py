"""What a look-up found, and how a problem with it is worded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.config.problems import Problem, numbered, set_command
from infra.errors import ProgramError
from infra.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from infra.existing.resources import Resource

PUBLIC: Final = ("allUsers", "allAuthenticatedUsers")


class ResourcesError(ProgramError):
    """What exists in the cloud is not what the stack may use, or stands where it would create."""

    def __init__(self, stack: str, problems: Sequence[Problem]) -> None:
        super().__init__(
            f"{counted(len(problems), 'problem')} with what exists in the cloud of stack {stack!r};"
            f" nothing was changed.\n\n{numbered(problems)}\n"
        )


@dataclass(frozen=True, kw_only=True)
class Found:
    """One resource that exists, in the words of the plugin."""

    resource: Resource
    stack: str
    project: str
    project_number: str
    answer: Mapping[str, Any]
    policy: Mapping[str, Any] | None = None
    """the answer for its allow policy; None: not asked for, or not readable"""
    providers: Sequence[Mapping[str, Any]] | None = None
    """all providers of a pool, deleted ones too; None: not asked for, or not readable"""
    unread: str = ""
    """why policy or providers could not be read"""

    def problem(
        self, *, got: str, expected: str, consequence: str, fix: str, key: str = ""
    ) -> Problem:
        """A problem with it, under its own key."""
        return Problem(
            key=key or self.resource.name_key,
            got=got,
            expected=expected,
            consequence=consequence,
            fix=fix,
        )

    def not_readable(self, what: str, fix: str) -> Problem:
        """Something that must be known, and that Google did not tell."""
        return self.problem(
            got=f"{self.resource.called}, and no answer to {what}: {self.unread}",
            expected="an answer to that",
            consequence="whether it is safe to use cannot be judged",
            fix=fix,
        )

    def members(self) -> Iterator[tuple[str, str]]:
        """Each role and member of its policy."""
        data = json.loads((self.policy or {}).get("policyData") or "{}")
        for binding in data.get("bindings") or []:
            for member in binding.get("members") or []:
                yield binding["role"], member

    def set(self, key: str, value: str) -> str:
        """The command that sets a key of the stack."""
        return set_command(self.stack, key, value)

    def only_use(self) -> str:
        """The command by which the stack uses it, and leaves it to others."""
        entry = f"{self.resource.above}existing[{len(self.resource.lists.existing)}]"
        return f"{self.set(entry, self.resource.key)}   # and remove it from `adopt`"

    def rename(self) -> str:
        """The command that names another resource."""
        return self.resource.another_name(self.stack)
