"""Resizes a picture as TensorFlow or Pillow does, for every method of the manifest.

Without a prefix: like tf.image.resize on float pixels. With `pillow-`: by Pillow itself, on whole
numbers. Bilinear and nearest equal TensorFlow's bit by bit; the other methods of TensorFlow sum in
another order, which changes the last bits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from workload.decoding.fitting import Geometry
    from workload.manifest import Resize

    Rgbx: TypeAlias = npt.NDArray[np.uint32]
    """A decoded picture: R, G, B and an unused byte for each pixel."""
    Floats: TypeAlias = npt.NDArray[np.float32]
    Weights: TypeAlias = Iterator[tuple[int, Floats]]
    """For each target row or column: the first source that counts, and the weights from there."""


def resize(picture: Rgbx, geometry: Geometry, method: Resize) -> Floats:
    """The part of the picture, resized: float32 [height, width, 4], 0 to 255."""
    if method.startswith("pillow-"):
        return _by_pillow(picture, geometry, _PILLOW[method])
    rows = slice(geometry.top, geometry.top + geometry.height)
    part = picture[rows, geometry.left : geometry.left + geometry.width]
    if method == "bilinear":
        return _bilinear(part, *geometry.resized)
    if method == "nearest":
        return _nearest(part, *geometry.resized)
    return _weighted(part, *geometry.resized, _WEIGHTS[method])


_PILLOW: Final = {
    "pillow-nearest": Image.Resampling.NEAREST,
    "pillow-bilinear": Image.Resampling.BILINEAR,
    "pillow-bicubic": Image.Resampling.BICUBIC,
    "pillow-lanczos": Image.Resampling.LANCZOS,
    "pillow-box": Image.Resampling.BOX,
}


def _by_pillow(picture: Rgbx, geometry: Geometry, method: Image.Resampling) -> Floats:
    # Without a copy, if the picture was not turned.
    upright = np.ascontiguousarray(picture)
    height, width = upright.shape
    image = Image.frombuffer("RGBX", (width, height), upright, "raw", "RGBX", 0, 1)
    box = (
        geometry.left,
        geometry.top,
        geometry.left + geometry.width,
        geometry.top + geometry.height,
    )
    rows, columns = geometry.resized
    return np.asarray(image.resize((columns, rows), method, box)).astype(np.float32)


def _bilinear(picture: Rgbx, height: int, width: int) -> Floats:
    """Like tf.image.resize without antialiasing: bilinear between pixel centres.

    Converts only the four pixels that count for each target pixel to float. The order of operations
    is that of TensorFlow's kernel, and so every rounding is, too.
    """
    upper, lower, down = _neighbours(picture.shape[0], height)
    left, right, across = _neighbours(picture.shape[1], width)
    rows = picture[np.concatenate((upper, lower))]
    start = rows.take(left, axis=1).view(np.uint8).astype(np.float32)
    end = rows.take(right, axis=1).view(np.uint8).astype(np.float32)
    end -= start
    end *= np.repeat(across, 4)
    start += end
    top, bottom = start[:height], start[height:]
    bottom -= top
    bottom *= down[:, None]
    top += bottom
    return top.reshape(height, width, 4)


@lru_cache(64)
def _neighbours(
    size: int, target: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    """For each target pixel: the source pixels before and after it, and its distance between."""
    at = _centres(size, target) - np.float32(0.5)
    before = np.floor(at)
    return (
        np.maximum(before, 0).astype(np.intp),
        np.minimum(np.ceil(at), size - 1).astype(np.intp),
        at - before,
    )


def _centres(size: int, target: int) -> Floats:
    """Where the centre of each target pixel lies in the source, in float32 like TensorFlow."""
    scale = np.float32(size) / np.float32(target)
    centres: Floats = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * scale
    return centres


def _nearest(picture: Rgbx, height: int, width: int) -> Floats:
    """The source pixel that holds the centre of the target pixel."""
    rows, columns = (
        np.minimum(np.floor(_centres(size, target)), size - 1).astype(np.intp)
        for size, target in zip(picture.shape, (height, width), strict=True)
    )
    chosen = picture[rows].take(columns, axis=1)
    return chosen.view(np.uint8).reshape(height, width, 4).astype(np.float32)


def _weighted(
    picture: Rgbx, height: int, width: int, weights: Callable[[int, int], Weights]
) -> Floats:
    """Sums rows, then columns. Only the rows of one target row are float at a time."""
    columns = picture.shape[1]
    tall = np.empty((height, 4 * columns), np.float32)
    for row, (start, share) in enumerate(weights(picture.shape[0], height)):
        part = np.ascontiguousarray(picture[start : start + len(share)]).view(np.uint8)
        np.dot(share, part.astype(np.float32), out=tall[row])
    tall = tall.reshape(height, columns, 4)
    result = np.empty((height, width, 4), np.float32)
    for column, (start, share) in enumerate(weights(columns, width)):
        result[:, column] = np.einsum("j,ijk->ik", share, tall[:, start : start + len(share)])
    return result


def _triangle(size: int, target: int) -> Weights:
    """Like tf.image.resize(antialias=True): a triangle as wide as the target pixel."""
    centres = _centres(size, target)
    breadth = np.float32(max(size / target, 1))
    for centre in centres:
        start = max(0, int(np.ceil(centre - breadth - np.float32(0.5))))
        end = min(size - 1, int(np.floor(centre + breadth - np.float32(0.5))))
        at = np.arange(start, end + 1, dtype=np.float32) + np.float32(0.5) - centre
        share = np.maximum(1 - np.abs(at / breadth), 0).astype(np.float32)
        yield start, share / share.sum()


_STEPS: Final = 1024
"""TensorFlow's bicubic weights are a table of so many steps between two pixels."""


def _cubic(size: int, target: int) -> Weights:
    """Like tf.image.resize(method="bicubic"): Keys' cubic, 0 outside of the picture."""
    for at in _centres(size, target) - np.float32(0.5):
        first = int(np.floor(at)) - 1
        step = np.rint((at - np.floor(at)) * _STEPS) / _STEPS
        share = _keys(np.abs(np.arange(-1, 3) - step)).astype(np.float32)
        inside = slice(max(0, -first), min(4, size - first))
        yield first + inside.start, share[inside] / share[inside].sum()


def _keys(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Keys' cubic convolution with A = -0.5, for distances up to 2."""
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance <= 1, near, far)


def _area(size: int, target: int) -> Weights:
    """Like tf.image.resize(method="area"): each source pixel by its share of the target pixel."""
    scale = size / target
    for place in range(target):
        low, high = place * scale, (place + 1) * scale
        start, end = int(np.floor(low)), min(size, int(np.ceil(high)))
        edges = np.clip(np.arange(start, end + 1), low, high)
        yield start, (np.diff(edges) / scale).astype(np.float32)


_WEIGHTS: Final = {"bilinear-antialias": _triangle, "bicubic": _cubic, "area": _area}
