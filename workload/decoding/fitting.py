"""The geometry of a picture in a model's input: which part is shown, how large, and where."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from workload.manifest import Input


class Geometry(NamedTuple):
    """Where the pixels of the input come from; lengths in pixels."""

    top: int
    left: int
    height: int
    width: int
    """The part of the picture that is resized."""
    resized: tuple[int, int]
    """Height and width of that part afterwards."""
    down: int = 0
    right: int = 0
    """Where its upper left corner lies in the input; negative if its borders are cut off."""


def fit(height: int, width: int, model_input: Input) -> Geometry:
    """The geometry for a picture of this size."""
    target = model_input.height, model_input.width
    if model_input.fit == "pad":
        return _padded(height, width, target)
    if model_input.fit == "crop" and model_input.short_side:
        return _resized_then_cropped(height, width, target, model_input.short_side)
    if model_input.fit == "crop":
        return _cropped(height, width, target)
    return Geometry(0, 0, height, width, target)


def _cropped(height: int, width: int, target: tuple[int, int]) -> Geometry:
    """The centre with the target's aspect, as Keras' `load_img(keep_aspect_ratio=True)`.

    https://github.com/keras-team/keras/blob/master/keras/src/utils/image_utils.py
    """
    part_height = max(1, min(height, width * target[0] // target[1]))
    part_width = max(1, min(width, height * target[1] // target[0]))
    top, left = (height - part_height) // 2, (width - part_width) // 2
    return Geometry(top, left, part_height, part_width, target)


def _resized_then_cropped(
    height: int, width: int, target: tuple[int, int], short_side: int
) -> Geometry:
    """The short side resized to so many pixels, then the centre, as torchvision does.

    https://pytorch.org/vision/stable/generated/torchvision.transforms.Resize.html and CenterCrop
    """
    short, long = sorted((height, width))
    long_side = int(short_side * long / short)
    resized = (short_side, long_side) if height <= width else (long_side, short_side)
    # `round`: to the even number, as in torchvision.
    down, right = (-round((resized[i] - target[i]) / 2.0) for i in (0, 1))
    return Geometry(0, 0, height, width, resized, down, right)


def _padded(height: int, width: int, target: tuple[int, int]) -> Geometry:
    """The whole picture with its own aspect, as tf.image.resize_with_pad; in float32 like there."""
    sides, wanted = np.array((height, width), np.float32), np.array(target, np.float32)
    exact = sides / np.max(sides / wanted)
    rows, columns = (max(1, math.floor(side)) for side in exact)
    down, right = (max(0, math.floor(gap)) for gap in (wanted - exact) / 2)
    return Geometry(0, 0, height, width, (rows, columns), down, right)
