"""What resizing takes of memory; test_equal_resizing.py compares its pixels with libraries."""

from __future__ import annotations

import tracemalloc
from typing import get_args

import numpy as np
import pytest

from workload.decoding import resizing
from workload.decoding.fitting import Axis
from workload.manifest import Resize

WEIGHTED = ("area", "bilinear-antialias")
"""Methods for which each source pixel has a weight."""
METHODS = [each for each in get_args(Resize) if "pillow" not in each]
"""Those of Pillow take memory that Python does not see."""


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("resize", METHODS)
@pytest.mark.parametrize(("height", "width"), [(3000, 4000), (6_000_000, 2), (2, 6_000_000)])
def test_a_large_picture_is_not_converted_as_a_whole(
    height: int, width: int, resize: Resize, *, grey: bool
) -> None:
    """12 million pixels would be 192 MB of numbers. A side of millions has weights instead."""
    picture = np.full((height, width), 0x00FF_8040, np.uint32)
    rows, columns = Axis(0, height, 224, 0, 224, 0), Axis(0, width, 224, 0, 224, 0)
    tracemalloc.start()
    try:
        resized = resizing.resized(picture, rows, columns, resize, grey=grey)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    is_line_with_weights = resize in WEIGHTED and min(height, width) == 2
    assert most < (60 * 6_000_000 if is_line_with_weights else 20e6)
    values = resized[:, :, :3].reshape(-1, 1 if grey else 3)
    expected = [(0x40 * 19595 + 0x80 * 38470 + 0xFF * 7471) / 65536] if grey else [64, 128, 255]
    np.testing.assert_allclose(values, np.broadcast_to(expected, values.shape), atol=0.5)
