"""The numbers that pixel values become, and the bounds of these numbers.

A decoder computes with them; the run checks what a decoder gives.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from workload.manifest import Input

WHITE = 255
"""The largest pixel value; the smallest, black, is 0."""
_OVERSHOOT = 0.28125
"""How far beyond black and white bicubic resizing goes, of their distance: its negative weights are
at most 1/8 of an axis, so the weights of both axes have the absolute sum 1.25 * 1.25, and their sum
is 1. Pillow's resizing does not go beyond."""
_ROUNDING = 1e-5
"""Of the range: a pixel is the sum of up to millions of rounded products."""
_FLOAT32 = 1e-6
"""Of the largest number that is added: a few roundings to float32."""


@lru_cache(1)
def scaling(model_input: Input) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """For each channel of the input: the factor of a pixel value, and what is added after it."""
    factor = (model_input.high - model_input.low) / WHITE / _deviations(model_input)
    added = (model_input.low - _means(model_input)) / _deviations(model_input)
    return factor.astype(np.float32), added.astype(np.float32)


def bounds(model_input: Input) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """For each channel of the input: the lowest and the highest number that a pixel can be."""
    span = model_input.high - model_input.low
    means = _means(model_input)
    beyond = span * (_OVERSHOOT if model_input.resize == "bicubic" else 0)
    largest = np.maximum(np.abs(means), max(abs(model_input.low), abs(model_input.high)))
    tolerance = beyond + span * _ROUNDING + largest * _FLOAT32
    deviations = _deviations(model_input)
    return (
        (model_input.low - tolerance - means) / deviations,
        (model_input.high + tolerance - means) / deviations,
    )


def _means(model_input: Input) -> npt.NDArray[np.float64]:
    return np.array(model_input.mean or [0.0] * model_input.depth)


def _deviations(model_input: Input) -> npt.NDArray[np.float64]:
    return np.array(model_input.deviation or [1.0] * model_input.depth)
