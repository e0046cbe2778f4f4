"""The result of one picture: a record for programs, a line for people.

This module decides the format of everything that leaves the enclave: keys, their order, the
rounding of scores. `docs/schema` and `docs/results.md` document it. The line for people has the
format of Google's published example, because programs parse it. Pure: it stores nothing.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from workload.errors import PictureFailure, as_workload_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA = "confidential-inference/result/v2"
DIGITS = 5
"""Decimal places of a score in a record: engines and processors agree up to here."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One object of the input bucket; exactly this generation is classified."""

    name: str
    """May hold any character but CR and LF, which Cloud Storage forbids in names."""
    generation: str
    size: int = 0
    """At most so many bytes, by the listing; the download is limited separately."""
    sha256: str | None = None
    """Of the bytes, in hex; None until they are downloaded, and if that fails."""


class Score(NamedTuple):
    """One class and its score: a probability or what else the model's manifest declares."""

    class_index: int
    label: str
    score: float


Outcome: TypeAlias = "Sequence[Score] | PictureFailure"


def record(picture: Picture, outcome: Outcome) -> dict[str, Any]:
    """The record of one picture: its best classes, best first, with all digits; or a code."""
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
                "score": score.score,
            }
            for score in outcome
        ],
    }


def parse(written: str, picture: Picture) -> Outcome | None:
    """The outcome in a line; None unless `line` writes exactly this line for this picture."""
    try:
        data = json.loads(written)
        outcome = PictureFailure(data["error"]) if "error" in data else _scores(data["topK"])
        same = line(record(replace(picture, sha256=data.get("sha256")), outcome)) == written
    # An attacker may have written the line: any content, nested to any depth.
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError):
        return None
    return outcome if same else None


def _scores(data: Any) -> Sequence[Score]:  # noqa: ANN401  whatever JSON the line holds
    scores = [Score(each["classIndex"], each["label"], each["score"]) for each in data]
    if any(tuple(map(type, score)) != (int, str, float) for score in scores):
        raise TypeError("a score is not made of a number, a name and a fraction")
    return scores


def failure(error: Exception) -> dict[str, Any]:
    """The record of a failed run."""
    common = as_workload_error(error)
    return {"schema": SCHEMA, "error": common.failure.code, "reason": common.reason}


def rounded(data: Mapping[str, Any], scores: str) -> dict[str, Any]:
    """The published form of a record: scores rounded, probabilities clipped to 0 to 1."""
    low, high = (0.0, 1.0) if scores == "probabilities" else (-math.inf, math.inf)
    best = [
        score | {"score": round(min(max(score["score"], low), high), DIGITS)}
        for score in data.get("topK", ())
    ]
    return {**data, "topK": best} if best else dict(data)


def line(data: Mapping[str, Any]) -> str:
    """A record as one line; equal records give equal bytes; ValueError for NaN."""
    return _ENCODER.encode(data) + "\n"


_ENCODER = json.JSONEncoder(sort_keys=True, allow_nan=False)


def text(data: Mapping[str, Any]) -> str:
    """A record for people, in the format of the published example: name and a Python literal.

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
                {"class_index": score["classIndex"], "score": score["score"]}
                for score in data["topK"]
            ],
        }
    return f"Image: {_printable(data['name'])}, Response: {response}"


def _printable(name: str) -> str:
    """A name that can't forge a line or a response, whatever program parses the text.

    Some programs also split lines at U+2028, FF and others. Escapes characters that are not
    printable and backslashes, as in a Python literal, and the text that begins a response.
    """
    escaped = "".join(
        letter if letter.isprintable() and letter != "\\" else _escaped(letter) for letter in name
    )
    return escaped.replace(", Response:", ", Response\\x3a")


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
