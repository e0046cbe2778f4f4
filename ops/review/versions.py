"""Former versions of a bucket's objects: whether they are kept, and when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from infra.wording import counted
from ops.review.change import Change, Effect, Section
from ops.review.values import at
from policy.resource import is_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.review.preview import Step

KEYS: Final = ("lifecycleRules", "versioning")
"""What is judged here."""


def changes(step: Step, name: str) -> Iterator[Change]:
    """What a change of these settings means for what is deleted or overwritten."""
    kept, were_kept = (at(inputs, "versioning", "enabled") for inputs in (step.after, step.before))
    if is_unknown(kept):
        yield _change(Effect.UNKNOWN, f"whether the bucket {name} keeps former versions", step)
    elif kept is True and were_kept is not True:
        # A bucket without soft delete is to forget at once, as that of the models is.
        forgets = at(step.after, "softDeletePolicy", "retentionDurationSeconds") == 0
        yield _change(
            Effect.LOOSENING if forgets else Effect.NOTE,
            f"the bucket {name} keeps what is deleted or overwritten, as former versions, for"
            " whoever may read it",
            step,
        )
    elif kept is not True and were_kept is True:
        yield _change(
            Effect.NOTE, f"the bucket {name} keeps no more former versions of its objects", step
        )
    yield from _rules(step, name)


def _rules(step: Step, name: str) -> Iterator[Change]:
    rules = at(step.after, "lifecycleRules") or []
    if rules == (at(step.before, "lifecycleRules") or []):
        return
    if is_unknown(rules):
        yield _change(Effect.UNKNOWN, f"the lifecycle rules of the bucket {name}", step)
        return
    if not rules:
        yield _change(Effect.NOTE, f"the bucket {name} has no lifecycle rules any more", step)
    for rule in rules:
        yield _rule(rule, step, name)


def _rule(rule: Any, step: Step, name: str) -> Change:  # noqa: ANN401  a JSON value
    condition = at(rule, "condition") or {}
    days = condition.get("daysSinceNoncurrentTime")
    only = {"daysSinceNoncurrentTime", "matchesPrefixes", "withState", "__defaults"}
    archived = condition.get("withState") == "ARCHIVED" and set(condition) <= only
    if at(rule, "action", "type") != "Delete" or not archived or not isinstance(days, int | float):
        sentence = f"the bucket {name} has a lifecycle rule that the review does not know: it may"
        return _change(Effect.LOSS, f"{sentence} delete objects", step)
    where = condition.get("matchesPrefixes")
    below = f" below {', '.join(map(str, where))}" if where else ""
    return _change(
        Effect.NOTE,
        f"the bucket {name}: former versions{below} are deleted after {counted(int(days), 'day')}",
        step,
    )


def _change(effect: Effect, sentence: str, step: Step) -> Change:
    return Change(
        effect=effect, section=Section.DATA, sentence=sentence, urn=step.urn, access=False
    )
