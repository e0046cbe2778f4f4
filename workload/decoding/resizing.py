"""Resizes a picture by each method that a manifest may name.

Like tf.image.resize: bilinear and nearest bit by bit; bilinear-antialias, bicubic and area but for
the order of sums (`resampling`). With `pillow-`: by Pillow. Only the pixels that count are
converted to float.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image

from workload.decoding import resampling

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from workload.decoding.fitting import Axis
    from workload.decoding.resampling import Floats, Samples, Weights
    from workload.decoding.upright import Rgbx
    from workload.manifest import Resize

    Places: TypeAlias = npt.NDArray[np.intp]
    """Indices of rows or columns."""


def resized(picture: Rgbx, rows: Axis, columns: Axis, resize: Resize, *, grey: bool) -> Floats:
    """Pixel values [rows, columns, channels]: R, G, B and an unused channel, or one channel."""
    method = _PILLOW.get(resize)
    if method is not None:
        found = _by_pillow(picture, rows, columns, method, grey=grey)
    else:
        part = picture[
            rows.start : rows.start + rows.size, columns.start : columns.start + columns.size
        ]
        found = _METHODS[resize](part, rows, columns, _luma if grey else _colours)
    return found.reshape(rows.kept, columns.kept, -1)


def _colours(picture: Rgbx) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(picture).view(np.uint8)


def _luma(picture: Rgbx) -> npt.NDArray[np.uint8]:
    """ITU-R 601-2 luma, with Pillow's whole numbers."""
    red, green, blue = (picture >> shift & 255 for shift in (0, 8, 16))
    luma = red * 19595 + green * 38470 + blue * 7471 + 0x8000 >> 16
    return luma.astype(np.uint8)  # type: ignore[no-any-return]


def _by_pillow(
    picture: Rgbx, rows: Axis, columns: Axis, method: Image.Resampling, *, grey: bool
) -> Floats:
    height, width = picture.shape
    source = Image.frombuffer(
        "RGBX", (width, height), np.ascontiguousarray(picture), "raw", "RGBX", 0, 1
    )
    # A box is not the same as a crop: near its edges Pillow weights pixels outside of it, too.
    box = columns.start, rows.start, columns.start + columns.size, rows.start + rows.size
    whole = (source.convert("L") if grey else source).resize(
        (columns.target, rows.target), method, box
    )
    taken = np.asarray(whole)[
        rows.first : rows.first + rows.kept, columns.first : columns.first + columns.kept
    ]
    return taken.astype(np.float32)


def _bilinear(picture: Rgbx, rows: Axis, columns: Axis, samples: Samples) -> Floats:
    """Between pixel centres, without antialiasing.

    Converts only the four pixels that count for each target pixel to float. The order of operations
    is that of TensorFlow's kernel, and so every rounding is, too.
    """
    upper, lower, down = _neighbours(rows)
    left, right, across = _neighbours(columns)
    picture, (left, right) = _narrowed(picture, len(upper), left, right)
    both = picture[np.concatenate((upper, lower))]
    start = samples(both.take(left, axis=1)).astype(np.float32)
    end = samples(both.take(right, axis=1)).astype(np.float32)
    end -= start
    end *= np.repeat(across, end.shape[1] // columns.kept)
    start += end
    top, bottom = start[: rows.kept], start[rows.kept :]
    bottom -= top
    bottom *= down[:, None]
    top += bottom
    return top


def _narrowed(picture: Rgbx, rows: int, *columns: Places) -> tuple[Rgbx, list[Places]]:
    """The columns of a picture and their new places, if it is too wide to take its rows first."""
    if rows * picture.shape[1] < _MAX_TAKEN:
        return picture, list(columns)
    taken = picture.take(np.concatenate(columns), axis=1)
    return taken, np.split(np.arange(taken.shape[1]), len(columns))


_MAX_TAKEN = 2**24
"""Pixels. Rows are taken first where possible, because that is faster."""
_HALF = np.float32(0.5)


@lru_cache(64)
def _neighbours(
    axis: Axis,
) -> tuple[Places, Places, npt.NDArray[np.float32]]:
    """For each target pixel: the source pixels before and after it, and its distance between."""
    at = _centres(axis) - _HALF
    before = np.floor(at)
    return (
        np.maximum(before, 0).astype(np.intp),
        np.minimum(np.ceil(at), axis.size - 1).astype(np.intp),
        at - before,
    )


def _centres(axis: Axis) -> npt.NDArray[np.float32]:
    scale = np.float32(axis.size) / np.float32(axis.target)
    return (np.arange(axis.first, axis.first + axis.kept, dtype=np.float32) + _HALF) * scale


def _nearest(picture: Rgbx, rows: Axis, columns: Axis, samples: Samples) -> Floats:
    down, across = (
        np.minimum(np.floor(_centres(axis)), axis.size - 1).astype(np.intp)
        for axis in (rows, columns)
    )
    picture, (across,) = _narrowed(picture, len(down), across)
    return samples(picture[down].take(across, axis=1)).astype(np.float32)


def _by(weights: Callable[[Axis], Weights]) -> Callable[[Rgbx, Axis, Axis, Samples], Floats]:
    return lambda picture, rows, columns, samples: resampling.resampled(
        picture, rows, columns, weights, samples
    )


_METHODS: dict[str, Callable[[Rgbx, Axis, Axis, Samples], Floats]] = {
    "bilinear": _bilinear,
    "nearest": _nearest,
    "area": _by(resampling.area),
    "bicubic": _by(resampling.bicubic),
    "bilinear-antialias": _by(resampling.antialiased),
}
_PILLOW = {
    "pillow-nearest": Image.Resampling.NEAREST,
    "pillow-bilinear": Image.Resampling.BILINEAR,
    "pillow-bicubic": Image.Resampling.BICUBIC,
    "pillow-lanczos": Image.Resampling.LANCZOS,
    "pillow-box": Image.Resampling.BOX,
}
