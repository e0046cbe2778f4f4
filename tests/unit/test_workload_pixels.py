"""What `pixels` makes of a picture, against TensorFlow's own reading of the same bytes."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import struct
import tracemalloc
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import model
from workload.decoding import pixels
from workload.errors import PictureError, PictureFailure
from workload.manifest import Input

with warnings.catch_warnings():
    # TensorFlow's own dependencies use what NumPy and Python have deprecated.
    warnings.simplefilter("ignore")
    import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

WIDTH, HEIGHT = 48, 32
INPUT = Input(width=WIDTH, height=HEIGHT, channels="RGB", low=-1.0, high=1.0, resize="bilinear")
DEMONSTRATION = sorted((Path(model.__file__).parent / "pictures").iterdir())

Pixels = Any  # an array of uint8 as Pillow takes it


def decode(data: bytes, model_input: Input) -> npt.NDArray[np.float32]:
    """A picture that is the first one."""
    return pixels.decode(data, model_input, pixels.Buffer())


def reference(data: bytes, model_input: Input, turned: int = 1) -> npt.NDArray[np.float32]:
    """The plain way: decoded, turned upright, resized and scaled by TensorFlow."""
    picture = tf.io.decode_image(data, channels=3, expand_animations=False)
    upright = {
        1: lambda p: p,
        2: tf.image.flip_left_right,
        3: lambda p: tf.image.rot90(p, 2),
        4: tf.image.flip_up_down,
        5: tf.image.transpose,
        6: lambda p: tf.image.rot90(p, 3),
        7: lambda p: tf.image.transpose(tf.image.rot90(p, 2)),
        8: tf.image.rot90,
    }[turned](picture)
    resized = tf.image.resize(upright, (model_input.height, model_input.width), model_input.resize)
    scaled = resized * np.float32((model_input.high - model_input.low) / 255) + np.float32(
        model_input.low
    )
    shown: npt.NDArray[np.float32] = scaled.numpy()
    return shown[:, :, ::-1] if model_input.channels == "BGR" else shown


def photo(width: int, height: int, channels: int = 3) -> Pixels:
    """Smooth shades with noise on top, as a camera gives them."""
    rng = np.random.default_rng((width, height, channels))
    shades = rng.integers(20, 236, (2 + height // 16, 2 + width // 16, channels), np.uint8)
    layers = [Image.fromarray(shades[:, :, at]) for at in range(channels)]
    smooth = [np.asarray(each.resize((width, height), Image.Resampling.BICUBIC)) for each in layers]
    noisy = np.stack(smooth, 2) + rng.integers(-8, 9, (height, width, channels))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def image(width: int = 90, height: int = 70, mode: str = "RGB") -> Image.Image:
    """A photo in one of Pillow's modes."""
    channels = {"L": 1, "1": 1, "LA": 2, "RGB": 3, "P": 3, "RGBA": 4, "CMYK": 4}[mode]
    bands = np.split(photo(width, height, channels), channels, axis=2)
    merged = Image.merge(
        {1: "L", 2: "LA", 3: "RGB", 4: mode}[channels],
        [Image.fromarray(band[:, :, 0]) for band in bands],
    )
    return merged.quantize(50) if mode == "P" else merged.convert(mode)


def file(kind: str, shown: Image.Image, **options: object) -> bytes:
    """A picture as Pillow writes it."""
    written = io.BytesIO()
    shown.save(written, kind, **options)
    return written.getvalue()


