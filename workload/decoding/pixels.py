"""Turns the bytes of a picture into the model's input, as the manifest declares.

It runs in a decoder process (`decoder_worker`). With the manifest's defaults pixels equal
TensorFlow's bit by bit for every file that tf.io.decode_image and tf.image.resize accept. Decoding
is in `upright`, the part of the picture in `fitting`, its size in `resizing`, its numbers in
`value_range`; each says what it equals, and tests compare it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from workload.decoding import fitting, image_headers, resizing, upright, value_range
from workload.decoding.upright import Buffer
from workload.errors import PictureError, PictureFailure

if TYPE_CHECKING:
    import numpy.typing as npt

    from workload.manifest import Input

__all__ = ["Buffer", "decode"]


def decode(
    data: bytes, model_input: Input, buffer: Buffer, out: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.float32]:
    """A picture as float32 [height, width, depth], as the manifest declares; raises PictureError.

    Writes to `out` if it is given; after an error `out` is unchanged.
    """
    header = image_headers.check(data)
    try:
        picture = upright.decode(header, model_input, buffer)
        height, width = picture.shape
        rows, columns = fitting.axes(height, width, model_input)
        grey = model_input.channels == "grey"
        resized = resizing.resized(picture, rows, columns, model_input.resize, grey=grey)
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError(PictureFailure.TOO_MANY_PIXELS) from error
    except Exception as error:  # an image library can fail in any way
        raise PictureError(PictureFailure.DAMAGED) from error
    shape = model_input.height, model_input.width, model_input.depth
    result = np.empty(shape, np.float32) if out is None else out
    if model_input.fit == "pad":
        result[:] = value_range.scaling(model_input)[1]  # black
    part = result[rows.place : rows.place + rows.kept, columns.place : columns.place + columns.kept]
    # Whole rows, then channel by channel: numpy is slow with every third number.
    factors, added = _scaled_row(model_input, columns.kept, resized.shape[2])
    values = resized.reshape(rows.kept, -1)
    values *= factors
    values += added
    channels = values.reshape(resized.shape)
    for place, channel in enumerate(_sources(model_input)):
        part[:, :, place] = channels[:, :, channel]
    return result


def _sources(model_input: Input) -> list[int]:
    """For each channel of the input: which one it is of those that resizing gives."""
    order = "R" if model_input.channels == "grey" else model_input.channels
    return ["RGB".index(channel) for channel in order]


@lru_cache(64)
def _scaled_row(
    model_input: Input, columns: int, channels: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The factor of each number in a resized row, and what is added after it."""
    row = np.zeros((2, columns, channels), np.float32)
    row[:, :, _sources(model_input)] = np.array(value_range.scaling(model_input))[:, None]
    factors, added = row.reshape(2, -1)
    return factors, added
