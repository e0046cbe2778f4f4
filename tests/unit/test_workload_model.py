"""The TensorFlow engine: decoding, preprocessing and the signature, with tiny models."""

from __future__ import annotations

import dataclasses
import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from workload.errors import PictureError, WorkloadError
from workload.manifest import Input, Manifest

with warnings.catch_warnings():
    # TensorFlow's own dependencies use what NumPy and Python have deprecated.
    warnings.simplefilter("ignore")
    import tensorflow as tf

    from workload import images
    from workload.model import SavedModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

WIDTH, HEIGHT = 6, 4
WANTED = Input(width=WIDTH, height=HEIGHT, channels="RGB", low=-1.0, high=1.0, resize="bilinear")
COLOURS = Manifest(
    signature="serving_default", input=WANTED, top_k=2, classes=("red", "green", "blue")
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


def encoded(kind: str, pixels: npt.NDArray[np.uint8], **options: object) -> bytes:
    """Pixels as a file that Pillow writes."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def noise(width: int, height: int, channels: int = 3) -> npt.NDArray[np.uint8]:
    """A picture of which no pixel follows from its neighbours."""
    return np.random.default_rng(7).integers(0, 256, (height, width, channels), np.uint8)


def test_pixels_become_the_manifests_range() -> None:
    """0 becomes the lower end of the range and 255 the upper one, linear in between."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, :, 1], pixels[:, :, 2] = 255, 51
    decoded = images.decode(encoded("PNG", pixels), WANTED)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded[0, 0], [-1.0, 1.0, -0.6], atol=1e-6)


def test_resizing_is_as_the_manifest_says() -> None:
    """The same values as tf.image.resize gives on float pixels, without antialiasing."""
    pixels = noise(31, 17)
    expected = tf.image.resize(pixels.astype(np.float32), (HEIGHT, WIDTH), "bilinear")
    decoded = images.decode(encoded("PNG", pixels), WANTED)
    np.testing.assert_allclose(decoded, expected.numpy() / 127.5 - 1, atol=1e-5)


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    """Without resizing, every pixel arrives as it is."""
    pixels = noise(WIDTH, HEIGHT)
    wanted = dataclasses.replace(WANTED, low=0.0, high=255.0)
    np.testing.assert_array_equal(images.decode(encoded("PNG", pixels), wanted), pixels)


def test_channels_are_in_the_manifests_order() -> None:
    """BGR is RGB read backwards."""
    file = encoded("PNG", noise(WIDTH, HEIGHT))
    backwards = dataclasses.replace(WANTED, channels="BGR")
    np.testing.assert_array_equal(
        images.decode(file, backwards), images.decode(file, WANTED)[:, :, ::-1]
    )


@pytest.mark.parametrize(
    "file",
    [
        encoded("JPEG", noise(9, 9)),
        encoded("JPEG", noise(9, 9), progressive=True),
        encoded("JPEG", noise(9, 9, 1)[:, :, 0]),
        encoded("PNG", noise(9, 9, 4)),
        encoded("PNG", noise(9, 9, 1)[:, :, 0]),
        encoded("GIF", noise(9, 9)),
        encoded("BMP", noise(9, 9)),
    ],
    ids=["JPEG", "progressive", "grey JPEG", "PNG with alpha", "grey PNG", "GIF", "BMP"],
)
def test_every_format_becomes_the_models_input(file: bytes) -> None:
    """Whatever the format, the model gets float32 [height, width, 3]."""
    decoded = images.decode(file, WANTED)
    assert decoded.shape == (HEIGHT, WIDTH, 3)
    assert decoded.dtype == np.float32


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP"])
def test_a_cut_picture_is_damaged(kind: str) -> None:
    """Half a file is no picture, although its header is whole."""
    whole = encoded(kind, noise(99, 99))
    with pytest.raises(PictureError, match=r"^picture_damaged$"):
        images.decode(whole[: len(whole) // 2], WANTED)


def test_a_decoder_never_sees_what_the_header_check_refuses() -> None:
    """A PNG of 60,000 x 60,000 pixels ends at its header."""
    file = bytearray(encoded("PNG", noise(9, 9)))
    file[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(PictureError, match=r"^picture_too_many_pixels$"):
        images.decode(bytes(file), WANTED)


def test_the_best_classes_come_first(colours: Path) -> None:
    """TopK classes of each picture in falling order, with label and rounded probability."""
    model = SavedModel(colours, COLOURS)
    green, blue = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    green[:, :, 1], green[:, :, 2], blue[:, :, 2] = 255, 128, 255
    answers = model.classify([model.decode(encoded("PNG", each)) for each in (green, blue)])
    assert [[score.label for score in answer] for answer in answers] == [
        ["green", "blue"],
        ["blue", "red"],  # red and green are equally unlikely: the lower index comes first
    ]
    first = answers[0][0]
    assert first.class_index == 1
    assert first.probability == round(first.probability, 5)
    assert 0.9 < first.probability < 1


def test_equal_probabilities_keep_the_order_of_the_classes(tmp_path: Path) -> None:
    """Among equals the lower index comes first, however many there are."""
    many = dataclasses.replace(COLOURS, top_k=3, classes=tuple(f"class {i}" for i in range(400)))
    folder = saved(
        tmp_path / "model",
        lambda p: tf.ensure_shape(tf.fill((tf.shape(p)[0], 400), 1 / 400), (None, 400)),
    )
    model = SavedModel(folder, many)
    (answer,) = model.classify([np.zeros((HEIGHT, WIDTH, 3), np.float32)])
    assert [score.class_index for score in answer] == [0, 1, 2]


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
        lambda p: strongest(p) * float("nan"),
        lambda p: strongest(p) + 1.0,
        lambda p: tf.ensure_shape(tf.concat([strongest(p)] * 2, 0), (None, 3)),
        lambda p: tf.debugging.check_numerics(strongest(p) / 0.0, "secret"),
    ],
    ids=["no numbers", "no probabilities", "too many answers", "an exception"],
)
def test_answers_that_are_none_are_unusable(function: Callable[[Any], Any], tmp_path: Path) -> None:
    """Whatever is no probability of each class for each picture ends the run."""
    model = SavedModel(saved(tmp_path / "model", function), COLOURS)
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        model.classify([np.zeros((HEIGHT, WIDTH, 3), np.float32)])
