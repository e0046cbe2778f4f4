"""Which outputs are valid scores, and how classes are ranked, for every engine."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from workload.engines import scores
from workload.errors import WorkloadError
from workload.manifest import Input, Manifest

MANIFEST = Manifest(
    format="litert",
    signature="serving_default",
    input=Input(width=1, height=1, channels="RGB", low=0, high=1, resize="bilinear"),
    top_k=2,
    classes=("red", "green", "blue"),
)


def ranked(*rows: list[float]) -> list[list[tuple[str, float]]]:
    """Labels and scores of as many pictures as there are rows."""
    answers = scores.ranked(np.array(rows, np.float32), len(rows), MANIFEST)
    return [[(score.label, round(score.probability, 3)) for score in each] for each in answers]


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
    expected = sorted(range(400), key=lambda index: (-values[0, index], index))
    assert [score.class_index for score in answer] == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.01, 1.01])
def test_a_score_that_is_no_probability_is_reported(value: float) -> None:
    """Even in one place of many."""
    with pytest.raises(WorkloadError, match=r"^model_scores_invalid: "):
        ranked([0.1, 0.7, 0.2], [0.5, value, 0.5])


def test_a_rounding_error_of_softmax_is_accepted() -> None:
    """Float32 may be slightly outside 0 to 1."""
    assert ranked([1.0000002, -0.0000001, 0.0])[0][0] == ("red", 1.0)


@pytest.mark.parametrize("shape", [(1, 3), (3, 3), (2, 4), (2, 2), (6,), (2, 3, 1), ()])
def test_answers_of_another_shape_are_unusable(shape: tuple[int, ...]) -> None:
    """One row for each picture, one column for each class."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        scores.ranked(np.full(shape, 0.5, np.float32), 2, MANIFEST)