def png(depth: int, colour: int, row_bytes: int, *chunks: bytes) -> bytes:
    """A PNG of 8 columns and 7 rows of any depth and colour type, which Pillow would not write."""
    rows = np.random.default_rng((depth, colour)).integers(0, 256, (7, row_bytes), np.uint8)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", 8, 7, depth, colour, 0, 0, 0)
    parts = [
        (b"IHDR", header),
        *((c[:4], c[4:]) for c in chunks),
        (b"IDAT", packed),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def exif(turned: int) -> bytes:
    """A note of how the camera was held."""
    note = Image.Exif()
    note[0x0112] = turned
    return note.tobytes()


def cmyk(transform: int | None) -> bytes:
    """A CMYK JPEG with Adobe's marker, which also says whether it is YCCK, or without one."""
    data = file("JPEG", image(mode="CMYK"))
    at = data.index(b"\xff\xee")
    return (
        data[:at] + data[at + 16 :]
        if transform is None
        else (data[: at + 15] + bytes([transform]) + data[at + 16 :])
    )


def flawed() -> bytes:
    """A JPEG with a wrong byte among its pixels."""
    data = bytearray(file("JPEG", image(300, 200)))
    data[len(data) // 2] ^= 0x55
    return bytes(data)


EQUAL: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: file("JPEG", image()),
    "JPEG of fine quality": lambda: file("JPEG", image(), quality=95, subsampling=0),
    "JPEG of coarse quality": lambda: file("JPEG", image(), quality=20, subsampling=1),
    "progressive JPEG": lambda: file("JPEG", image(), progressive=True),
    "grey JPEG": lambda: file("JPEG", image(mode="L")),
    "CMYK JPEG": lambda: cmyk(0),
    "YCCK JPEG": lambda: cmyk(2),
    "CMYK JPEG that is not Adobe's": lambda: cmyk(None),
    "JPEG with a flaw": flawed,
    "JPEG with an end after it": lambda: file("JPEG", image()) + b"more",
    "JPEG smaller than the input": lambda: file("JPEG", image(20, 10)),
    "JPEG of one pixel": lambda: file("JPEG", image(1, 1)),
    "JPEG that is far larger": lambda: file("JPEG", image(1500, 1100)),
    "JPEG with broken EXIF": lambda: file("JPEG", image(), exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
    "PNG": lambda: file("PNG", image()),
    "grey PNG": lambda: file("PNG", image(mode="L")),
    "PNG with alpha": lambda: file("PNG", image(mode="RGBA")),
    "grey PNG with alpha": lambda: file("PNG", image(mode="LA")),
    "black and white PNG": lambda: file("PNG", image(mode="1")),
    "palette PNG": lambda: file("PNG", image(mode="P")),
    "palette PNG with alpha": lambda: file("PNG", image(mode="P"), transparency=bytes(range(50))),
    "PNG with a transparent colour": lambda: file("PNG", image(), transparency=(1, 2, 3)),
    "PNG with a profile": lambda: file("PNG", image(), icc_profile=b"no profile" * 99),
    "PNG of 2 bits": lambda: png(2, 0, 2),
    "PNG of 4 bits": lambda: png(4, 0, 4),
    "PNG of 16 bits": lambda: png(16, 2, 48),
    "grey PNG of 16 bits": lambda: png(16, 0, 16),
    "PNG of 16 bits with alpha": lambda: png(16, 6, 64),
    "grey PNG of 16 bits with alpha": lambda: png(16, 4, 32),
    "PNG with a gamma": lambda: png(8, 2, 24, b"gAMA" + struct.pack(">I", 100_000)),
    "animated PNG": lambda: file("PNG", image(), save_all=True, append_images=[image(90, 70, "L")]),
    "BMP": lambda: file("BMP", image()),
    "grey BMP": lambda: file("BMP", image(mode="L")),
    "GIF": lambda: file("GIF", image(mode="P")),
    "animated GIF": lambda: file("GIF", image(), save_all=True, append_images=[image(mode="L")]),
    "GIF with a transparent colour": lambda: file("GIF", image(mode="P"), transparency=3),
    "WebP": lambda: file("WEBP", image()),
    "lossless WebP": lambda: file("WEBP", image(), lossless=True),
    **{path.name: path.read_bytes for path in DEMONSTRATION},
}


@pytest.mark.parametrize("name", EQUAL)
def test_pixels_are_tensorflows(name: str) -> None:
    """Bit by bit the same input for the model, whether it is made larger or smaller."""
    data = EQUAL[name]()
    np.testing.assert_array_equal(decode(data, INPUT), reference(data, INPUT))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_a_picture_is_turned_upright(turned: int, kind: str) -> None:
    """Each of EXIF's eight orientations, before the picture is resized."""
    data = file(kind, image(), exif=exif(turned))
    np.testing.assert_array_equal(decode(data, INPUT), reference(data, INPUT, turned))


@pytest.mark.parametrize("turned", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(turned: int) -> None:
    """A picture whose EXIF says nonsense is taken as it is."""
    data = file("JPEG", image(), exif=exif(turned))
    np.testing.assert_array_equal(decode(data, INPUT), reference(data, INPUT))


def test_pixels_become_the_manifests_range() -> None:
    """0 becomes the lower end of the range and 255 the upper one, linear in between."""
    shown = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    shown[:, :, 1], shown[:, :, 2] = 255, 51
    decoded = decode(file("PNG", Image.fromarray(shown)), INPUT)
    assert decoded.dtype == np.float32
    np.testing.assert_allclose(decoded[0, 0], [-1.0, 1.0, -0.6], atol=1e-6)


def test_a_picture_of_the_right_size_is_not_touched() -> None:
    """Without resizing, every pixel arrives as it is."""
    shown = photo(WIDTH, HEIGHT)
    model_input = dataclasses.replace(INPUT, low=0.0, high=255.0)
    decoded = decode(file("PNG", Image.fromarray(shown)), model_input)
    np.testing.assert_array_equal(decoded, shown)


def test_channels_are_in_the_manifests_order() -> None:
    """BGR is RGB read backwards."""
    data = file("JPEG", image())
    backwards = dataclasses.replace(INPUT, channels="BGR")
    np.testing.assert_array_equal(decode(data, backwards), reference(data, backwards))


def test_a_palette_in_a_bmp_is_one() -> None:
    """Its colours are taken, where TensorFlow takes a place in the palette for a shade of grey."""
    shown = image(mode="P")
    model_input = dataclasses.replace(INPUT, width=90, height=70, low=0.0, high=255.0)
    decoded = decode(file("BMP", shown), model_input)
    np.testing.assert_array_equal(decoded, np.asarray(shown.convert("RGB")))


def test_alpha_of_a_webp_is_dropped() -> None:
    """As that of a PNG; TensorFlow refuses such a file."""
    data = file("WEBP", image(mode="RGBA"), lossless=True, exact=True)
    same = file("PNG", image(mode="RGBA"))
    np.testing.assert_array_equal(decode(data, INPUT), reference(same, INPUT))


def test_the_first_frame_of_a_webp_is_taken() -> None:
    """As that of a GIF; TensorFlow refuses such a file."""
    second = image(mode="L").convert("RGB")
    data = file("WEBP", image(), lossless=True, save_all=True, append_images=[second])
    same = file("PNG", image())
    np.testing.assert_array_equal(decode(data, INPUT), reference(same, INPUT))


def test_a_small_frame_stands_where_its_gif_has_it() -> None:
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


def test_a_flaw_does_not_hide_that_a_picture_is_cut() -> None:
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
def test_nothing_of_an_earlier_picture_is_in_the_next(progressive: bool) -> None:
    """The memory of one is used for the next: whatever came before, a damaged one is the same.

    Damaged at 60 places, and a third of them without what follows but the end's marker.
    """
    whole = file("JPEG", image(300, 200), progressive=progressive)
    before = [file("JPEG", Image.new("RGB", (300, 200), colour)) for colour in ("black", "white")]
    rng = np.random.default_rng(2)
    taken = 0
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
        taken += len(after)
        assert len(after) in (0, 2)
        np.testing.assert_array_equal(after[:1], after[1:])
    assert taken > 20


def test_memory_is_not_kept_for_another_format() -> None:
    """A large WebP needs five sixths of what a decoder may have: there is no room for more."""
    buffer = pixels.Buffer()
    tracemalloc.start()
    try:
        pixels.decode(file("JPEG", Image.new("RGB", (1000, 1000))), INPUT, buffer)
        kept, _ = tracemalloc.get_traced_memory()
        pixels.decode(file("WEBP", Image.new("RGB", (10, 10))), INPUT, buffer)
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept > 4_000_000 > 40 * left


def test_a_decoder_never_sees_what_the_header_check_refuses() -> None:
    """A PNG of 60,000 x 60,000 pixels ends at its header."""
    data = bytearray(file("PNG", image()))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(PictureError, match=f"^{PictureFailure.TOO_MANY_PIXELS}$"):
        decode(bytes(data), INPUT)


def test_a_large_picture_may_be_decoded_reduced() -> None:
    """If the manifest says so, a JPEG of twice the input's size or more has other pixels, nearly.

    Reducing averages what bilinear resizing would skip: 6 of 255 at most, of a smooth picture.
    """
    model_input = dataclasses.replace(INPUT, low=0.0, high=255.0, decode="reduced")
    rng = np.random.default_rng(5)
    shades = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
    data = file("JPEG", shades.resize((480, 320), Image.Resampling.BICUBIC), quality=95)
    difference = np.abs(decode(data, model_input) - reference(data, model_input))
    assert 0 < difference.mean() < 1
    assert difference.max() < 6


def test_a_small_picture_is_not_reduced() -> None:
    """Below four times the input's size, nothing is given away."""
    reduced = dataclasses.replace(INPUT, decode="reduced")
    data = file("JPEG", image(4 * WIDTH - 2, 4 * HEIGHT - 2))
    np.testing.assert_array_equal(decode(data, reduced), reference(data, INPUT))


def test_a_picture_is_reduced_as_it_lies() -> None:
    """Twice the input's side is meant of the upright picture."""
    tall = dataclasses.replace(INPUT, width=20, height=160, decode="reduced", low=0.0, high=255.0)
    data = file("JPEG", image(640, 80), exif=exif(6))
    exact = dataclasses.replace(tall, decode="exact")
    assert not np.array_equal(decode(data, tall), decode(data, exact))
