"""Reads the objects that a run left: records of its pictures, or why it failed.

Whoever can write the result bucket can have edited them, so their form is checked first. Names and
labels stay as they are; `results_table` escapes them.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.evidence import EvidenceError
from ops.evidence_reader import of_text

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBABILITIES: Final = "probabilities"
_LARGEST: Final = 3.5e38
"""Above every float32: models answer with nothing larger."""


class ResultsError(Exception):
    """There is nothing to show; the message says why and what to do."""


@dataclass(frozen=True)
class Run:
    """One run of the workload: its records in listing order, or why it failed as a whole."""

    records: tuple[dict[str, Any], ...]
    failure: str | None
    """`code: sentence` where the run as a whole failed, else None"""
    summary: dict[str, Any] | None = None
    """None where there is none: the run failed, or an older workload left the results."""
    text: str | None = None
    """the content of `result`, if another workload left no other object"""
    notes: tuple[str, ...] = ()
    """what else the user must know about the results"""
    scores_without_summary: str | None = None
    """what the scores are, if the records say it themselves: those of a stream"""

    @property
    def failed(self) -> dict[str, int]:
        """The number of failed pictures by code, as far as the objects show it."""
        if self.text is not None:
            try:
                return dict(of_text(self.text).failed_pictures)
            except EvidenceError:
                return {}  # its author chose another form, which is shown unchanged
        return dict(Counter(record["error"] for record in self.records if "error" in record))

    @property
    def scores(self) -> str:
        """What the scores are; a run without a summary, of an older workload, had probabilities."""
        if self.summary:
            return str(self.summary["scores"])
        return self.scores_without_summary or PROBABILITIES

    @property
    def has_probabilities(self) -> bool:
        """Whether each score is between 0 and 1."""
        return self.scores == PROBABILITIES

    @property
    def decimals(self) -> str:
        """The format of a score. Only probabilities have a known size; of others 4 digits count."""
        return ".3f" if self.has_probabilities else ".4g"


def label_of(score: Mapping[str, Any]) -> str:
    """The label; where the manifest has an empty one, the index of the class."""
    return str(score["label"] or f"class {score.get('classIndex', '?')}")


def predicted(record: Mapping[str, Any]) -> str:
    """The label of a picture's best class; empty for one that failed."""
    best = record.get("topK")
    return record["label"] or label_of(best[0]) if best else ""


def parse(records: str | None, text: str, summary: str | None = None) -> Run:
    """Read a run from the content of its objects; ResultsError if it differs from docs/results.md.

    `records` is None if another workload left only `result`, as Google's published example does.
    """
    first = text.partition("\n")[0]
    if first.startswith("Error: "):
        return Run((), first.removeprefix("Error: "))
    if records is None:
        return Run((), None, text=text)
    # Not `splitlines`: a name may hold other characters that Unicode counts as line ends.
    lines = [line for line in records.split("\n") if line]
    parsed = tuple(_object("results.jsonl", line, number) for number, line in enumerate(lines, 1))
    for number, record in enumerate(parsed, 1):
        if not is_record(record):
            raise _edited("results.jsonl", number, "is no record of a picture")
    if summary is None:
        return Run(parsed, None)
    parsed_summary = _object("summary.json", summary, 1)
    if not _is_summary(parsed_summary):
        raise _edited("summary.json", 1, "is no summary")
    return Run(parsed, None, parsed_summary)


def _object(name: str, text: str, number: int) -> dict[str, Any]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _edited(name, number, "is not JSON") from error
    if not isinstance(parsed, dict):
        raise _edited(name, number, "is no JSON object")
    return parsed


def _edited(name: str, number: int, what: str) -> ResultsError:
    return ResultsError(
        f"{name}: line {number} {what}, so nothing is shown. Was it edited? docs/results.md says"
        " what a run leaves; run again for complete results"
    )


def is_record(record: dict[str, Any]) -> bool:
    """Whether it has the form of a picture's record."""
    match record:
        case {"name": str(), "error": str() as code}:
            return bool(code) and "topK" not in record
        case {"name": str(), "label": str(), "topK": [_, *_] as best}:
            return all(map(_is_score, best))
        case _:
            return False


def _is_score(score: object) -> bool:
    match score:
        case {"label": str(), "score": float() | int() as number}:
            # False for NaN, and for a whole number that is too large to be written as a decimal.
            return not isinstance(number, bool) and -_LARGEST <= number <= _LARGEST
        case _:
            return False


def _is_summary(summary: dict[str, Any]) -> bool:
    match summary:
        case {
            "classified": int(),
            "failed": dict() as failed,
            "continued": int(),
            "modelSha256": str(),
            "engine": str(),
            "scores": str(),
            "imageDigest": str() | None,
            "started": str(),
            "finished": str(),
            "picturesPerSecond": float() | int() | None,
        }:
            return all(isinstance(count, int) for count in failed.values())
        case _:
            return False
