"""Turns the bytes of a picture into the model's input, as the manifest declares.

It runs in a decoder process (`decoder_worker`). With the manifest's defaults pixels equal
TensorFlow's bit by bit for every file that tf.io.decode_image and tf.image.resize accept. Decoding
is in `upright`, the part of the picture in `fitting`, its size in `resizing`, its numbers in
`value_range`; each says what it equals, and tests compare it.
"""

from __future__ import annotations

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
    factors, added = value_range.scaling(model_input)
    if model_input.fit == "pad":
        result[:] = added  # black
    part = result[rows.place : rows.place + rows.kept, columns.place : columns.place + columns.kept]
    order = "R" if grey else model_input.channels
    # Channel by channel: numpy is slow with rows of three numbers.
    for place, channel in enumerate(order):
        values = resized[:, :, "RGB".index(channel)]
        values *= factors[place]
        values += added[place]
        part[:, :, place] = values
    return result
