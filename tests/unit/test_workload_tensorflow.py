"""The TensorFlow engine: the signature and the answers, with tiny models."""

from __future__ import annotations

import dataclasses
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from workload.errors import WorkloadError
from workload.manifest import Input, Manifest

with warnings.catch_warnings():
    # TensorFlow's own dependencies use what NumPy and Python have deprecated.
    warnings.simplefilter("ignore")
    import tensorflow as tf

    from workload.engines.tensorflow_engine import SavedModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WIDTH, HEIGHT = 6, 4
INPUT = Input(width=WIDTH, height=HEIGHT, channels="RGB", low=-1.0, high=1.0, resize="bilinear")
COLOURS = Manifest(
    format="tensorflow-saved-model",
    signature="serving_default",
    input=INPUT,
    top_k=2,
    classes=("red", "green", "blue"),
)


def saved(
    folder: Path,
    function: Callable[[Any], Any],
    shape: tuple[int | None, ...] = (None, HEIGHT, WIDTH, 3),
    dtype: Any = tf.float32,
) -> Path:
    """A SavedModel whose signature is this function of one tensor."""
    module = tf.Module()
    module.scale = tf.Variable(4.0)
    module.call = tf.function(
        lambda picture: {"answer": function(picture)},
        input_signature=[tf.TensorSpec(shape, dtype, name="picture")],
    )
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.call})
    return folder


def strongest(picture: Any) -> Any:
    """The share of each colour, sharpened."""
    return tf.nn.softmax(4.0 * tf.reduce_mean(picture, axis=(1, 2)))


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that tells red, green and blue apart."""
    return saved(tmp_path_factory.mktemp("model") / "saved_model", strongest)


def test_the_best_classes_come_first(colours: Path) -> None:
    """TopK classes of each picture in falling order, with label and probability."""
    model = SavedModel(colours, COLOURS)
    green, blue = np.full((2, HEIGHT, WIDTH, 3), -1.0, np.float32)
    green[:, :, 1], green[:, :, 2], blue[:, :, 2] = 1.0, 0.0, 1.0
    answers = model.classify([green, blue])
    assert [[score.label for score in answer] for answer in answers] == [
        ["green", "blue"],
        ["blue", "red"],  # red and green are equally unlikely: the lower index comes first
    ]
    first = answers[0][0]
    assert first.class_index == 1
    assert 0.9 < first.probability < 1


def test_a_batch_changes_no_answer(colours: Path) -> None:
    """A picture gets the same answer alone and among others."""
    model = SavedModel(colours, COLOURS)
    batch = [np.full((HEIGHT, WIDTH, 3), value, np.float32) for value in (-1, 0, 0.5)]
    together = model.classify(batch)
    assert [model.classify([each])[0] for each in batch] == together


@pytest.mark.parametrize(
    ("function", "shape", "dtype"),
    [
        (strongest, (None, HEIGHT, WIDTH + 1, 3), tf.float32),
        (strongest, (1, HEIGHT, WIDTH, 3), tf.float32),
        (strongest, (None, None, None, 3), tf.float32),
        (lambda p: strongest(tf.cast(p, tf.float32)), (None, HEIGHT, WIDTH, 3), tf.uint8),
        (lambda p: strongest(p)[:, :2], (None, HEIGHT, WIDTH, 3), tf.float32),
        (lambda p: tf.cast(strongest(p), tf.float64), (None, HEIGHT, WIDTH, 3), tf.float32),
    ],
    ids=["width", "fixed batch", "any size", "input type", "classes", "output type"],
)
def test_another_signature_is_unusable(
    function: Callable[[Any], Any],
    shape: tuple[int | None, ...],
    dtype: Any,
    tmp_path: Path,
) -> None:
    """A model that takes or gives something else than its manifest says is refused at once."""
    folder = saved(tmp_path / "model", function, shape, dtype)
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        SavedModel(folder, COLOURS)


def test_a_signature_of_another_name_is_unusable(colours: Path) -> None:
    """The manifest's signature must exist."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        SavedModel(colours, dataclasses.replace(COLOURS, signature="train"))


def test_a_folder_without_a_model_is_unusable(tmp_path: Path) -> None:
    """What TensorFlow says about the missing file stays inside."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: The model does not do"):
        SavedModel(tmp_path, COLOURS)


@pytest.mark.parametrize(
    "function",
    [
        lambda p: tf.ensure_shape(tf.concat([strongest(p)] * 2, 0), (None, 3)),
        lambda p: tf.debugging.check_numerics(strongest(p) / 0.0, "secret"),
    ],
    ids=["too many answers", "an exception"],
)
def test_answers_that_are_none_are_unusable(function: Callable[[Any], Any], tmp_path: Path) -> None:
    """One answer for each picture, and none that fails; what TensorFlow says stays inside."""
    model = SavedModel(saved(tmp_path / "model", function), COLOURS)
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        model.classify([np.zeros((HEIGHT, WIDTH, 3), np.float32)])


@pytest.mark.parametrize(
    "function",
    [lambda p: strongest(p) * float("nan"), lambda p: strongest(p) + 1.0],
    ids=["no numbers", "no probabilities"],
)
def test_scores_that_are_none_are_reported(function: Callable[[Any], Any], tmp_path: Path) -> None:
    """Whatever is no probability ends the run, by a code of its own."""
    model = SavedModel(saved(tmp_path / "model", function), COLOURS)
    with pytest.raises(WorkloadError, match=r"^model_scores_invalid: "):
        model.classify([np.zeros((HEIGHT, WIDTH, 3), np.float32)])
