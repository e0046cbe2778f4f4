"""What a stack's name says: whose it is, and which of that company's deployments.

`primus` and `secundus` are a company's only or main deployment. In `secundus-acme-prod` and
`primus.staging` the rest is the stage; it ends the default names of that stack's resources, so
that two stages fit into one project.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from infra.errors import ProgramError

COMPANIES: Final = ("primus", "secundus")

MAX_STAGE: Final = 18
"""Characters: a default account id of 11 and a hyphen leave so many of the 30 that Google takes."""

_STAGE: Final = re.compile(rf"[a-z0-9]([a-z0-9-]{{0,{MAX_STAGE - 2}}}[a-z0-9])?")


class StackNameError(ProgramError):
    """The stack's name does not say what to deploy."""


@dataclass(frozen=True)
class StackName:
    """The parts of a stack's name."""

    company: str
    rest: str = ""
    """what follows the company, with its `-` or `.`"""

    @property
    def full(self) -> str:
        """The stack's name."""
        return self.company + self.rest

    @property
    def suffix(self) -> str:
        """What ends the default names of resources: a hyphen and the stage, or nothing.

        Google's names hold no dot.
        """
        return self.rest.replace(".", "-")

    def of(self, company: str) -> str:
        """The stack of the other company for the same stage."""
        return company + self.rest

    def in_commands(self, text: str) -> str:
        """A message whose commands are for this stack, not for the company's main one."""
        own = rf"(--stack '?{self.company})(?![\w.-]*\w)"
        return re.sub(own, lambda found: found[1] + self.rest, text)


def parse(name: str) -> StackName:
    """The parts of a stack's name; StackNameError for one that says nothing."""
    company = re.split(r"[-.]", name, maxsplit=1)[0]
    stack = StackName(company, name.removeprefix(company))
    if company not in COMPANIES:
        raise StackNameError(
            f"Got a stack called {name!r}, expected 'primus' or 'secundus', or one of them with a"
            " stage, such as primus-staging: the name says which company is deployed, so nothing"
            " was changed. Make one of these: pulumi stack init primus"
        )
    stage = stack.suffix[1:]
    if stack.rest and not (_STAGE.fullmatch(stage) and "google" not in stage):
        plain = re.sub(r"google|[^a-z0-9]+", "-", stage.lower())
        near = re.sub("-+", "-", plain).strip("-")[:MAX_STAGE].strip("-") or "staging"
        raise StackNameError(
            f"Got a stack called {name!r}, expected a stage of 1 to {MAX_STAGE} of a-z, 0-9 and -,"
            f" also . for -, without 'google', after {company!r}: the stage ends the names of the"
            " stack's resources, and Google would refuse them; nothing was changed. Rename the"
            " stack:"
            f" pulumi stack rename --stack {name} {company}-{near}"
        )
    return stack


def parse_qualified(name: str) -> StackName:
    """As `parse`, of a name that may begin with organization and project."""
    return parse(name.rpartition("/")[2])


def for_stack(text: str, stack: str) -> str:
    """A message whose commands are for this stack; `infra` and `ops` write them for the main one.

    The name may begin with organization and project. One that says nothing changes nothing.
    """
    try:
        return parse_qualified(stack).in_commands(text)
    except StackNameError:
        return text
