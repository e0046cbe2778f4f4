"""The record of one picture: as `workload.records` writes it, and as its schema allows."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rehearsal.repository import REPOSITORY
from workload import records
from workload.errors import Detail, Failure, PictureFailure, WorkloadError
from workload.records import Picture, Score

SCHEMA = json.loads((REPOSITORY / "docs/schema/result-v2.json").read_text())
ALLOWED = Draft202012Validator(SCHEMA)
PICTURE = Picture(name="a.png", generation="17", sha256="5e" * 32)
SCORES = [Score(3, "crack", 0.99731), Score(0, "clean", 0.0001)]


def test_the_record_of_a_prediction() -> None:
    """A record's keys are sorted, and the best class is also its own key."""
    assert records.line(records.record(PICTURE, SCORES)) == (
        '{"generation": "17", "label": "crack", "name": "a.png", "predictedClass": 3, '
        '"schema": "confidential-inference/result/v2", "sha256": "' + "5e" * 32 + '", "topK": '
        '[{"classIndex": 3, "label": "crack", "score": 0.99731}, '
        '{"classIndex": 0, "label": "clean", "score": 0.0001}]}\n'
    )


def test_the_record_of_a_failed_picture() -> None:
    """A code, and the hash of what could not be decoded."""
    assert records.record(PICTURE, PictureFailure.DAMAGED) == {
        "schema": "confidential-inference/result/v2",
        "name": "a.png",
        "generation": "17",
        "sha256": "5e" * 32,
        "error": "picture_damaged",
    }


def test_a_picture_that_was_not_read_has_no_hash() -> None:
    """The key is missing if the download failed."""
    missing = Picture(name="a.png", generation="17")
    assert "sha256" not in records.record(missing, PictureFailure.NOT_READABLE)


@pytest.mark.parametrize(
    ("probability", "rounded"),
    [(0.123456, 0.12346), (0.000004, 0.0), (1.0000001, 1.0), (1.0009, 1.0), (-0.0009, 0.0)],
)
def test_scores_are_rounded(probability: float, rounded: float) -> None:
    """To five decimal places, and to the range from 0 to 1."""
    record = records.record(PICTURE, [Score(0, "clean", probability)])
    (score,) = records.rounded(record, "probabilities")["topK"]
    assert str(score["score"]) == str(rounded)


@pytest.mark.parametrize("scores", ["logits", "log-probabilities", "raw"])
def test_other_scores_are_rounded_and_not_clipped(scores: str) -> None:
    """They have any size."""
    record = records.record(PICTURE, [Score(0, "a", 12.0812345), Score(1, "b", -3.0000049)])
    best = records.rounded(record, scores)["topK"]
    assert [score["score"] for score in best] == [12.08123, -3.0]


def test_nan_is_an_error() -> None:
    """NaN is not valid JSON."""
    with pytest.raises(ValueError, match="JSON"):
        records.line(records.record(PICTURE, [Score(0, "clean", float("nan"))]))


EXAMPLE = (
    "Image: a.png, Response: {'predicted_class': 3, 'top_k_predictions': "
    "[{'class_index': 3, 'score': 0.9973099827766418}, {'class_index': 0, 'score': 0.0001}]}"
)
"""As the published example writes it: the float32 0.99731 as Python's float, and its own keys."""


def test_the_text_of_a_prediction() -> None:
    """The published example's line, byte for byte: its keys, its literal, every digit."""
    scores = [Score(3, "crack", 0.9973099827766418), Score(0, "clean", 0.0001)]
    line = records.text(records.record(PICTURE, scores))
    assert line == EXAMPLE
    assert ast.literal_eval(line.partition("Response: ")[2])["top_k_predictions"][0] == {
        "class_index": 3,
        "score": 0.9973099827766418,
    }


def test_the_text_of_a_picture_that_failed() -> None:
    """It has the example's format, with `error`; an ordinary name is unchanged."""
    picture = Picture(name="ü 'b'/\U0001f600 \"c\".jpg", generation="18")
    line = records.text(records.record(picture, PictureFailure.DAMAGED))
    assert line == ("Image: ü 'b'/\U0001f600 \"c\".jpg, Response: {'error': 'picture_damaged'}")


