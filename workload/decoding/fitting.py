"""Says which part of a picture is resized to what size, and where that goes in the model's input.

The rules are those of the libraries that models are trained with: Keras for a crop, torchvision for
a crop after resizing the short side, TensorFlow for padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workload.decoding import image_limits
from workload.errors import PictureError, PictureFailure

if TYPE_CHECKING:
    from workload.manifest import Input


class Axis(NamedTuple):
    """Rows or columns: `size` pixels from `start` on are resized to `target` pixels.

    Of these the input gets `kept`, from `first` on; they begin at `place` in the input.
    """

    start: int
    size: int
    target: int
    first: int
    kept: int
    place: int


def axes(height: int, width: int, model_input: Input) -> tuple[Axis, Axis]:
    """Rows and columns of a picture of this size.

    Raises PictureError if the picture is so long that it would have more than MAX_PIXELS when its
    short side has the manifest's size.
    """
    if model_input.fit == "pad":
        return _padded(height, width, model_input)
    if model_input.fit == "stretch":
        return _all(height, model_input.height), _all(width, model_input.width)
    if model_input.short_side is None:
        return _cropped(height, width, model_input)
    return _resized_then_cropped(height, width, model_input.short_side, model_input)


def whole_size(height: int, width: int, model_input: Input) -> tuple[int, int]:
    """The size that the whole picture would have after resizing, at least."""
    rows, columns = axes(height, width, model_input)
    return -(-height * rows.target // rows.size), -(-width * columns.target // columns.size)


def _all(size: int, target: int) -> Axis:
    return Axis(0, size, target, 0, target, 0)


def _cropped(height: int, width: int, model_input: Input) -> tuple[Axis, Axis]:
    """Like Keras' `load_img(keep_aspect_ratio=True)` and `smart_resize`."""
    rows = max(1, min(height, width * model_input.height // model_input.width))
    columns = max(1, min(width, height * model_input.width // model_input.height))
    return (
        Axis((height - rows) // 2, rows, model_input.height, 0, model_input.height, 0),
        Axis((width - columns) // 2, columns, model_input.width, 0, model_input.width, 0),
    )


def _resized_then_cropped(
    height: int, width: int, short_side: int, model_input: Input
) -> tuple[Axis, Axis]:
    """Like torchvision's Resize(short_side), then CenterCrop.

    Resize rounds the long side down (`_compute_resized_output_size`), CenterCrop rounds the middle
    to the even number (`center_crop`, both in torchvision.transforms.functional).
    """
    short, long = sorted((height, width))
    longer = int(short_side * long / short)
    if short_side * longer > image_limits.MAX_PIXELS:
        raise PictureError(PictureFailure.TOO_MANY_PIXELS)
    rows, columns = (short_side, longer) if height <= width else (longer, short_side)
    return (
        _centre(height, rows, model_input.height),
        _centre(width, columns, model_input.width),
    )


def _centre(size: int, target: int, kept: int) -> Axis:
    return Axis(0, size, target, round((target - kept) / 2), kept, 0)


def _padded(height: int, width: int, model_input: Input) -> tuple[Axis, Axis]:
    """Like tf.image.resize_with_pad, which computes in float32; at least one pixel remains."""
    sizes = np.array([height, width], np.float32)
    targets = np.array([model_input.height, model_input.width], np.float32)
    resized = sizes / np.max(sizes / targets)
    # Of the size before rounding, as TensorFlow does: so an odd remainder may go to either side.
    places = np.maximum((targets - resized) / 2, 0).astype(int)
    counts = np.maximum(resized, 1).astype(int)
    rows, columns = (
        Axis(0, size, int(count), 0, int(count), int(place))
        for size, count, place in zip((height, width), counts, places, strict=True)
    )
    return rows, columns
