"""The workload's pixels equal TensorFlow's own reading of the same bytes."""

from __future__ import annotations

import dataclasses
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from rehearsal.repository import REPOSITORY
from tests.fixtures.pictures import photos
from tests.fixtures.pictures.camera_files import ACCEPTED, REJECTED
from tests.fixtures.pictures.photos import exif, file, image
from tests.fixtures.tensorflow_reading import reference
from workload.decoding import pixels
from workload.errors import PictureError
from workload.manifest import Input

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

WIDTH, HEIGHT = 48, 32
INPUT = Input(width=WIDTH, height=HEIGHT, channels="RGB", low=-1.0, high=1.0, resize="bilinear")
DEMONSTRATION = sorted((REPOSITORY / "model" / "pictures").iterdir())


def decode(data: bytes, model_input: Input) -> npt.NDArray[np.float32]:
    """Decodes a picture with a new buffer."""
    return pixels.decode(data, model_input, pixels.Buffer())


def png(depth: int, colour: int, row_bytes: int, *chunks: bytes) -> bytes:
    """A PNG of 8 columns and 7 rows of any depth and colour type, which Pillow would not write."""
    rows = np.random.default_rng((depth, colour)).integers(0, 256, (7, row_bytes), np.uint8)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", 8, 7, depth, colour, 0, 0, 0)
    others = [(each[:4], each[4:]) for each in chunks]
    return photos.png((b"IHDR", header), *others, (b"IDAT", packed), (b"IEND", b""))


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
    """A JPEG with a wrong byte in its pixels."""
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
def test_pixels_equal_tensorflows(name: str) -> None:
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
def test_an_invalid_orientation_is_ignored(turned: int) -> None:
    """The picture is not turned."""
    data = file("JPEG", image(), exif=exif(turned))
    np.testing.assert_array_equal(decode(data, INPUT), reference(data, INPUT))


def test_channels_are_in_the_manifests_order() -> None:
    """BGR is RGB read backwards."""
    data = file("JPEG", image())
    backwards = dataclasses.replace(INPUT, channels="BGR")
    np.testing.assert_array_equal(decode(data, backwards), reference(data, backwards))


def test_alpha_of_a_webp_is_dropped() -> None:
    """Like alpha of a PNG; TensorFlow rejects such a file."""
    data = file("WEBP", image(mode="RGBA"), lossless=True, exact=True)
    same = file("PNG", image(mode="RGBA"))
    np.testing.assert_array_equal(decode(data, INPUT), reference(same, INPUT))


def test_the_first_frame_of_a_webp_is_taken() -> None:
    """Like the first frame of a GIF; TensorFlow rejects such a file."""
    second = image(mode="L").convert("RGB")
    data = file("WEBP", image(), lossless=True, save_all=True, append_images=[second])
    same = file("PNG", image())
    np.testing.assert_array_equal(decode(data, INPUT), reference(same, INPUT))


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
    """Below four times the input's size, pixels are exact."""
    reduced = dataclasses.replace(INPUT, decode="reduced")
    data = file("JPEG", image(4 * WIDTH - 2, 4 * HEIGHT - 2))
    np.testing.assert_array_equal(decode(data, reduced), reference(data, INPUT))


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_file_that_tensorflow_accepts_is_accepted(name: str) -> None:
    """With the same pixels, whatever else is in the file."""
    data = ACCEPTED[name]()
    np.testing.assert_array_equal(decode(data, INPUT), reference(data, INPUT))


@pytest.mark.parametrize("name", REJECTED)
def test_a_file_that_tensorflow_rejects_is_damaged(name: str) -> None:
    """Otherwise it would be classified by random memory."""
    data = REJECTED[name]()
    with pytest.raises(tf.errors.InvalidArgumentError):
        reference(data, INPUT)
    with pytest.raises(PictureError, match=r"^picture_damaged$"):
        decode(data, INPUT)
