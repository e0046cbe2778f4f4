"""What is said of one picture: a record for programs, a line for people.

The form of all that leaves is decided here: keys, their order, the rounding of scores. It is also
written down for readers, in `docs/schema`. Pure: where records are kept, and when, is not known.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from workload.errors import Failure, PictureFailure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA = "confidential-inference/result/v1"
DIGITS = 5
"""To how many decimal places a score is rounded. Engines and processors differ by less than that in
most scores, and whoever wants to copy a model by its answers learns a little less."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One object of the input bucket: exactly this generation is what was classified."""

    name: str
    """Holds no line break: Cloud Storage allows none in a name."""
    generation: str
    size: int = 0
    """Bytes, as listed; what is read is counted anew."""
    sha256: str | None = None
    """Of the bytes, in hex; None until they are there, and where they could not be had."""


class Score(NamedTuple):
    """One class and the model's probability for it."""

    class_index: int
    label: str
    probability: float


Outcome: TypeAlias = "Sequence[Score] | PictureFailure"


def record(picture: Picture, outcome: Outcome) -> dict[str, Any]:
    """What came of one picture: its best classes, best first, or a code."""
    known = {"schema": SCHEMA, "name": picture.name, "generation": picture.generation}
    if picture.sha256:
        known["sha256"] = picture.sha256
    if isinstance(outcome, PictureFailure):
        return {**known, "error": outcome.value}
    return {
        **known,
        "predictedClass": outcome[0].class_index,
        "label": outcome[0].label,
        "topK": [
            {
                "classIndex": score.class_index,
                "label": score.label,
                "probability": _rounded(score.probability),
            }
            for score in outcome
        ],
    }


def failure(error: Exception) -> dict[str, Any]:
    """Why the run as a whole failed; of an exception that nobody foresaw, nothing but that."""
    known = error if isinstance(error, WorkloadError) else WorkloadError(Failure.INTERNAL_ERROR)
    return {"schema": SCHEMA, "error": known.failure.code, "reason": known.reason}


def line(data: Mapping[str, Any]) -> str:
    """A record as one line, the same bytes for the same record; ValueError for NaN."""
    return _ENCODER.encode(data) + "\n"


_ENCODER = json.JSONEncoder(sort_keys=True, allow_nan=False)


def text(data: Mapping[str, Any]) -> str:
    """A record in the agreed text form, a Python literal as in Google's published example."""
    if "name" not in data:
        return f"Error: {data['error']}: {data['reason']}\n"
    if "error" in data:
        return f"Image: {data['name']}, Error: {data['error']}\n"
    response = {
        "predicted_class": data["predictedClass"],
        "top_k_predictions": [
            {"class_index": score["classIndex"], "probability": score["probability"]}
            for score in data["topK"]
        ],
    }
    return f"Image: {data['name']}, Response: {response}\n"


def _rounded(probability: float) -> float:
    """From 0 to 1, which a float32 softmax leaves by a hair; NaN stays NaN."""
    return round(min(max(probability, 0.0), 1.0), DIGITS)
