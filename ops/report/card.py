"""What the report shows of each picture, as texts that are safe to show.

Whoever uploaded the pictures chose their names, and the model's owner chose the labels. The
template escapes them for HTML; here, signs that nobody sees are spelt out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.untrusted_text import shown
from ops.picture_causes import cause_of_picture
from ops.records import label_of, predicted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ops.records import Run

LONGEST: Final = 200
"""Characters of a name or label; `--json` and `--csv` have the whole."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One class of a picture's best ones."""

    label: str
    value: float
    text: str
    """the score as people read it"""


@dataclass(frozen=True, kw_only=True)
class Card:
    """One picture. It has either bars, best first, or an error."""

    number: int
    """its place in the listing, from 1"""
    name: str
    label: str
    bars: Sequence[Bar]
    error: str
    meaning: str
    """of the error"""
    fix: str
    generation: str
    sha256: str
    """of the bytes that the run read; empty if it read none"""


def chosen(run: Run, most: int) -> list[tuple[int, dict[str, Any]]]:
    """At most so many records, each with its place in the listing: those that failed first."""
    numbered = list(enumerate(run.records, 1))
    numbered.sort(key=lambda each: "error" not in each[1])  # stable: the listing's order stays
    return numbered[:most]


def cards(run: Run, most: int) -> list[Card]:
    """The cards of the chosen records, in their order."""
    return [_card(number, record, run.decimals) for number, record in chosen(run, most)]


def _card(number: int, record: Mapping[str, Any], decimals: str) -> Card:
    best, error = record.get("topK", ()), record.get("error", "")
    cause = cause_of_picture(error) if error else None
    return Card(
        number=number,
        name=shown(record["name"], LONGEST),
        label=shown(predicted(record), LONGEST),
        bars=[
            Bar(
                label=shown(label_of(each), LONGEST),
                value=each["score"],
                text=f"{each['score']:{decimals}}",
            )
            for each in best
        ],
        error=shown(error, LONGEST),
        meaning=cause.when if cause else "",
        fix=cause.fix if cause else "",
        generation=shown(str(record.get("generation", "")), LONGEST),
        sha256=shown(str(record.get("sha256", "")), LONGEST),
    )
