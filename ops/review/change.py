"""What a review says of a change: one sentence with one effect, in one section."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Effect(StrEnum):
    """What a change means, in the words that every form of a review uses."""

    LOSS = "DATA LOSS"
    VIOLATION = "VIOLATION"
    """a mandatory rule of the policy pack is broken"""
    UNJUDGED = "CANNOT BE JUDGED"
    LOOSENING = "LOOSENING"
    """a guard becomes weaker, or somebody gets around it"""
    UNKNOWN = "NOT KNOWN BEFORE UP"
    ADMITTED = "admitted"
    """somebody is admitted whom the guards still judge: an image, a model, an operator"""
    RETIRED = "retired"
    TIGHTENING = "tightening"
    OTHER = "changed"
    """who has access is another, neither more nor fewer"""
    OPEN = "checked at up"
    """a rule of the policy pack that needs a value which only `up` has"""
    ADVICE = "advice"
    """an advisory rule of the policy pack is broken"""
    NOTE = "note"


ALARMS: Final = (
    Effect.LOSS,
    Effect.VIOLATION,
    Effect.UNJUDGED,
    Effect.LOOSENING,
    Effect.UNKNOWN,
)
"""What nobody may overlook, the worst first."""

GAIN: Final = frozenset({Effect.LOOSENING, Effect.ADMITTED})
REDUCTION: Final = frozenset({Effect.TIGHTENING, Effect.RETIRED})


class Section(StrEnum):
    """The parts of a review, in their order."""

    RELEASE = "Release condition"
    GRANTS = "Grants"
    DATA = "Buckets and data"
    MACHINES = "Machines"
    RULES = "Policy pack"
    OTHERS = "Everything else"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that a preview changes."""

    effect: Effect
    section: Section
    sentence: str
    details: tuple[str, ...] = ()
    """texts that are shown as they are, such as lines of a condition"""
    urn: str = ""
    access: bool = True
    """whether the effect is about who has access to the model, or to pictures and results"""