FORGED = "Image: b.png, Response: {'predicted_class': 7, 'top_k_predictions': []}"
LINE_ENDS = "\v\f\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_a_name_cannot_forge_a_line(end: str) -> None:
    """Python's and others' readers split at more than a line feed."""
    picture = Picture(name=f"a.png{end}{FORGED}", generation="1")
    assert len(records.text(records.record(picture, PictureFailure.DAMAGED)).splitlines()) == 1


@pytest.mark.parametrize("code", [*range(10), 11, 12, *range(14, 32), *range(127, 160)], ids=hex)
def test_a_name_sends_no_control_characters_to_a_terminal(code: int) -> None:
    """Control characters are written as in a Python literal; CR and LF are in no name."""
    picture = Picture(name=f"a{chr(code)}b", generation="1")
    assert records.text(records.record(picture, PictureFailure.EMPTY)).isprintable()


@pytest.mark.parametrize(
    "name",
    [f"a, {FORGED[14:]}", FORGED, f"a.png, Response: {{}}, {FORGED}", "a\\x3a", "a, Response:"],
)
def test_a_name_cannot_forge_a_response(name: str) -> None:
    """A parser finds only the workload's response, from the left or from the right."""
    line = records.text(records.record(Picture(name=name, generation="1"), PictureFailure.EMPTY))
    for head, _, text in (line.partition(", Response: "), line.rpartition(", Response: ")):
        assert ast.literal_eval(text) == {"error": "picture_empty"}
        assert head.removeprefix("Image: ").encode().decode("unicode_escape") == name


def test_bidirectional_characters_in_a_name_are_escaped() -> None:
    """What a terminal or an editor would show in another order is escaped."""
    picture = Picture(name="a\u202egnp.exe", generation="1")
    line = records.text(records.record(picture, PictureFailure.EMPTY))
    assert line == "Image: a\\u202egnp.exe, Response: {'error': 'picture_empty'}"


def test_the_text_of_a_run_that_failed() -> None:
    """Code and sentence; the line does not begin like a picture's."""
    record = records.failure(WorkloadError(Failure.RELEASE_REFUSED, Detail.CONDITION))
    assert records.text(record) == (
        "Error: release_refused: The given credential is rejected by the attribute condition."
    )


def test_the_text_of_an_exception_does_not_leave() -> None:
    """An unexpected exception becomes a code."""
    assert records.failure(RuntimeError("tensor 'secret' of gs://primus/model")) == {
        "schema": "confidential-inference/result/v2",
        "error": "internal_error",
        "reason": "The workload met a situation it does not know.",
    }


RECORDS: dict[str, dict[str, Any]] = {
    "prediction": records.record(PICTURE, SCORES),
    "not read": records.record(Picture(name="b", generation="1"), PictureFailure.NOT_READABLE),
    **{code: records.record(PICTURE, code) for code in PictureFailure},
    **{failure.code: records.failure(WorkloadError(failure)) for failure in Failure},
}


@pytest.mark.parametrize("name", RECORDS)
def test_every_record_matches_its_schema(name: str) -> None:
    """Predictions, every code of a picture and every failure of a run."""
    ALLOWED.validate(json.loads(records.line(RECORDS[name])))


PREDICTION = RECORDS["prediction"]
OUTSIDE: dict[str, dict[str, Any]] = {
    "a prediction without a hash": {k: v for k, v in PREDICTION.items() if k != "sha256"},
    "a prediction with a code": PREDICTION | {"error": "picture_damaged"},
    "a text of an exception": RECORDS["picture_damaged"] | {"error": "No such file: /x"},
    "one key more": PREDICTION | {"path": "/x"},
    "another form": PREDICTION | {"schema": "confidential-inference/result/v1"},
    "no class": PREDICTION | {"topK": []},
    "a score in words": PREDICTION | {"topK": [{"classIndex": 0, "label": "a", "score": "1.5"}]},
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_the_schema_allows_nothing_else(name: str) -> None:
    """Other objects are not valid records."""
    assert not ALLOWED.is_valid(OUTSIDE[name])


def test_the_schema_is_valid() -> None:
    """An invalid schema could accept everything."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["title"] == records.SCHEMA
