"""The demonstration pictures: as from the cameras of Secundus' inspection line.

Owns `pictures/` and `pictures.json`. The seed alone determines the pictures: they are not selected
by the model's answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from model.draw import CLASSES, SEED, Key, PictureSet, draw, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

_PER_CLASS = 3


class Camera(NamedTuple):
    """The format of one camera of the inspection line."""

    width: int
    height: int
    form: str
    quality: int


CAMERAS = (
    Camera(640, 480, "JPEG", 85),
    Camera(900, 600, "JPEG", 80),
    Camera(320, 240, "JPEG", 90),
    Camera(160, 160, "PNG", 0),
    Camera(480, 640, "JPEG", 85),
    Camera(240, 180, "PNG", 0),
    Camera(800, 800, "JPEG", 80),
)


class PlannedPicture(NamedTuple):
    """One demonstration picture that is not drawn yet."""

    name: str
    key: Key
    camera: Camera


def planned_pictures() -> list[PlannedPicture]:
    """All demonstration pictures in the order of names; a name does not disclose the class."""
    rng = np.random.default_rng((SEED, int(PictureSet.DEMONSTRATION)))
    keys = [
        Key(PictureSet.DEMONSTRATION, label, number)
        for label in CLASSES
        for number in range(_PER_CLASS)
    ]
    part, planned = 400, []
    for position, index in enumerate(rng.permutation(len(keys))):
        part += int(rng.integers(1, 9))
        station = position % len(CAMERAS)
        camera = CAMERAS[station]
        suffix = "png" if camera.form == "PNG" else "jpg"
        name = f"part-{part:04d}-cam{station + 1}.{suffix}"
        planned.append(PlannedPicture(name, keys[int(index)], camera))
    return planned


def draw_file(planned: PlannedPicture) -> bytes:
    """Draws a picture; returns the content of its file."""
    camera = planned.camera
    picture = draw(planned.key.generator(), planned.key.label, camera.width, camera.height)
    return encode(picture, camera.form, camera.quality)


def drawn_pictures() -> Iterator[tuple[PlannedPicture, bytes]]:
    """Draws all demonstration pictures; yields each with the content of its file."""
    for planned in planned_pictures():
        yield planned, draw_file(planned)
