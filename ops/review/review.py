"""Reviews a preview: one verdict, what nobody may overlook, and all other changes by section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ops.review import (
    boundaries,
    buckets,
    fleets,
    grants,
    machines,
    operators,
    others,
    ownership,
    release,
    rules,
)
from ops.review.change import ALARMS, GAIN, REDUCTION, Change, Effect, Section

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ops.review.preview import Preview
    from policy.rule import Rule

MODEL: Final = "the model"
PICTURES: Final = "the pictures and results"

UNLISTED: Final = (
    "The preview does not list {} unchanged resources, so no rule judged them, and what depends on"
    " them may be missing here. List them: pulumi preview --json --show-sames"
)
REFUSED: Final = (
    "A policy pack refused the preview, and it was not for a rule that this review knows. To see"
    " which: pulumi preview --policy-pack policy"
)


@dataclass(frozen=True, kw_only=True)
class Review:
    """What a preview means."""

    stack: str
    verdict: str
    changes: tuple[Change, ...]
    """in the order of the sections"""
    preview: Preview
    notes: tuple[str, ...] = ()

    @property
    def alarms(self) -> tuple[Change, ...]:
        """What nobody may overlook, the worst first."""
        return tuple(
            sorted(
                (change for change in self.changes if change.effect in ALARMS),
                key=lambda change: ALARMS.index(change.effect),
            )
        )

    def in_section(self, section: Section) -> tuple[Change, ...]:
        """The other changes of a section."""
        return tuple(
            change
            for change in self.changes
            if change.section is section and change.effect not in ALARMS
        )

    def has(self, *effects: Effect) -> bool:
        """Whether any change has one of these effects."""
        return any(change.effect in effects for change in self.changes)


def review(preview: Preview, every_rule: Sequence[Rule]) -> Review:
    """The review of a preview, by the rules of the policy pack too."""
    judged = tuple(
        operators.named(change)
        for part in (release, grants, buckets, machines, fleets, boundaries, ownership)
        for change in part.changes(preview)
    )
    mentioned = {change.urn for change in judged}
    found = (*judged, *rules.changes(preview, every_rule), *others.changes(preview, mentioned))
    notes = [rules.summary(preview, every_rule) + "."]
    if preview.unlisted:
        notes.append(UNLISTED.format(preview.unlisted))
    notes += preview.warnings
    changes = list(found)
    if preview.refused and not any(each.effect is Effect.VIOLATION for each in found):
        changes.append(
            Change(effect=Effect.VIOLATION, section=Section.RULES, sentence=REFUSED, access=False)
        )
    return Review(
        stack=preview.stack,
        verdict=_verdict(preview, found),
        changes=tuple(changes),
        preview=preview,
        notes=tuple(notes),
    )


def _verdict(preview: Preview, changes: Sequence[Change]) -> str:
    """Who has access after the change, in one sentence."""
    # Secundus' stack has no release, and Primus' no machine.
    has_release = any(preview.of_type(release.PROVIDER, release.POOL, release.RELEASE))
    subject = MODEL if has_release else PICTURES
    effects = {change.effect for change in changes if change.access}
    if Effect.UNJUDGED in effects:
        return f"It cannot be judged who can read {subject} after this change."
    if Effect.UNKNOWN in effects:
        unknown = "; ".join(each.sentence for each in changes if each.effect is Effect.UNKNOWN)
        return f"It is not known before `up` who can read {subject}: {unknown}."
    which = _direction(effects)
    if which:
        return f"{subject.capitalize()} can be read by {which} workloads or people."
    if has_release:
        return "Nothing about the release of the model changes."
    return "Nothing about who can read the pictures and results changes."


def _direction(effects: Collection[Effect]) -> str:
    """More, fewer or other; nothing if nobody's access changes."""
    gain, reduction = not GAIN.isdisjoint(effects), not REDUCTION.isdisjoint(effects)
    if Effect.OTHER in effects or (gain and reduction):
        return "other"
    return "more" if gain else "fewer" if reduction else ""
