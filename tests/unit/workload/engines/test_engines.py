"""Both engines: the signature that they require, and their answers, with tiny models."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

from tests.fixtures.tiny_models import FORMATS, HEIGHT, WIDTH, colours, noise, save, valid
from workload.engines.litert_engine import LiteRTModel
from workload.engines.tensorflow_engine import SavedModel
from workload.errors import PictureFailure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workload.job import Model
    from workload.manifest import Manifest

pytestmark = pytest.mark.parametrize("manifest", FORMATS, ids=lambda manifest: manifest.format)


def load(manifest: Manifest, folder: Path, function: Callable[[Any], Any], **options: Any) -> Model:
    """A model whose signature is this function of one tensor."""
    save(manifest, folder, function, **options)
    return engine(manifest, folder)


def engine(manifest: Manifest, folder: Path) -> Model:
    """The engine for the manifest's format, with the model of an unpacked archive."""
    if manifest.format == "litert":
        return LiteRTModel(folder / "model.tflite", manifest)
    return SavedModel(folder / "saved_model", manifest)


def test_the_best_classes_come_first(manifest: Manifest, tmp_path: Path) -> None:
    """`topK` classes of each picture, highest score first, with label and probability."""
    model = load(manifest, tmp_path, colours)
    green, blue = np.full((2, HEIGHT, WIDTH, 3), -1.0, np.float32)
    green[:, :, 1], green[:, :, 2], blue[:, :, 2] = 1.0, 0.0, 1.0
    answers = valid(model.classify([green, blue]))
    assert [[score.label for score in answer] for answer in answers] == [
        ["green", "blue"],
        ["blue", "red"],  # red and green are equally unlikely: the lower index comes first
    ]
    first = answers[0][0]
    assert first.class_index == 1
    assert 0.9 < first.score < 1


def test_the_answers_equal_tensorflows(manifest: Manifest, tmp_path: Path) -> None:
    """The same classes in the same order; scores are equal up to float32's rounding."""
    pictures = noise(5)
    expected = colours(tf.constant(np.stack(pictures))).numpy()
    answers = valid(load(manifest, tmp_path, colours).classify(pictures))
    for answer, row in zip(answers, expected, strict=True):
        assert [score.class_index for score in answer] == list(np.argsort(-row)[:2])
        np.testing.assert_allclose([s.score for s in answer], np.sort(row)[:0:-1], atol=1e-6)


@pytest.mark.parametrize("count", [1, 16, 35])
def test_other_pictures_of_a_batch_change_no_answer(
    manifest: Manifest, count: int, tmp_path: Path
) -> None:
    """Each picture gets the same answer as in its place among copies of itself.

    In its place: in another one, a processor may compute with another instruction, which rounds
    in another way.
    """
    model, pictures = load(manifest, tmp_path, colours), noise(count)
    alone = [model.classify([each] * count)[place] for place, each in enumerate(pictures)]
    assert model.classify(pictures) == alone


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (colours, {"shape": (None, HEIGHT, WIDTH + 1, 3)}),
        (lambda p: colours(tf.cast(p, tf.float32)), {"dtype": tf.uint8}),
        (lambda p: colours(p)[:, :2], {}),
    ],
    ids=["width", "input type", "classes"],
)
def test_a_model_with_another_signature_is_unusable(
    manifest: Manifest, function: Callable[[Any], Any], options: dict[str, Any], tmp_path: Path
) -> None:
    """A model whose input or output differs from its manifest is refused when it is loaded."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        load(manifest, tmp_path, function, **options)


def test_a_signature_with_another_name_is_unusable(manifest: Manifest, tmp_path: Path) -> None:
    """The manifest's signature must exist."""
    save(manifest, tmp_path, colours)
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        engine(dataclasses.replace(manifest, signature="train"), tmp_path)


def test_an_archive_without_a_model_is_unusable(manifest: Manifest, tmp_path: Path) -> None:
    """A manifest may name an engine for which the archive holds nothing; no details leave."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: The model does not do"):
        engine(manifest, tmp_path)


@pytest.mark.parametrize(
    "function",
    [
        lambda p: tf.ensure_shape(tf.concat([colours(p)] * 2, 0), (None, 3)),
        lambda p: tf.reshape(colours(p)[1:], (-1, 3)) + colours(p),
    ],
    ids=["too many answers", "an exception"],
)
def test_a_model_that_fails_is_unusable(
    manifest: Manifest, function: Callable[[Any], Any], tmp_path: Path
) -> None:
    """It must give one answer for each picture; the engine's own message does not leave."""
    model = load(manifest, tmp_path, function)
    with pytest.raises(WorkloadError, match=r"^model_unusable: The model does not do"):
        model.classify(noise(1))


@pytest.mark.parametrize(
    "function",
    [lambda p: colours(p) * float("nan"), lambda p: colours(p) + 1.0],
    ids=["NaN", "above 1"],
)
def test_scores_that_are_no_probabilities_fail_their_picture(
    manifest: Manifest, function: Callable[[Any], Any], tmp_path: Path
) -> None:
    """The picture gets a code; the run decides what follows."""
    model = load(manifest, tmp_path, function)
    assert model.classify(noise(2)) == [PictureFailure.SCORES_INVALID] * 2


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ({"shape": (1, HEIGHT, WIDTH, 3)}, {}),
        ({"shape": (3, HEIGHT, WIDTH, 3)}, {}),
        ({"shape": (None, None, None, 3)}, {}),
        ({"shape": (None, 3, HEIGHT, WIDTH)}, {"layout": "NCHW"}),
        ({"dtype": tf.uint8}, {"type": "uint8", "low": 0.0, "high": 255.0}),
        ({"dtype": tf.int8}, {"type": "int8", "low": -128.0, "high": 127.0}),
        ({"dtype": tf.float16}, {"type": "float16"}),
    ],
    ids=["batch of 1", "batch of 3", "any size", "channels first", "uint8", "int8", "float16"],
)
def test_every_shape_and_type_of_the_manifest_gives_the_same_answers(
    manifest: Manifest, options: dict[str, Any], changed: dict[str, Any], tmp_path: Path
) -> None:
    """Five pictures in a batch, whatever batch the model takes; whole numbers are rounded."""
    described = dataclasses.replace(manifest, input=dataclasses.replace(manifest.input, **changed))
    pictures = [np.rint(each * 127).astype(np.float32) for each in noise(5)]
    if described.input.type == "uint8":
        pictures = [np.abs(each) for each in pictures]
    first = described.input.layout == "NCHW"

    def function(picture: Any) -> Any:
        numbers = tf.cast(picture, tf.float32) / 127.0
        return colours(tf.transpose(numbers, (0, 2, 3, 1)) if first else numbers)

    if described.input.type not in ("float32", "float16"):
        given = [each + 0.3 for each in pictures]
    else:
        given = pictures
    expected = colours(tf.constant(np.stack(pictures) / 127.0)).numpy()
    model = load(described, tmp_path, function, **options)
    for answer, row in zip(valid(model.classify(given)), expected, strict=True):
        np.testing.assert_allclose([s.score for s in answer], np.sort(row)[:0:-1], atol=1e-5)
