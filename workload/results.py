"""What leaves the enclave: these two objects in these forms, and nothing else.

`results.jsonl` is for programs, one record a picture in the order of the listing; `result` is for
people, written last, so that it appears only when all is there. Both are of one run: `begin` takes
the earlier run's away before anything else happens, which also proves that results can be written
before the model's owner is asked for anything. This module knows no cloud and no engine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from workload.errors import BucketError, Failure, PictureFailure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SCHEMA = "confidential-inference/result/v1"
RECORDS = "results.jsonl"
TEXT = "result"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One object of the input bucket: exactly this generation is what was classified."""

    name: str
    """Holds no line break: Cloud Storage allows none in a name."""
    generation: str


class Score(NamedTuple):
    """One class and the model's probability for it, from 0 to 1, rounded to 5 digits."""

    class_index: int
    label: str
    probability: float


Outcome: TypeAlias = "Sequence[Score] | PictureFailure"


class Sink(Protocol):
    """The result bucket; methods raise BucketError."""

    def write(self, name: str, content: Path, content_type: str) -> None:
        """Creates or overwrites an object with a file's content."""

    def remove(self, name: str) -> None:
        """Deletes an object if it exists."""


class Results:
    """The results of one run, kept in a private folder until they are complete.

    Every method that writes to the bucket raises RESULTS_NOT_WRITABLE.
    """

    def __init__(self, bucket: Sink, folder: Path) -> None:
        self._bucket = bucket
        self._records = folder / RECORDS
        self._text = folder / TEXT

    def begin(self) -> None:
        """Takes the results of an earlier run away."""
        self._records.write_text("")
        self._text.write_text("")
        try:
            # The text first: a run that gets no further leaves no text beside foreign records.
            self._bucket.remove(TEXT)
            self._bucket.write(RECORDS, self._records, "application/jsonl")
        except BucketError as error:
            raise WorkloadError(Failure.RESULTS_NOT_WRITABLE) from error

    def add(self, outcomes: Iterable[tuple[Picture, Outcome]]) -> None:
        """Notes what came of some pictures, in the order of the listing."""
        with self._records.open("a") as records, self._text.open("a", encoding="utf-8") as text:
            for picture, outcome in outcomes:
                records.write(_line(_record(picture, outcome)))
                text.write(f"Image: {picture.name}, {_answer(outcome)}\n")

    def finish(self) -> None:
        """Hands over what was noted: the records first, the text last."""
        try:
            self._bucket.write(RECORDS, self._records, "application/jsonl")
            self._bucket.write(TEXT, self._text, "text/plain; charset=utf-8")
        except BucketError as error:
            raise WorkloadError(Failure.RESULTS_NOT_WRITABLE) from error

    def fail(self, error: Exception) -> None:
        """Hands over why there are no results, in place of any that were noted."""
        known = error if isinstance(error, WorkloadError) else WorkloadError(Failure.INTERNAL_ERROR)
        self._records.write_text(
            _line({"schema": SCHEMA, "error": known.failure.code, "reason": known.reason})
        )
        self._text.write_text(f"Error: {known}\n", encoding="utf-8")
        self.finish()


def _record(picture: Picture, outcome: Outcome) -> dict[str, Any]:
    record = {"schema": SCHEMA, "name": picture.name, "generation": picture.generation}
    if isinstance(outcome, PictureFailure):
        return {**record, "error": outcome.value}
    return {
        **record,
        "predictedClass": outcome[0].class_index,
        "label": outcome[0].label,
        "topK": [
            {
                "classIndex": score.class_index,
                "label": score.label,
                "probability": score.probability,
            }
            for score in outcome
        ],
    }


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, sort_keys=True, allow_nan=False) + "\n"


def _answer(outcome: Outcome) -> str:
    """The agreed text form, a Python literal as in Google's published example."""
    if isinstance(outcome, PictureFailure):
        return f"Error: {outcome.value}"
    response = {
        "predicted_class": outcome[0].class_index,
        "top_k_predictions": [
            {"class_index": score.class_index, "probability": score.probability}
            for score in outcome
        ],
    }
    return f"Response: {response}"
