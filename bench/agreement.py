"""Checks, before any timing, that all programs compute the same: else speeds mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

TOLERANCE = 1e-4
"""Two engines differ by up to 7.5e-5; scores are rounded to 5 digits."""


class DisagreementError(Exception):
    """Two subjects classify a picture differently."""


def check(
    records: Sequence[dict[str, Any]], naive_records: Sequence[dict[str, Any]], subject: str
) -> float:
    """The largest difference between scores; DisagreementError beyond the tolerance.

    Compares the best class, and the score of every class that both list.
    """
    largest = 0.0
    for record, naive in zip(records, naive_records, strict=True):
        left, right = (
            {each["classIndex"]: each["score"] for each in scores}
            for scores in (record["topK"], naive["topK"])
        )
        off = max(abs(left[each] - right[each]) for each in left.keys() & right.keys())
        if next(iter(left)) != next(iter(right)) or off > TOLERANCE:
            raise DisagreementError(
                f"{subject}, {naive['name']}: got {record['topK'][:2]}, expected "
                f"{naive['topK'][:2]} as the naive loop says, within {TOLERANCE}: "
                "no figure is made of two programs that compute different things"
            )
        largest = max(largest, off)
    return largest


def check_best(
    records: Sequence[dict[str, Any]], naive_records: Sequence[dict[str, Any]], subject: str
) -> None:
    """DisagreementError if a best class differs: for a program with another resize."""
    different = [
        naive["name"]
        for record, naive in zip(records, naive_records, strict=True)
        if _best(record) != _best(naive)
    ]
    if different:
        raise DisagreementError(
            f"{subject}: got another best class than the naive loop for {', '.join(different)}, "
            "expected the same: no figure is made of two programs that recognise different things"
        )


def same_best(records: Sequence[dict[str, Any]], naive_records: Sequence[dict[str, Any]]) -> float:
    """The share of pictures with the same best class."""
    pairs = list(zip(records, naive_records, strict=True))
    return sum(_best(record) == _best(naive) for record, naive in pairs) / len(pairs)


def _best(record: dict[str, Any]) -> int:
    best: int = record["topK"][0]["classIndex"]
    return best
