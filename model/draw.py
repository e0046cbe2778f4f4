"""Draws a picture of a class, as a camera would write it; the key determines every byte.

Owns the camera (focus, exposure, sensor noise, compression) and the separation of the picture
sets: the set is part of a key, so no picture of one set can occur in another.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from model.defects import DEFECTS
from model.surface import machined, trim

if TYPE_CHECKING:
    from numpy.random import Generator

SEED = 20261123
CLASSES = tuple(DEFECTS)
_ASPECTS = (1.0, 4 / 3, 3 / 2, 3 / 4)


class PictureSet(IntEnum):
    """The purpose of a picture; the number is part of its seed."""

    TRAINING = 1
    HELD_BACK = 2
    DEMONSTRATION = 3


_WIDEST = {PictureSet.TRAINING: 256, PictureSet.HELD_BACK: 900}


@dataclass(frozen=True)
class Key:
    """Identifies a picture: these three and `SEED` determine everything random in it."""

    purpose: PictureSet
    label: str
    number: int

    def generator(self) -> Generator:
        """A new random generator that no other key shares."""
        return np.random.default_rng(
            (SEED, int(self.purpose), CLASSES.index(self.label), self.number)
        )


def draw(rng: Generator, label: str, width: int, height: int) -> Image.Image:
    """An RGB picture of a part of the class."""
    part = machined(rng, width, height, ferrous=label == "rust", edge=label == "burr")
    DEFECTS[label](part)
    trim(part)
    return _expose(rng, part.rgb)


def _expose(rng: Generator, light: np.ndarray) -> Image.Image:
    """Focus, exposure, white balance and noise of an ordinary inspection camera."""
    balance = rng.uniform(0.88, 1.08) * rng.uniform(0.985, 1.015, 3).astype(np.float32)
    grain = rng.standard_normal(light.shape, np.float32) * np.float32(rng.uniform(0.003, 0.018))
    short = min(light.shape[:2])
    focus = ImageFilter.GaussianBlur(short * rng.uniform(0, 0.0028))
    sharp = Image.fromarray((np.clip(light * balance, 0, 1) * 255).astype(np.uint8))
    focused = np.asarray(sharp.filter(focus), np.float32) / 255 + grain
    return Image.fromarray((np.clip(focused, 0, 1) * 255).astype(np.uint8))


def encode(picture: Image.Image, form: str, quality: int) -> bytes:
    """The picture's file: `form` is JPEG or PNG; quality matters to JPEG only."""
    file = io.BytesIO()
    picture.save(file, form, quality=quality, optimize=form == "JPEG")
    return file.getvalue()


def sample(key: Key) -> bytes:
    """A picture file of a random size, shape and quality, for training or for the examination.

    Held-back pictures have sizes that training never saw, like real ones.
    """
    rng = key.generator()
    widest = _WIDEST[key.purpose]
    width = round(float(np.exp(rng.uniform(np.log(128), np.log(widest)))))
    height = round(width / _ASPECTS[rng.integers(len(_ASPECTS))])
    picture = draw(rng, key.label, width, height)
    form = "PNG" if rng.integers(4) == 0 else "JPEG"
    return encode(picture, form, int(rng.integers(70, 96)))
