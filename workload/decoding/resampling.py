"""Resizes by weights: each target pixel is a weighted sum of source pixels, on each axis.

The weights are those of tf.image.resize (methods area, bicubic, and bilinear with antialias), but
sums have another order: a result differs from TensorFlow's by less than 1e-3 of 255 shades. Memory
does not grow with the picture, because it is converted to float in tiles. It grows with the longer
side, by up to 56 bytes for a pixel: a line of 28 million pixels needs all that a decoder has, and a
longer one is `picture_too_many_pixels`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from workload.decoding.fitting import Axis
    from workload.decoding.upright import Rgbx

    Floats: TypeAlias = npt.NDArray[np.float32]
    Samples: TypeAlias = Callable[[Rgbx], npt.NDArray[np.uint8]]
    """Gives the samples of pixels [height, width] as [height, width * channels]."""

_TILE = 128
"""Rows and columns of a tile. Larger ones cost more products with 0, smaller ones more calls."""


_CACHED_SIZE = 2**16
"""Pixels of a side. The plan of a longer one could be so large that nothing else has room."""


class Weights(NamedTuple):
    """The weights of one axis: target pixel i is the sum of `table[i, k] * source[first[i] + k]`.

    `first` never decreases. Weights beyond the end of the source are 0.
    """

    first: npt.NDArray[np.intp]
    table: Floats


class _Plan(NamedTuple):
    """How one axis is resampled."""

    used: npt.NDArray[np.intp] | None
    """The source pixels that have weights, if these are few; None: all of them."""
    size: int
    """How many they are."""
    tiles: list[tuple[slice, slice, Floats]]
    """Parts of these, the targets that each has weights for, and the matrix of the weights."""


def resampled(
    picture: Rgbx,
    rows: Axis,
    columns: Axis,
    weights: Callable[[Axis], Weights],
    samples: Samples,
) -> Floats:
    """A picture as the axes say, [rows, columns * channels]; their `start` does not count."""
    # First the axis that shrinks more, so that the least is left for the other one.
    if rows.target * columns.size > columns.target * rows.size:
        turned = resampled(picture.T, columns, rows, weights, samples)
        pixels = turned.reshape(columns.kept, rows.kept, -1).transpose(1, 0, 2)
        return np.ascontiguousarray(pixels).reshape(rows.kept, -1)
    across = _plan(columns, weights, _TILE)
    down = _plan(rows, weights, max(_TILE, _TILE**2 // across.size))
    if down.used is not None:
        picture = picture[down.used]
    if across.used is not None:
        picture = picture.take(across.used, axis=1)
    channels = samples(picture[:1, :1]).shape[1]
    total = np.zeros((rows.kept, columns.kept, channels), np.float32)
    for left, targets, matrix in across.tiles:
        strip = np.zeros((rows.kept, matrix.shape[1] * channels), np.float32)
        for top, into, factors in down.tiles:
            strip[into] += factors @ samples(picture[top, left]).astype(np.float32)
        total[:, targets] += np.matmul(matrix, strip.reshape(rows.kept, -1, channels))
    return total.reshape(rows.kept, -1)


def _plan(axis: Axis, weights: Callable[[Axis], Weights], step: int) -> _Plan:
    return (_cached_plan if axis.size <= _CACHED_SIZE else _new_plan)(axis, weights, step)


def _new_plan(axis: Axis, weights: Callable[[Axis], Weights], step: int) -> _Plan:
    first, table = weights(axis)
    if table.size >= axis.size:
        return _Plan(None, axis.size, list(_tiles(first, table, axis.size, step)))
    # Not np.unique: it imports on demand, which fails in a confined process.
    needed = np.zeros(axis.size, np.bool_)
    needed[np.minimum(first[:, None] + np.arange(table.shape[1]), axis.size - 1)] = True
    used = np.flatnonzero(needed)
    first = np.searchsorted(used, first)
    return _Plan(used, len(used), list(_tiles(first, table, len(used), step)))


_cached_plan = lru_cache(16)(_new_plan)


def _tiles(
    first: npt.NDArray[np.intp], table: Floats, size: int, step: int
) -> Iterator[tuple[slice, slice, Floats]]:
    count = table.shape[1]
    for start in range(0, size, step):
        end = min(start + step, size)
        targets = slice(
            int(np.searchsorted(first, start - count, "right")),
            int(np.searchsorted(first, end, "left")),
        )
        if targets.start < targets.stop:
            places = np.arange(start, end) - first[targets, None]
            inside = (places >= 0) & (places < count)
            found = np.take_along_axis(table[targets], np.clip(places, 0, count - 1), axis=1)
            yield slice(start, end), targets, np.where(inside, found, np.float32(0))


_HALF = np.float32(0.5)


def _targets(axis: Axis) -> Floats:
    return np.arange(axis.first, axis.first + axis.kept, dtype=np.float32)


def area(axis: Axis) -> Weights:
    """The share of each source pixel in the target pixel's area (TensorFlow's ResizeArea)."""
    scale = np.float32(axis.size) / np.float32(axis.target)
    begin = _targets(axis) * scale
    end = (_targets(axis) + np.float32(1)) * scale
    first = np.minimum(np.floor(begin).astype(np.intp), axis.size - 1)
    last = np.ceil(end).astype(np.intp)
    places = first[:, None] + np.arange((last - first).max())
    covered = np.minimum(places + 1, end[:, None]) - np.maximum(places, begin[:, None])
    return _normal(first, places, covered, axis)


def antialiased(axis: Axis) -> Weights:
    """A triangle as wide as two target pixels, or two source pixels (ScaleAndTranslate)."""
    scale = np.float32(1) / (np.float32(axis.target) / np.float32(axis.size))
    radius = max(scale, np.float32(1))
    middle = (_targets(axis) + _HALF) * scale
    first = np.maximum(np.ceil(middle - radius - _HALF), 0).astype(np.intp)
    last = np.floor(middle + radius - _HALF).astype(np.intp)
    places = first[:, None] + np.arange((last - first).max() + 1)
    distance = np.abs(places.astype(np.float32) + _HALF - middle[:, None]) / radius
    return _normal(first, places, 1 - distance, axis)


def _normal(
    first: npt.NDArray[np.intp],
    places: npt.NDArray[np.intp],
    weights: npt.NDArray[np.floating],
    axis: Axis,
) -> Weights:
    """Weights with the sum 1, none negative and none beyond the end."""
    table = np.where(places < axis.size, np.maximum(weights, 0), 0)
    return Weights(first, (table / table.sum(1, keepdims=True)).astype(np.float32))


def bicubic(axis: Axis) -> Weights:
    """Keys' cubic with A = -0.5, without antialiasing (ResizeBicubic), in steps of 1/1024."""
    scale = np.float32(axis.size) / np.float32(axis.target)
    at = (_targets(axis) + _HALF) * scale - _HALF
    before = np.floor(at)
    step = np.rint((at - before) * np.float32(_STEPS)).astype(np.intp)
    table = np.stack(
        (_OUTER[step], _INNER[step], _INNER[_STEPS - step], _OUTER[_STEPS - step]), axis=1
    )
    places = before.astype(np.intp)[:, None] + np.arange(-1, 3)
    table[(places < 0) | (places >= axis.size)] = 0
    # No place before the source: its weight, which is 0, moves to the end.
    first = np.maximum(places[:, 0], 0)
    moved = (np.arange(4) + (first - places[:, 0])[:, None]) % 4
    table = np.take_along_axis(table, moved, axis=1)
    return Weights(first, table / table.sum(1, keepdims=True))


_STEPS = 1024
_A = -0.5
_DISTANCE = np.arange(_STEPS + 1) / _STEPS
_INNER = (((_A + 2) * _DISTANCE - (_A + 3)) * _DISTANCE**2 + 1).astype(np.float32)
"""The weight of a pixel at a distance from 0 to 1."""
_OUTER = (
    ((_A * (_DISTANCE + 1) - 5 * _A) * (_DISTANCE + 1) + 8 * _A) * (_DISTANCE + 1) - 4 * _A
).astype(np.float32)
"""The weight of a pixel at a distance from 1 to 2."""
