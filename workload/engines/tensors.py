"""Converts decoded pictures to the tensor that a model takes; the same for each engine."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from workload.manifest import Input

    Pixels = npt.NDArray[np.float32]


def shape(model_input: Input) -> tuple[int, int, int]:
    """The shape of one picture in the model's layout."""
    size = model_input.height, model_input.width
    return (
        (model_input.depth, *size) if model_input.layout == "NCHW" else (*size, model_input.depth)
    )


def stacked(batch: Sequence[Pixels], model_input: Input) -> Pixels:
    """The pictures as one array in the model's layout, float32."""
    pixels = np.stack(batch)
    if model_input.layout == "NCHW":
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    return pixels


def converted(pixels: Pixels, dtype: Any) -> npt.NDArray[Any]:  # noqa: ANN401  a numpy type
    """The pixels in the model's type; whole numbers are rounded and stay in their range."""
    if np.issubdtype(dtype, np.integer):
        bounds = np.iinfo(dtype)
        return np.clip(np.rint(pixels), bounds.min, bounds.max).astype(dtype)
    return pixels.astype(dtype, copy=False)


def quantized(pixels: Pixels, tensor: Mapping[str, Any]) -> npt.NDArray[Any]:
    """The pixels in the type of a LiteRT tensor, by its own quantisation if it has one."""
    scale, zero_point = tensor["quantization"]
    if scale:
        pixels = pixels / np.float32(scale) + np.float32(zero_point)
    return converted(pixels, tensor["dtype"])


def real(answers: npt.NDArray[Any], tensor: Mapping[str, Any]) -> npt.NDArray[Any]:
    """The numbers that the numbers of a LiteRT tensor stand for."""
    scale, zero_point = tensor["quantization"]
    if not scale:
        return answers
    return (answers.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


_ENOUGH: Final = {2: (1, 2)}
"""Numbers that are enough for so many classes: one is enough for two."""


def check_answer(declared: Sequence[int | None], classes: int) -> None:
    """ValueError if an output of this shape can't be a score for each class; None is any size."""
    sizes = [size for size in declared[1:] if size is not None]
    known = len(sizes) == len(declared) - 1
    if known and math.prod(sizes) not in _ENOUGH.get(classes, (classes,)):
        raise ValueError("not the classes of the manifest")


def in_fixed_batches(
    pixels: Pixels, size: int | None, run: Callable[[Pixels], npt.NDArray[Any]]
) -> npt.NDArray[Any]:
    """The answers of a model that takes exactly `size` pictures at once; None is any number.

    A batch that is not full repeats its last picture.
    """
    count = len(pixels)
    if size is None or size == count:
        return run(pixels)
    answers = []
    for start in range(0, count, size):
        part = pixels[start : start + size]
        missing = size - len(part)
        full = np.concatenate((part, np.repeat(part[-1:], missing, axis=0))) if missing else part
        answers.append(run(full)[: len(part)])
    return np.concatenate(answers)
