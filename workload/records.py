"""What is said of one picture: a record for programs, a line for people.

The form of all that leaves is decided here: keys, their order, the rounding of scores. It is also
written down for readers, in `docs/schema` and `docs/results.md`. The line for people is the one of
Google's published example, whose readers parse it. Pure: where records are kept, and when, is not
known.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from workload.errors import PictureFailure, as_workload_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA = "confidential-inference/result/v1"
DIGITS = 5
"""Decimal places of a score in a record: engines and processors agree to so many."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One object of the input bucket: exactly this generation is what was classified."""

    name: str
    """Holds no CR and no LF, which Cloud Storage allows in no name; anything else it may hold."""
    generation: str
    size: int = 0
    """Bytes at most, going by the listing; what is read is counted anew."""
    sha256: str | None = None
    """Of the bytes, in hex; None until they are there, and where they could not be had."""


class Score(NamedTuple):
    """One class and the model's probability for it."""

    class_index: int
    label: str
    probability: float


Outcome: TypeAlias = "Sequence[Score] | PictureFailure"


def record(picture: Picture, outcome: Outcome) -> dict[str, Any]:
    """What came of one picture: its best classes, best first, with all digits; or a code."""
    common = {"schema": SCHEMA, "name": picture.name, "generation": picture.generation}
    if picture.sha256:
        common["sha256"] = picture.sha256
    if isinstance(outcome, PictureFailure):
        return {**common, "error": outcome.value}
    return {
        **common,
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


def parse(written: str, picture: Picture) -> Outcome | None:
    """What came of a picture as a line says it; None if `line` does not say it so of this one."""
    try:
        data = json.loads(written)
        outcome = PictureFailure(data["error"]) if "error" in data else _scores(data["topK"])
        same = line(record(replace(picture, sha256=data.get("sha256")), outcome)) == written
    # Whoever changes the line decides what is in it, and how deep.
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError):
        return None
    return outcome if same else None


def _scores(data: Any) -> Sequence[Score]:  # noqa: ANN401  whatever JSON the line holds
    scores = [Score(each["classIndex"], each["label"], each["probability"]) for each in data]
    if any(tuple(map(type, score)) != (int, str, float) for score in scores):
        raise TypeError("a score is not made of a number, a name and a fraction")
    return scores


def failure(error: Exception) -> dict[str, Any]:
    """Why the run as a whole failed."""
    common = as_workload_error(error)
    return {"schema": SCHEMA, "error": common.failure.code, "reason": common.reason}


def rounded(data: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it is published: with scores from 0 to 1, which a float32 leaves by a hair."""
    scores = data.get("topK", ())
    published = [score | {"probability": _rounded(score["probability"])} for score in scores]
    return {**data, "topK": published} if published else dict(data)


def line(data: Mapping[str, Any]) -> str:
    """A record as one line, the same bytes for the same record; ValueError for NaN."""
    return _ENCODER.encode(data) + "\n"


_ENCODER = json.JSONEncoder(sort_keys=True, allow_nan=False)


def text(data: Mapping[str, Any]) -> str:
    """A record for people, as the published example says it: name, and a Python literal.

    https://github.com/GoogleCloudPlatform/confidential-space, codelabs/ml_model_protection
    """
    if "name" not in data:
        return f"Error: {data['error']}: {data['reason']}"
    if "error" in data:
        response = {"error": data["error"]}
    else:
        response = {
            "predicted_class": data["predictedClass"],
            "top_k_predictions": [
                {"class_index": score["classIndex"], "score": score["probability"]}
                for score in data["topK"]
            ],
        }
    return f"Image: {_printable(data['name'])}, Response: {response}"


def _printable(name: str) -> str:
    """A name that ends neither its line nor itself before its end, for any reader.

    Some split lines at U+2028, FF and others, too. What is not printable is written as in a Python
    literal, and so are a backslash and what would look like the response's beginning.
    """
    escaped = "".join(
        letter if letter.isprintable() and letter != "\\" else _escaped(letter) for letter in name
    )
    return escaped.replace(", Response:", ", Response\\x3a")


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _rounded(probability: float) -> float:
    return round(min(max(probability, 0.0), 1.0), DIGITS)
