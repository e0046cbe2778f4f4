"""Which part of a picture is resized, and where it goes; test_equal_resizing.py compares pixels."""

from __future__ import annotations

import dataclasses

import pytest

from workload.decoding import fitting, image_limits
from workload.decoding.fitting import Axis
from workload.errors import PictureError
from workload.manifest import Input

INPUT = Input(width=48, height=32, channels="RGB", low=0.0, high=255.0, resize="bilinear")
CROP = dataclasses.replace(INPUT, fit="crop")
SIDE = dataclasses.replace(CROP, short_side=51)
PAD = dataclasses.replace(INPUT, fit="pad")


def test_stretching_takes_the_whole_picture() -> None:
    """Whatever its aspect."""
    assert fitting.axes(7, 9, INPUT) == (Axis(0, 7, 32, 0, 32, 0), Axis(0, 9, 48, 0, 48, 0))


def test_a_crop_is_the_centre_with_the_inputs_aspect() -> None:
    """Its size and its place are rounded down."""
    assert fitting.axes(101, 100, CROP) == (Axis(17, 66, 32, 0, 32, 0), Axis(0, 100, 48, 0, 48, 0))


def test_at_least_one_pixel_is_taken() -> None:
    """Where Keras would crop to nothing, and TensorFlow would pad nothing."""
    assert fitting.axes(9, 1, CROP)[0] == Axis(4, 1, 32, 0, 32, 0)
    assert fitting.axes(1000, 1, PAD)[1] == Axis(0, 1, 1, 0, 1, 23)


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"),
    [
        # 51 * 100 / 75 = 68; (68 - 48) / 2 = 10 and (51 - 32) / 2 = 9.5, to the even 10
        (75, 100, Axis(0, 75, 51, 10, 32, 0), Axis(0, 100, 68, 10, 48, 0)),
        # 51 * 101 / 75 = 68.68, down to 68; (51 - 48) / 2 = 1.5, to the even 2
        (101, 75, Axis(0, 101, 68, 18, 32, 0), Axis(0, 75, 51, 2, 48, 0)),
        (60, 60, Axis(0, 60, 51, 10, 32, 0), Axis(0, 60, 51, 2, 48, 0)),
    ],
)
def test_the_short_side_is_rounded_like_torchvisions(
    height: int, width: int, rows: Axis, columns: Axis
) -> None:
    """The long side down, the middle to the even number."""
    assert fitting.axes(height, width, SIDE) == (rows, columns)


def test_padding_is_rounded_like_tensorflows() -> None:
    """The picture's size down; its place by the size before that: 48 - 31.5 is 16.5, not 17."""
    assert fitting.axes(64, 63, PAD) == (Axis(0, 64, 32, 0, 32, 0), Axis(0, 63, 31, 0, 31, 8))


def test_a_picture_that_would_be_resized_to_too_many_pixels_is_refused() -> None:
    """A line whose short side becomes hundreds of pixels: the same limit as for a file."""
    longest = image_limits.MAX_PIXELS // 51 // 51
    fitting.axes(1, longest, SIDE)
    with pytest.raises(PictureError, match=r"^picture_too_many_pixels$"):
        fitting.axes(1, longest + 1, SIDE)


@pytest.mark.parametrize(
    ("model_input", "size"),
    [(INPUT, (32, 48)), (CROP, (32, 102)), (SIDE, (51, 162)), (PAD, (15, 48))],
)
def test_the_size_for_reduced_decoding_is_that_of_the_whole_picture(
    model_input: Input, size: tuple[int, int]
) -> None:
    """Also if only its centre goes to the input."""
    assert fitting.whole_size(100, 318, model_input) == size
