"""From the bytes of a picture to the model's input, by TensorFlow's own decoders.

The header is judged first (`headers`), so a decoder never allocates more than was agreed to.
Alpha is dropped, EXIF orientation ignored, the first frame of an animation taken: what TensorFlow
does and what the model was trained on. Imported only by an engine, after the model is released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from workload import headers
from workload.errors import PictureError, PictureFailure

if TYPE_CHECKING:
    import numpy.typing as npt

    from workload.manifest import Input

RGB = 3


def decode(data: bytes, wanted: Input) -> npt.NDArray[np.float32]:
    """A picture as float32 [height, width, 3] just as the manifest says; raises PictureError."""
    headers.check(data)
    try:
        picture = tf.io.decode_image(data, channels=RGB, expand_animations=False)
        # The kernel reads whole numbers as floats: same values as from a float copy, but without
        # one of four times the picture's size.
        resized = tf.image.resize(picture, (wanted.height, wanted.width), method=wanted.resize)
    except tf.errors.OpError as error:
        raise PictureError(PictureFailure.DAMAGED) from error
    pixels = resized.numpy().astype(np.float32)
    if wanted.channels == "BGR":
        pixels = pixels[:, :, ::-1]
    scale = np.float32((wanted.high - wanted.low) / 255)
    return np.asarray(pixels * scale + np.float32(wanted.low), np.float32)
