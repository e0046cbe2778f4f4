"""The numbers that pixel values become, and what the run accepts from a decoder."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.pictures.photos import file
from workload.decoding import pixels, value_range
from workload.manifest import Input, Resize

INPUT = Input(width=31, height=29, channels="RGB", low=-1.0, high=1.0, resize="bilinear")
IMAGENET = dataclasses.replace(
    INPUT, low=0.0, mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225)
)


def test_black_and_white_become_the_manifests_numbers() -> None:
    """Per channel: the range first, then the mean, then the deviation."""
    factors, added = value_range.scaling(IMAGENET)
    np.testing.assert_allclose(added, [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-6)
    np.testing.assert_allclose(255 * factors + added, [2.2489, 2.4286, 2.64], rtol=1e-4)


def test_bounds_are_per_channel() -> None:
    """A number that one channel can have may be out of reach for another one."""
    lowest, highest = value_range.bounds(IMAGENET)
    np.testing.assert_allclose(lowest, [-2.1179, -2.0357, -1.8044], atol=1e-3)
    np.testing.assert_allclose(highest, [2.2489, 2.4286, 2.64], atol=1e-3)


@pytest.mark.parametrize("resize", ["bilinear", "bilinear-antialias", "area", "pillow-bicubic"])
def test_no_other_method_goes_beyond_black_and_white(resize: Resize) -> None:
    """Its bounds are the range, but for rounding."""
    lowest, highest = value_range.bounds(dataclasses.replace(INPUT, resize=resize))
    np.testing.assert_allclose((lowest, highest), ([-1.0] * 3, [1.0] * 3), atol=1e-4)


def test_bicubic_goes_beyond_black_and_white_but_not_beyond_its_bounds() -> None:
    """Of chequered pictures, whose edges it sharpens most; the farthest comes near the bounds."""
    model_input = dataclasses.replace(INPUT, resize="bicubic", width=64, height=64)
    lowest, highest = value_range.bounds(model_input)
    seen = []
    for size in range(2, 40):
        squares = (np.indices((size, size)) // 2).sum(0) % 2 * 255
        shown = np.repeat(squares[:, :, None], 3, 2).astype(np.uint8)
        decoded = pixels.decode(file("PNG", Image.fromarray(shown)), model_input, pixels.Buffer())
        assert (decoded >= lowest).all()
        assert (decoded <= highest).all()
        seen += [decoded.min(), decoded.max()]
    assert min(seen) < -1.4
    assert max(seen) > 1.4


@pytest.mark.parametrize("bounds", [(-1e6, 1e6), (999_999.0, 1e6), (0.0, 1e-6), (-1e6, 1e-6 - 1e6)])
def test_a_true_pixel_is_within_its_bounds(bounds: tuple[float, float]) -> None:
    """For the widest and the narrowest ranges that a manifest may have, far from 0 or not."""
    for resize in ("bilinear", "area", "bicubic"):
        model_input = dataclasses.replace(
            INPUT, low=bounds[0], high=bounds[1], mean=(0.3, -1e6, 1e6), resize=resize
        )
        lowest, highest = value_range.bounds(model_input)
        noise = np.random.default_rng(3).integers(0, 2, (90, 80, 3), np.uint8) * 255
        decoded = pixels.decode(file("PNG", Image.fromarray(noise)), model_input, pixels.Buffer())
        assert (decoded >= lowest).all()
        assert (decoded <= highest).all()
