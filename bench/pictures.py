"""Makes the pictures for the measurements; a number always gives the same picture.

Colour fields, blobs and grain: not what the model was trained on, but JPEGs of them are as large as
those of photographs. Existing files in the folder are reused.
"""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEED = 20261124
_TILE = 1024
"""The grain repeats, because noise for 16 million pixels takes longer than all other steps."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Pictures of one size."""

    name: str
    width: int
    height: int
    grain: float
    """Standard deviation of the noise, out of 255; it determines the size of the file."""
    quality: int


SMALL = Kind(name="small", width=500, height=375, grain=10.0, quality=88)
"""About 57 KB."""
LARGE = Kind(name="large", width=4928, height=3264, grain=8.5, quality=85)
"""16 megapixels, about 3 MB."""


def make(kind: Kind, count: int, below: Path) -> Path:
    """The folder that holds the first `count` pictures of a kind, at least."""
    edition = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    folder = below / f"{kind.name}-{edition}"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(count) if not (folder / name(number)).exists()]
    if missing:
        with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
            for _ in pool.map(partial(_write, kind, folder), missing, chunksize=4):
                pass
    return folder


def name(number: int) -> str:
    """A picture's file name; names sort as numbers do."""
    return f"{number:05}.jpg"


def picture(kind: Kind, number: int) -> bytes:
    """One JPEG file; the same bytes for the same encoder."""
    random = np.random.default_rng([SEED, kind.width, number])
    size = (kind.width, kind.height)
    field = Image.fromarray(random.integers(40, 216, (5, 7, 3), np.uint8))
    canvas = field.resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(canvas)
    for _ in range(12):
        x, y = random.integers(0, kind.width), random.integers(0, kind.height)
        r = random.integers(kind.width // 60, kind.width // 8)
        colour = tuple(int(each) for each in random.integers(0, 256, 3))
        draw.ellipse((int(x - r), int(y - r), int(x + r), int(y + r)), fill=colour)
    grainy = np.asarray(canvas, np.int16) + _grain(random, kind)
    file = io.BytesIO()
    Image.fromarray(np.clip(grainy, 0, 255).astype(np.uint8)).save(
        file, "JPEG", quality=kind.quality
    )
    return file.getvalue()


def _grain(random: np.random.Generator, kind: Kind) -> NDArray[np.int16]:
    tile = random.normal(0, kind.grain, (min(_TILE, kind.height), min(_TILE, kind.width), 3))
    times = (-(-kind.height // tile.shape[0]), -(-kind.width // tile.shape[1]), 1)
    return np.tile(tile.astype(np.int16), times)[: kind.height, : kind.width]


def _write(kind: Kind, folder: Path, number: int) -> None:
    # Write under another name first: an interrupted run leaves no partial picture.
    half = folder / f".{os.getpid()}"
    half.write_bytes(picture(kind, number))
    half.rename(folder / name(number))
