"""Which outputs are valid scores, and how classes are ranked, for every engine."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import pytest

from workload.engines import scores
from workload.errors import PictureFailure, WorkloadError
from workload.manifest import Input, Manifest, Output
from workload.records import Score

MANIFEST = Manifest(
    format="litert",
    signature="serving_default",
    input=Input(width=1, height=1, channels="RGB", low=0, high=1, resize="bilinear"),
    output=Output(scores="probabilities"),
    top_k=2,
    classes=("red", "green", "blue"),
)


def ranked(
    *rows: list[float],
    output: Output = MANIFEST.output,
    classes: tuple[str, ...] = MANIFEST.classes,
) -> list[list[tuple[str, float]] | PictureFailure]:
    """Labels and scores of as many pictures as there are rows, or a picture's failure."""
    manifest = dataclasses.replace(MANIFEST, output=output, classes=classes)
    answers = scores.ranked(np.array(rows, np.float32), len(rows), manifest)
    return [
        each
        if isinstance(each, PictureFailure)
        else [(score.label, round(score.score, 3)) for score in each]
        for each in answers
    ]


def test_the_best_classes_come_first() -> None:
    """TopK classes of each picture, in falling order, the lower index first in a tie."""
    assert ranked([0.1, 0.7, 0.2], [0.2, 0.2, 0.6]) == [
        [("green", 0.7), ("blue", 0.2)],
        [("blue", 0.6), ("red", 0.2)],
    ]


def test_equal_scores_keep_the_order_of_the_classes() -> None:
    """Among equals the lower index comes first, however many there are."""
    values = np.random.default_rng(7).choice([0.1, 0.2, 0.3], (1, 400)).astype(np.float32)
    many = dataclasses.replace(MANIFEST, top_k=400, classes=tuple(f"class {i}" for i in range(400)))
    (answer,) = scores.ranked(values, 1, many)
    assert not isinstance(answer, PictureFailure)
    expected = sorted(range(400), key=lambda index: (-values[0, index], index))
    assert [score.class_index for score in answer] == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.01, 1.01])
def test_a_score_that_is_no_probability_fails_its_picture_only(value: float) -> None:
    """Even in one place of many."""
    assert ranked([0.1, 0.7, 0.2], [0.5, value, 0.5]) == [
        [("green", 0.7), ("blue", 0.2)],
        PictureFailure.SCORES_INVALID,
    ]


@pytest.mark.parametrize("scores_are", ["logits", "raw"])
def test_logits_and_raw_scores_have_any_size(scores_are: Literal["logits", "raw"]) -> None:
    """They are published as they are; only infinity and NaN are invalid."""
    assert ranked([12.08, -3, 0.5], [np.inf, 0, 0], output=Output(scores=scores_are)) == [
        [("red", 12.08), ("blue", 0.5)],
        PictureFailure.SCORES_INVALID,
    ]


def test_log_probabilities_are_at_most_zero() -> None:
    """The logarithm of 0 is minus infinity, and becomes the smallest number that JSON has."""
    output = Output(scores="log-probabilities")
    assert ranked([-0.1, -9, -np.inf], [0.1, -9, -9], output=output) == [
        [("red", -0.1), ("green", -9.0)],
        PictureFailure.SCORES_INVALID,
    ]


def test_softmax_makes_probabilities_of_logits() -> None:
    """Also of logits whose exponentials are beyond float32."""
    output = Output(scores="logits", activation="softmax")
    assert ranked([1, 2, 3], [1e4, 0, 1e4], output=output) == [
        [("blue", 0.665), ("green", 0.245)],
        [("red", 0.5), ("blue", 0.5)],
    ]


@pytest.mark.parametrize(
    ("output", "number"),
    [
        (Output(scores="probabilities"), 0.8),
        (Output(scores="logits", activation="sigmoid"), 1.3863),
    ],
)
def test_one_number_for_two_classes_is_the_second_ones_probability(
    output: Output, number: float
) -> None:
    """As a model with one sigmoid answers."""
    assert ranked([number], output=output, classes=("cat", "dog")) == [[("dog", 0.8), ("cat", 0.2)]]


@pytest.mark.parametrize(
    "output",
    [Output(scores="logits"), Output(scores="raw"), Output(scores="logits", activation="softmax")],
)
def test_one_number_that_is_no_probability_is_not_enough_for_two_classes(output: Output) -> None:
    """The other class would need a score, too."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        ranked([1.5], output=output, classes=("cat", "dog"))


def test_a_rounding_error_of_softmax_is_accepted() -> None:
    """Float32 may be slightly outside 0 to 1."""
    assert ranked([1.0000002, -0.0000001, 0.0])[0][0] == ("red", 1.0)


@pytest.mark.parametrize("shape", [(1, 3), (3, 3), (2, 4), (2, 2), (6,), (3, 2), ()])
def test_answers_of_another_shape_are_unusable(shape: tuple[int, ...]) -> None:
    """One row for each picture, one number for each class."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        scores.ranked(np.full(shape, 0.5, np.float32), 2, MANIFEST)


def test_a_picture_may_have_its_scores_in_more_dimensions() -> None:
    """Some models answer [N, 1, 1, classes]."""
    answers = np.array([0.1, 0.7, 0.2], np.float32).reshape(1, 1, 1, 3)
    (answer,) = scores.ranked(answers, 1, MANIFEST)
    assert not isinstance(answer, PictureFailure)
    assert answer[0] == Score(1, "green", float(np.float32(0.7)))
