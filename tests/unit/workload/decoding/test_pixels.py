"""What `pixels` makes of a picture; test_equal_pixels.py compares it with TensorFlow's reading."""

from __future__ import annotations

import contextlib
import dataclasses
import struct
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.pictures.camera_files import ACCEPTED, JPEG, PNG
from tests.fixtures.pictures.photos import exif, file, image, photo
from workload.decoding import image_headers, pixels, upright
from workload.errors import PictureError, PictureFailure
from workload.manifest import Input

if TYPE_CHECKING:
    import numpy.typing as npt

    from workload.manifest import Fit

WIDTH, HEIGHT = 48, 32
INPUT = Input(width=WIDTH, height=HEIGHT, channels="RGB", low=-1.0, high=1.0, resize="bilinear")


def decode(data: bytes, model_input: Input) -> npt.NDArray[np.float32]:
    """Decodes a picture with a new buffer."""
    return pixels.decode(data, model_input, pixels.Buffer())


def test_pixels_are_scaled_to_the_manifests_range() -> None:
    """0 becomes the lower end of the range and 255 the upper one, linear in between."""
    shown = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    shown[:, :, 1], shown[:, :, 2] = 255, 51
    decoded = decode(file("PNG", Image.fromarray(shown)), INPUT)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded[0, 0], [-1.0, 1.0, -0.6], atol=1e-6)


def test_a_picture_of_the_right_size_is_not_resized() -> None:
    """Without resizing, every pixel arrives as it is."""
    shown = photo(WIDTH, HEIGHT)
    model_input = dataclasses.replace(INPUT, low=0.0, high=255.0)
    decoded = decode(file("PNG", Image.fromarray(shown)), model_input)
    np.testing.assert_array_equal(decoded, shown)


def test_the_palette_of_a_bmp_is_applied() -> None:
    """Its colours are taken, where TensorFlow takes a place in the palette for a shade of grey."""
    shown = image(mode="P")
    model_input = dataclasses.replace(INPUT, width=90, height=70, low=0.0, high=255.0)
    decoded = decode(file("BMP", shown), model_input)
    np.testing.assert_array_equal(decoded, np.asarray(shown.convert("RGB")))


