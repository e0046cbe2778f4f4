"""Describes what a model takes: shape, type, channels, range, and how pictures become that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from packing import presets
from packing.facts import Fact

if TYPE_CHECKING:
    from packing.facts import Said
    from packing.original import Original

_PIXEL_SCALES: Final = (1 / 255, 1 / 256, 1 / 127.5, 1 / 128, 1 / 127)
"""A model that multiplies its input by one of these first takes pixel values from 0 to 255."""
CHANNELS: Final = {1: "grey", 3: "RGB"}


def of_input(original: Original, said: Said, problems: list[str]) -> list[Fact]:
    """The keys of `input`; adds to `problems` what neither the owner nor the model says."""
    layout, height, width, depth = _layout(original, said, problems)
    facts = [
        Fact("input.type", original.type, "the model"),
        Fact("input.layout", layout, "the model"),
    ]
    preset, source = _preset(original, said)
    size = said.size or (width, height)
    if None in size:
        problems.append(
            f"size: got {_shape(original)} from the model, expected a width and a height: give the"
            " size that the model was trained on with --size WIDTHxHEIGHT"
        )
    elif size != (width or size[0], height or size[1]):
        problems.append(
            f"--size: got {size[0]}x{size[1]}, expected {width}x{height}, the size that"
            " the model takes: leave --size out"
        )
    where = "--size" if said.size else "the model"
    facts += [Fact("input.width", size[0], where), Fact("input.height", size[1], where)]
    values = {
        "channels": (
            CHANNELS.get(depth or 3, "RGB"),
            "the model" if depth == 1 else "the usual order",
        ),
        "resize": ("bilinear", "the default of tf.image.resize and of Keras' data sets"),
        **_own_range(original),
        **{key: (value, source) for key, value in preset.items()},
        **{key: (value, "the command line") for key, value in said.input.items()},
    }
    if "range" not in values:
        problems.append(
            "range: got no sign of it in the model, expected the input for black and for white: a"
            " wrong range gives wrong answers without any error. Give --preset NAME"
            f" ({', '.join(presets.PRESETS)}), or --range LOW HIGH, such as 0 255, 0 1 or -1 1,"
            " with --mean and --deviation if the model was trained with them"
        )
    return facts + [Fact(f"input.{key}", *value) for key, value in values.items()]


def _preset(original: Original, said: Said) -> tuple[dict[str, Any], str]:
    """The keys of the preset, and where it comes from."""
    if said.preset:
        return dict(presets.PRESETS[said.preset]), f"preset {said.preset}"
    named = presets.named(original.keras_name)
    # A model with an own layer for it, or with the range that the owner gives, needs no preset.
    if named is None or "range" in said.input or original.first_constants:
        return {}, ""
    source = f"preset {named}, by the model's name {original.keras_name}"
    return dict(presets.PRESETS[named]), source


def _own_range(original: Original) -> dict[str, tuple[Any, str]]:
    """The range, if the model itself shows it."""
    if original.mean and original.deviation:
        source = "the model's metadata"
        return {
            "range": ([0, 255], source),
            "mean": (_each(original.mean, original), source),
            "deviation": (_each(original.deviation, original), source),
        }
    if original.range:
        return {"range": (list(original.range), "the quantisation of the input")}
    if original.type == "uint8":
        return {"range": ([0, 255], "the input's type")}
    for constant in original.first_constants:
        if any(math.isclose(constant, scale, rel_tol=1e-3) for scale in _PIXEL_SCALES):
            return {"range": ([0, 255], f"the model, which first multiplies by {constant:.5f}")}
    return {}


def _each(values: tuple[float, ...], original: Original) -> list[float]:
    depth = 1 if 1 in (original.shape[1], original.shape[3]) else 3
    return list(values) if len(values) == depth else list(values[:1]) * depth


def _layout(
    original: Original, said: Said, problems: list[str]
) -> tuple[str, int | None, int | None, int | None]:
    """Layout, height, width and number of channels."""
    _, first, second, third = original.shape
    if said.input.get("layout") == "NCHW" or (third not in CHANNELS and first in CHANNELS):
        if first is None or first in CHANNELS:
            return "NCHW", second, third, first
    elif third is None or third in CHANNELS:
        return "NHWC", first, second, third
    problems.append(
        f"input: got the shape {_shape(original)}, expected pictures with 3 channels (or 1, grey),"
        " last or first. Wrap the model in one that takes RGB pictures, and pack that"
    )
    return "NHWC", first, second, third


def _shape(original: Original) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in original.shape) + ")"
