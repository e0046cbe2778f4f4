"""The trained model's answers, whichever way its pictures were read: only such a model can tell."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from PIL import Image

from rehearsal.repository import REPOSITORY
from tests.fixtures.pictures.photos import file
from tests.fixtures.tensorflow_reading import reference
from tests.fixtures.tiny_models import valid
from workload import archive, manifest
from workload.decoding import pixels
from workload.engines import selection

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from workload.job import Model

FOLDER = REPOSITORY / "model"
FILES = sorted((FOLDER / "pictures").iterdir())
SAME = 1e-6
"""How far equal pixels may be told apart: by rounding within one batch."""
REDUCED = 0.2
"""How far a score may move if pictures are decoded at reduced scale: seen .13, on average .0015."""


class Released(NamedTuple):
    """The demonstration model, ready to be asked."""

    model: Model
    input: manifest.Input


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Released:
    """As a run has it once it is released."""
    folder = tmp_path_factory.mktemp("released") / "model"
    archive.unpack(FOLDER / "model.tar.gz", folder)
    described = manifest.read(folder / "manifest.json")
    described = dataclasses.replace(described, top_k=len(described.classes))
    return Released(selection.load(folder, described), described.input)


def decoded(data: bytes, model_input: manifest.Input) -> npt.NDArray[np.float32]:
    """A picture as a decoder process reads it."""
    return pixels.decode(data, model_input, pixels.Buffer())


def written(path: Path, kind: str, mode: str = "RGB", **options: object) -> bytes:
    """A demonstration picture in another format, half as wide: larger or smaller than wanted."""
    with Image.open(path) as image:
        return file(kind, image.reduce(2).convert(mode), **options)


FORMS: dict[str, Callable[[Path], bytes]] = {
    "as it is": Path.read_bytes,
    "progressive JPEG": lambda path: written(path, "JPEG", progressive=True),
    "coarse JPEG": lambda path: written(path, "JPEG", quality=30),
    "grey JPEG": lambda path: written(path, "JPEG", "L"),
    "CMYK JPEG": lambda path: written(path, "JPEG", "CMYK"),
    "PNG": lambda path: written(path, "PNG"),
    "palette PNG": lambda path: written(path, "PNG", "P"),
    "PNG with alpha": lambda path: written(path, "PNG", "RGBA"),
    "GIF": lambda path: written(path, "GIF"),
    "BMP": lambda path: written(path, "BMP"),
    "WebP": lambda path: written(path, "WEBP"),
}


def scores(model: Model, pictures: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float64]:
    """The probability of each class for each picture."""
    answers = [sorted(answer) for answer in valid(model.classify(pictures))]
    return np.array([[score.score for score in answer] for answer in answers])


@pytest.mark.parametrize("form", FORMS)
def test_the_model_answers_as_if_tensorflow_had_read_it(form: str, released: Released) -> None:
    """The same class first, and each score the same but for rounding, for every picture."""
    files = [FORMS[form](path) for path in FILES]
    own_scores = scores(released.model, [decoded(data, released.input) for data in files])
    reference_scores = scores(released.model, [reference(data, released.input) for data in files])
    np.testing.assert_array_equal(own_scores.argmax(1), reference_scores.argmax(1))
    np.testing.assert_allclose(own_scores, reference_scores, rtol=0, atol=SAME)


def test_the_model_names_every_class_with_confidence(released: Released) -> None:
    """The tests here can fail: it names many classes, and is sure of most."""
    predicted = scores(
        released.model, [reference(path.read_bytes(), released.input) for path in FILES]
    )
    assert len(set(predicted.argmax(1))) == len(predicted[0])
    assert np.median(predicted.max(1)) > 0.9


def test_reduced_decoding_keeps_classes_and_moves_scores_little(released: Released) -> None:
    """Every picture keeps its class, and scores move by less than is said here."""
    model_input = dataclasses.replace(released.input, decode="reduced")
    files = [path.read_bytes() for path in FILES]
    exact = scores(released.model, [decoded(data, released.input) for data in files])
    reduced = scores(released.model, [decoded(data, model_input) for data in files])
    difference = np.abs(exact - reduced)
    np.testing.assert_array_equal(reduced.argmax(1), exact.argmax(1))
    assert 0 < difference.max() < REDUCED