def test_a_small_gif_frame_is_placed_on_its_canvas() -> None:
    """What the first frame does not cover is black; TensorFlow cuts the frame instead."""
    data = bytearray(file("GIF", Image.new("P", (6, 4), 1), palette=bytes([9] * 6)))
    at = data.rindex(b"," + bytes(4) + struct.pack("<HH", 6, 4))
    data[6:10], data[at + 1 : at + 5] = struct.pack("<HH", 12, 8), struct.pack("<HH", 5, 3)
    model_input = dataclasses.replace(INPUT, width=12, height=8, low=0.0, high=255.0)
    expected = np.zeros((8, 12, 3))
    expected[3:7, 5:11] = 9
    np.testing.assert_array_equal(decode(bytes(data), model_input), expected)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_a_cut_picture_is_damaged(kind: str) -> None:
    """Half a file is no picture, although its header is whole."""
    whole = file(kind, Image.fromarray(photo(99, 99)))
    with pytest.raises(PictureError, match=r"^picture_damaged$"):
        decode(whole[: len(whole) // 2], INPUT)


def test_a_progressive_picture_that_is_cut_is_damaged() -> None:
    """It could be shown, but coarser than it is."""
    whole = file("JPEG", image(300, 200), progressive=True)
    with pytest.raises(PictureError, match=r"^picture_damaged$"):
        decode(whole[: len(whole) * 9 // 10], INPUT)


def test_a_cut_picture_with_a_flaw_is_damaged() -> None:
    """Wrong bytes before the end are no reason to take a picture without one."""
    rng = np.random.default_rng(1)
    whole = file("JPEG", image(300, 200), progressive=True)
    for _ in range(30):
        data = bytearray(whole[: int(len(whole) * rng.uniform(0.6, 0.95))])
        for at in rng.integers(700, len(data), 3):
            data[at] ^= 1 << int(rng.integers(8))
        with pytest.raises(PictureError, match=r"^picture_damaged$"):
            decode(bytes(data), INPUT)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_picture_holds_no_pixels_of_an_earlier_one(progressive: bool) -> None:
    """The memory of one is used for the next: whatever came before, a damaged one is the same.

    Damaged at 60 places, and a third of them without what follows but the end's marker.
    """
    whole = file("JPEG", image(300, 200), progressive=progressive)
    before = [file("JPEG", Image.new("RGB", (300, 200), colour)) for colour in ("black", "white")]
    rng = np.random.default_rng(2)
    decoded_count = 0
    for place in rng.integers(len(whole) // 20, len(whole) - 2, 60):
        data = bytearray(whole)
        data[place] ^= 1 << int(rng.integers(8))
        if place % 3 == 0:
            del data[place:-2]
        after = []
        for earlier in before:
            buffer = pixels.Buffer()
            pixels.decode(earlier, INPUT, buffer)
            with contextlib.suppress(PictureError):
                after.append(pixels.decode(bytes(data), INPUT, buffer))
        decoded_count += len(after)
        assert len(after) in (0, 2)
        np.testing.assert_array_equal(after[:1], after[1:])
    assert decoded_count > 20


def test_memory_is_freed_before_another_format() -> None:
    """A large WebP needs five sixths of what a decoder may have: there is no room for more."""
    buffer = pixels.Buffer()
    tracemalloc.start()
    try:
        pixels.decode(file("JPEG", Image.new("RGB", (1000, 1000))), INPUT, buffer)
        allocated, _ = tracemalloc.get_traced_memory()
        pixels.decode(file("WEBP", Image.new("RGB", (10, 10))), INPUT, buffer)
        remaining, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert allocated > 4_000_000 > 40 * remaining


def test_a_picture_that_the_header_check_refuses_is_not_decoded() -> None:
    """A PNG of 60,000 x 60,000 pixels ends at its header."""
    data = bytearray(file("PNG", image()))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(PictureError, match=f"^{PictureFailure.TOO_MANY_PIXELS}$"):
        decode(bytes(data), INPUT)


def test_the_reduced_scale_follows_the_upright_picture() -> None:
    """Twice the input's side is meant of the upright picture."""
    tall = dataclasses.replace(INPUT, width=20, height=160, decode="reduced", low=0.0, high=255.0)
    data = file("JPEG", image(640, 80), exif=exif(6))
    whole = dataclasses.replace(tall, decode="fast")
    assert not np.array_equal(decode(data, tall), decode(data, whole))


@pytest.mark.parametrize(
    ("fit", "side", "least"),
    [
        ("stretch", None, (64, 96)),
        ("crop", None, (64, 172)),
        ("crop", 60, (120, 320)),
        ("pad", None, (36, 96)),
    ],
)
def test_a_reduced_picture_has_twice_the_size_that_resizing_needs(
    fit: Fit, side: int | None, least: tuple[int, int]
) -> None:
    """Of the part that goes to the input, not of what is cut off: 8ths of the file's size."""
    model_input = dataclasses.replace(INPUT, fit=fit, short_side=side, decode="reduced")
    height, width = 480, 1280
    header = image_headers.check(file("JPEG", image(width, height)))
    rows, columns = upright.decode(header, model_input, upright.Buffer()).shape
    eighths = max(-(-8 * least[0] // height), -(-8 * least[1] // width))
    assert (rows, columns) == (height * eighths // 8, width * eighths // 8)
    assert (rows, columns) < (height, width)


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_decoder_gets_only_the_picture_of_a_file(name: str) -> None:
    """Notes and trailers, however large, do not reach it; what they hold can't hurt there."""
    assert len(image_headers.check(ACCEPTED[name]()).data) < 1.5 * max(len(JPEG), len(PNG))
