"""Small versions of pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ops.report.thumbnails import FORMATS, SIDE, UNDECODED, thumbnail
from tests.fixtures.pictures import hostile, photos


def opened(webp: bytes) -> Image.Image:
    """The thumbnail."""
    return Image.open(io.BytesIO(webp), formats=["WEBP"])


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_of_the_workload_has_a_thumbnail(kind: str) -> None:
    """With the proportions of the picture."""
    small = thumbnail(photos.file(kind, photos.image(400, 200)))
    assert (small.width, small.height, small.missing) == (SIDE, SIDE // 2, "")
    assert opened(small.webp).size == (SIDE, SIDE // 2)


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P", "RGBA"])
def test_each_mode_has_a_thumbnail(mode: str) -> None:
    """Also with alpha or a palette."""
    assert thumbnail(photos.file("PNG", photos.image(mode=mode))).webp


def test_a_picture_is_shown_upright() -> None:
    """As the model saw it."""
    small = thumbnail(photos.file("JPEG", photos.image(400, 200), exif=photos.exif(6)))
    assert (small.width, small.height) == (SIDE // 2, SIDE)


def test_sixteen_bits_of_grey_keep_their_shades() -> None:
    """Pillow's own conversion makes everything above 255 white."""
    half = Image.fromarray(np.full((64, 64), 32768, np.uint16))
    small = thumbnail(photos.file("PNG", half))
    assert abs(np.asarray(opened(small.webp).convert("L")).mean() - 128) < 4


@pytest.mark.parametrize(
    "each",
    [each for each in hostile.corpus() if len(each.data) < 10**6],
    ids=lambda each: each.name,
)
def test_no_file_ends_the_report(each: hostile.Hostile) -> None:
    """Whatever it holds, there is a thumbnail or a place for it."""
    small = thumbnail(each.data)
    assert bool(small.webp) != bool(small.missing)


@pytest.mark.parametrize("kind", ["TIFF", "PPM"])
def test_a_format_that_the_workload_does_not_take_is_not_decoded(kind: str) -> None:
    """Pillow has decoders for dozens of formats, and each is one more to trust."""
    assert thumbnail(photos.file(kind, photos.image())).missing == UNDECODED


def test_a_picture_of_too_many_pixels_is_not_decoded() -> None:
    """Its header says so."""
    assert thumbnail(hostile.black_png(60_000, 60_000)).missing == UNDECODED
