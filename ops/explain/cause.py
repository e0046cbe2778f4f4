"""One reason for which an update fails, and its cure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Whose(StrEnum):
    """Who can cure it."""

    DEPLOYER = "whoever deploys"
    OWNER = "an owner of the project"
    ORGANIZATION = "an administrator of the organization"
    GOOGLE = "nobody: Google"


@dataclass(frozen=True, kw_only=True)
class UpdateCause:
    """What happened, and the cure. Braces name groups of the pattern, and {stack}."""

    when: str
    """as a part of a sentence"""
    whose: Whose
    fix: str
