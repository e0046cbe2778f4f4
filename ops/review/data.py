"""A review for programs; its keys are stable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ops.review import raw

if TYPE_CHECKING:
    from ops.review.review import Review

SCHEMA: Final = "confidential-inference/review/v1"


def data(review: Review) -> dict[str, Any]:
    """The review as JSON values."""
    return {
        "schema": SCHEMA,
        "stack": review.stack,
        "verdict": review.verdict,
        "alarms": sorted({change.effect.value for change in review.alarms}),
        "changes": [
            {
                "effect": change.effect.value,
                "section": change.section.value,
                "sentence": change.sentence,
                "details": list(change.details),
                "urn": change.urn,
            }
            for change in (*review.alarms, *(c for c in review.changes if c not in review.alarms))
        ],
        "notes": list(review.notes),
        "difference": list(raw.lines(review.preview)),
    }
