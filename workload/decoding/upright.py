"""Decodes a picture and turns it upright: the only module that calls decoders.

It runs in a decoder process (`decoder_worker`). Its pixels equal TensorFlow's bit by bit for every
file that tf.io.decode_image accepts: `fast` with its default for JPEGs, `accurate` with
dct_method="INTEGER_ACCURATE", which Pillow uses, too. Tests compare them. Like TensorFlow it drops
alpha, takes the upper 8 of 16 bits, and decodes the first frame of an animation. Beyond
TensorFlow it applies the EXIF orientation and palettes of BMPs, accepts WebPs with animation or
alpha, and puts a GIF's first frame at its place on the canvas.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import simplejpeg
from PIL import Image, ImageFile, TiffImagePlugin, WebPImagePlugin

from workload.decoding import fitting, image_headers, image_limits

if TYPE_CHECKING:
    import numpy.typing as npt

    from workload.manifest import Input

    Rgbx: TypeAlias = npt.NDArray[np.uint32]
    """A decoded picture: R, G, B and an unused byte for each pixel."""

# Pillow imports plugins on demand, which fails in a confined process: import them now.
Image.preinit()
# Pillow only warns beyond this size; `image_headers` rejects such pictures before.
Image.MAX_IMAGE_PIXELS = image_limits.MAX_PIXELS
_EXTRA_PLUGINS = (TiffImagePlugin, WebPImagePlugin)


class Buffer:
    """Memory for one picture, reused for the next: a large one would take 10 % longer.

    Not thread-safe. The next picture overwrites all of it, or `decode` raises.
    """

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)

    def allocate(self, size: int) -> npt.NDArray[np.uint8]:
        """`size` bytes, valid until the next call."""
        if self._memory.size < size:
            self.release()
            self._memory = np.empty(size, np.uint8)
        return self._memory[:size]

    def release(self) -> None:
        """Frees the memory: the largest pictures of other formats need all of the limit."""
        self._memory = np.empty(0, np.uint8)


def decode(header: image_headers.Header, model_input: Input, buffer: Buffer) -> Rgbx:
    """The whole picture, upright; it may be in the buffer.

    Raises what the libraries raise, and PictureError where `fitting` does.
    """
    if header.kind == "JPEG":
        return _decode_jpeg(header, model_input, buffer)
    buffer.release()
    return _decode_with_pillow(header)


def _decode_jpeg(header: image_headers.Header, model_input: Input, buffer: Buffer) -> Rgbx:
    data, orientation = header.data, _orientation(header.exif)
    scaling = _scaling(data, orientation, model_input) if model_input.decode == "reduced" else {}
    rows, columns, space, _ = simplejpeg.decode_jpeg_header(data, strict=False, **scaling)
    colours = "CMYK" if space in ("CMYK", "YCCK") else "RGBX"
    fast = model_input.decode != "accurate"
    options = {"colorspace": colours, "fastdct": fast, **scaling}
    options["buffer"] = buffer.allocate(4 * rows * columns)
    try:
        picture = simplejpeg.decode_jpeg(data, **options)
    except ValueError as error:
        # TensorFlow accepts flaws in the data. libjpeg reports the last problem: if it is only a
        # flaw, every pixel has been written.
        if not str(error).startswith(_FLAWS):
            raise
        picture = simplejpeg.decode_jpeg(data, strict=False, **options)
    if colours == "CMYK":
        _without_black(picture, inverted=_ADOBE.search(data) is not None)
    return _oriented(picture.view(np.uint32)[:, :, 0], orientation)


def _scaling(data: bytes, orientation: int, model_input: Input) -> dict[str, int]:
    """Options for decoding at a fraction of the size that is at least twice what is needed."""
    height, width, *_ = simplejpeg.decode_jpeg_header(data, strict=False)
    if orientation in _SIDEWAYS:
        width, height = fitting.whole_size(width, height, model_input)
    else:
        height, width = fitting.whole_size(height, width, model_input)
    return {"min_height": 2 * height, "min_width": 2 * width, "min_factor": 2}


_FLAWS = ("Corrupt JPEG data", "Inconsistent progression sequence")
"""Warnings of libjpeg about flaws in the data; all other messages are errors."""
_ADOBE = re.compile(rb"\xff\xee..Adobe", re.DOTALL)


def _without_black(picture: npt.NDArray[np.uint8], *, inverted: bool) -> None:
    """Converts CMYK to RGB in place, by TensorFlow's formula; Adobe's files are inverted."""
    for row in picture:  # by rows, because the products need twice the memory
        ink = row if inverted else 255 - row
        row[:, :3] = ink[:, :3].astype(np.uint16) * ink[:, 3:] // 255


def _orientation(note: bytes) -> int:
    """The EXIF orientation from 1 to 8; 1 (upright) if there is none that can be read."""
    exif = Image.Exif()
    try:
        exif.load(note)
        value = exif.get(0x0112, 1)
    except Exception:  # noqa: BLE001  broken EXIF can fail in any way
        return 1
    return value if value in range(1, 9) else 1


_SIDEWAYS = (5, 6, 7, 8)


def _oriented(picture: Rgbx, orientation: int) -> Rgbx:
    """Turns a picture upright (Exif 2.32, table 6), without a copy."""
    if orientation in _SIDEWAYS:
        picture = picture.T
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    return picture


def _decode_with_pillow(header: image_headers.Header) -> Rgbx:
    with _opened(header) as file:
        # The first frame of a GIF may be smaller than its canvas; like TensorFlow, fill with black.
        left, top, right, bottom = (0, 0, *file.size)
        if header.kind == "GIF":
            left, top, right, bottom = file.tile[0].extents or (0, 0, 0, 0)
        image = _complete_png(header) if header.kind == "PNG" else file
        image.load()
        picture = np.zeros((image.height, image.width), np.uint32)
        # In strips, because conversion needs a second copy.
        for row in range(top, bottom, _STRIP):
            below = min(row + _STRIP, bottom)
            strip = image.crop((left, row, right, below))
            picture[row:below, left:right] = _colours(strip, header.kind)
        return _oriented(picture, _orientation(header.exif or file.info.get("exif", b"")))


def _opened(header: image_headers.Header) -> ImageFile.ImageFile:
    return Image.open(io.BytesIO(header.data), formats=[header.kind])


def _complete_png(header: image_headers.Header) -> Image.Image:
    """Decodes a PNG; ValueError if its data ends before the last row.

    Pillow accepts data that ends between two rows; TensorFlow does not. Then the last row keeps its
    initial value. A complete picture may by chance end like one initial value, but not like two.
    """
    for initial in (0x5A, 0xA5):
        file = _opened(header)
        file.im = Image.new(file.mode, file.size, initial).im
        file.load()
        # In an interlaced PNG, rows with odd numbers come last.
        last = file.height - 1 - (file.height % 2 if file.info.get("interlace") else 0)
        row = file.crop((0, last, file.width, last + 1))
        if row.tobytes() != Image.new(row.mode, row.size, initial).tobytes():
            return file
    raise ValueError


_STRIP = 256
"""Rows."""


def _colours(image: Image.Image, kind: image_headers.Kind) -> Rgbx:
    if image.mode.startswith("I;16"):
        return (np.asarray(image) >> 8).astype(np.uint32) * np.uint32(0x010101)
    # Otherwise Pillow would drop a palette's transparency with a warning.
    if kind == "GIF" or image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode != "RGB":
        image = image.convert("RGB")
    raw = image.tobytes("raw", "RGBX" if image.mode == "RGB" else "RGBA")
    colours = np.frombuffer(raw, np.uint32).reshape(image.height, image.width)
    if kind == "GIF":  # transparent pixels become black, as in TensorFlow
        return np.where(colours >> 24, colours, np.uint32(0))
    return colours
