"""Sample pictures: the owner's, or drawn ones that only show whether the numbers are the same."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from infra.config.picture_folder import ENDINGS
from packing.errors import PackError
from workload.decoding import image_limits, pixels
from workload.errors import PictureError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from workload.manifest import Input

MOST: Final = 64
"""Pictures of a folder; more would make packing slow and show nothing new."""
_DRAWN: Final = 8


@dataclass(frozen=True, kw_only=True)
class SamplePicture:
    """A picture file and what the model gets of it."""

    name: str
    content: bytes
    pixels: npt.NDArray[np.float32]


def from_folder(folder: Path, model_input: Input) -> list[SamplePicture]:
    """The first pictures of a folder by name; raises PackError."""
    if not folder.is_dir():
        raise PackError(f"--sample: got {folder}, expected a folder with pictures")
    files = [each for each in sorted(folder.iterdir()) if each.suffix.lower() in ENDINGS][:MOST]
    if not files:
        raise PackError(
            f"--sample: got no picture in {folder}, expected files that end in {', '.join(ENDINGS)}"
        )
    return [_decoded(file.name, file.read_bytes(), model_input) for file in files]


def drawn(model_input: Input) -> list[SamplePicture]:
    """Pictures of coloured noise, coarse to fine: the same on every machine."""
    rng = np.random.default_rng(20261126)
    pictures = []
    for number in range(_DRAWN):
        coarse = rng.integers(0, 256, (2 + 2 * number, 3 + 2 * number, 3), np.uint8)
        image = Image.fromarray(coarse).resize((320, 240), Image.Resampling.BICUBIC)
        file = io.BytesIO()
        image.save(file, "PNG")
        pictures.append(_decoded(f"drawn-{number}.png", file.getvalue(), model_input))
    return pictures


def _decoded(name: str, content: bytes, model_input: Input) -> SamplePicture:
    try:
        if len(content) > image_limits.MAX_FILE_BYTES:
            raise PackError(f"--sample: {name} is too large: {len(content):,} bytes")
        # In this process: the pictures are the owner's own.
        decoded = pixels.decode(content, model_input, pixels.Buffer())
    except PictureError as error:
        raise PackError(
            f"--sample: {name}: {error.failure.value}, as in a run. docs/errors.md says why; remove"
            " the file from the folder, or save it anew"
        ) from error
    return SamplePicture(name=name, content=content, pixels=decoded)
