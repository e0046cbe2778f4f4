"""The workload's resizing equals that of TensorFlow, Keras, Pillow and torchvision.

For noise, which shows every difference. Largest differences seen, of 255: 0 for bilinear, nearest
and all methods of Pillow; .0007 for bilinear-antialias and .0002 for bicubic (sums in another
order); .012 for area, because TensorFlow's shares of a pixel do not quite add up to 1. That grows
with the size before a crop: .11 where 1000 x 3 pixels become 23,333 x 70, .6 where 1 x 2000 become
73 x 146,000.
"""

from __future__ import annotations

import dataclasses
import io
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.pictures.photos import exif, file, image
from tests.fixtures.tensorflow_reading import reference
from workload.decoding import pixels
from workload.manifest import Channels, Decode, Input, Resize

INPUT = Input(width=48, height=32, channels="RGB", low=0.0, high=255.0, resize="bilinear")
TOLERANCES = {"bilinear-antialias": 2e-3, "bicubic": 1e-3, "area": 0.2}
"""Of 255; 0 for all others."""
SIZES = (
    (1, 1),
    (1, 9),
    (9, 1),
    (2, 2),
    (7, 300),
    (300, 7),
    (20, 10),
    (48, 32),
    (47, 33),
    (33, 57),
    (96, 64),
    (255, 256),
    (500, 375),
    (375, 500),
    (640, 64),
    (1000, 3),
    (3, 1000),
    (1201, 897),
)
"""Width and height of pictures: smaller and larger than the input, odd, and extreme."""
FITS: dict[str, dict[str, Any]] = {
    "stretch": {"fit": "stretch"},
    "crop": {"fit": "crop"},
    "short side": {"fit": "crop", "short_side": 70},
    "pad": {"fit": "pad"},
}


def noise(width: int, height: int) -> bytes:
    """A PNG of random pixels."""
    shown = np.random.default_rng((width, height)).integers(0, 256, (height, width, 3), np.uint8)
    return file("PNG", Image.fromarray(shown))


def largest_difference(data: bytes, model_input: Input) -> float:
    """From the libraries' pixels."""
    ours = pixels.decode(data, model_input, pixels.Buffer())
    return float(np.abs(ours - reference(data, model_input)).max())


def has_reference(width: int, height: int, model_input: Input) -> bool:
    """Whether the libraries leave a pixel: else Keras' crop and TensorFlow's padding fail."""
    if model_input.fit == "stretch" or model_input.short_side:
        return True
    rows, columns = width * model_input.height, height * model_input.width
    if model_input.fit == "crop":
        return rows >= model_input.width and columns >= model_input.height
    ratio = max(width / model_input.width, height / model_input.height)
    return min(width, height) >= ratio


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("resize", get_args(Resize))
def test_each_method_equals_its_librarys(resize: Resize, fit: str) -> None:
    """For pictures of any size, and inputs that lie or stand."""
    for width, height in ((48, 32), (33, 57)):
        model_input = dataclasses.replace(
            INPUT, width=width, height=height, resize=resize, **FITS[fit]
        )
        for size in SIZES:
            if has_reference(*size, model_input):
                difference = largest_difference(noise(*size), model_input)
                assert difference <= TOLERANCES.get(resize, 0), (width, height, size)


@pytest.mark.parametrize("resize", get_args(Resize))
def test_an_input_of_one_pixel_is_possible(resize: Resize) -> None:
    """Its weights are those of the whole picture."""
    model_input = dataclasses.replace(INPUT, width=1, height=1, resize=resize)
    assert largest_difference(noise(129, 257), model_input) <= TOLERANCES.get(resize, 0)


@pytest.mark.parametrize("resize", ["bilinear", "bilinear-antialias", "area", "pillow-lanczos"])
@pytest.mark.parametrize("size", [(640, 480), (1024, 768), (400, 300)])
def test_usual_sizes_are_equal(resize: Resize, size: tuple[int, int]) -> None:
    """The input of most published models, from usual pictures: several tiles on each axis."""
    model_input = dataclasses.replace(INPUT, width=224, height=224, resize=resize)
    assert largest_difference(noise(*size), model_input) <= TOLERANCES.get(resize, 0)


def test_the_nearest_pixel_of_pillow_is_another_than_tensorflows() -> None:
    """Where two pixels are equally near: so the manifest has both methods."""
    data = noise(640, 480)
    both = [
        pixels.decode(
            data,
            dataclasses.replace(INPUT, width=224, height=224, resize=resize),
            pixels.Buffer(),
        )
        for resize in get_args(Resize)
        if "nearest" in resize
    ]
    assert not np.array_equal(both[0], both[1])


@pytest.mark.parametrize("resize", get_args(Resize))
@pytest.mark.parametrize("channels", get_args(Channels))
def test_channels_are_the_manifests(channels: Channels, resize: Resize) -> None:
    """BGR is RGB backwards; grey is Pillow's luma, before resizing."""
    model_input = dataclasses.replace(INPUT, resize=resize, channels=channels)
    assert largest_difference(noise(90, 70), model_input) <= TOLERANCES.get(resize, 0)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("decode", get_args(Decode)[:2])
def test_a_jpeg_is_decoded_as_fast_or_as_accurately(decode: Decode, fit: str) -> None:
    """Accurate is the transform of Pillow, fast that of TensorFlow; they differ."""
    model_input = dataclasses.replace(INPUT, decode=decode, **FITS[fit])
    other = dataclasses.replace(model_input, decode="accurate" if decode == "fast" else "fast")
    data = file("JPEG", image(300, 200))
    ours = pixels.decode(data, model_input, pixels.Buffer())
    np.testing.assert_array_equal(ours, reference(data, model_input))
    assert not np.array_equal(ours, pixels.decode(data, other, pixels.Buffer()))


def test_an_accurate_jpeg_equals_pillows() -> None:
    """Pixel by pixel, without resizing."""
    data = file("JPEG", image(48, 32))
    model_input = dataclasses.replace(INPUT, decode="accurate", resize="pillow-box")
    ours = pixels.decode(data, model_input, pixels.Buffer())
    np.testing.assert_array_equal(ours, Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("turned", [3, 6, 7])
def test_a_turned_picture_is_fitted_upright(turned: int, fit: str) -> None:
    """The crop and the black rows are those of the upright picture, by Pillow, too."""
    for resize in ("bilinear", "pillow-bilinear", "area"):
        model_input = dataclasses.replace(INPUT, resize=resize, **FITS[fit])
        data = file("PNG", image(300, 200), exif=exif(turned))
        ours = pixels.decode(data, model_input, pixels.Buffer())
        difference = np.abs(ours - reference(data, model_input, turned)).max()
        assert difference <= TOLERANCES.get(resize, 0)


@pytest.mark.parametrize("channels", get_args(Channels))
def test_pixels_are_normalised_per_channel(channels: Channels) -> None:
    """After the range, in the order of the channels; black around a picture, too."""
    depth = 1 if channels == "grey" else 3
    model_input = dataclasses.replace(
        INPUT,
        channels=channels,
        low=-1.0,
        high=3.0,
        mean=(0.4, 0.5, 2.0)[:depth],
        deviation=(0.1, 2.0, 3.0)[:depth],
        fit="pad",
    )
    data = noise(90, 70)
    ours = pixels.decode(data, model_input, pixels.Buffer())
    np.testing.assert_allclose(ours, reference(data, model_input), rtol=1e-6, atol=1e-5)
