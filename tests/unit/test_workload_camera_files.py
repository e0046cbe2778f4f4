"""Files as phones, cameras and tools leave them: taken or refused exactly as TensorFlow does."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.fixtures.pictures.camera_files import JPEG, PNG, REFUSED, TAKEN
from workload.decoding import image_headers, pixels
from workload.errors import PictureError
from workload.manifest import Input

with warnings.catch_warnings():
    # TensorFlow's own dependencies use what NumPy and Python have deprecated.
    warnings.simplefilter("ignore")
    import tensorflow as tf

if TYPE_CHECKING:
    import numpy.typing as npt

INPUT = Input(width=48, height=32, channels="RGB", low=0.0, high=255.0, resize="bilinear")


def tensorflows(data: bytes) -> npt.NDArray[np.float32]:
    """TensorFlow's own reading of a file; InvalidArgumentError if it takes none."""
    picture = tf.io.decode_image(data, channels=3, expand_animations=False)
    resized = tf.image.resize(picture, (INPUT.height, INPUT.width), INPUT.resize)
    return np.asarray(resized.numpy())


@pytest.mark.parametrize("name", TAKEN)
def test_what_tensorflow_takes_is_taken(name: str) -> None:
    """With the same pixels, whatever else is in the file."""
    data = TAKEN[name]()
    np.testing.assert_array_equal(pixels.decode(data, INPUT, pixels.Buffer()), tensorflows(data))


@pytest.mark.parametrize("name", REFUSED)
def test_what_tensorflow_refuses_is_damaged(name: str) -> None:
    """It is not classified by what happened to be in memory."""
    data = REFUSED[name]()
    with pytest.raises(tf.errors.InvalidArgumentError):
        tensorflows(data)
    with pytest.raises(PictureError, match=r"^picture_damaged$"):
        pixels.decode(data, INPUT, pixels.Buffer())


@pytest.mark.parametrize("name", TAKEN)
def test_a_decoder_sees_no_more_than_the_picture(name: str) -> None:
    """Notes and trailers, however large, do not reach it; what they hold can't hurt there."""
    assert len(image_headers.check(TAKEN[name]()).data) < 1.5 * max(len(JPEG), len(PNG))
