"""The demonstration pictures: what Secundus' inspection line would have seen in one shift.

Owns `pictures/` and `pictures.json`. Nothing here asks the model: which pictures are drawn
follows from the seed alone, whatever the model makes of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from model.draw import CLASSES, SEED, Key, PictureSet, draw, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

_PER_CLASS = 3


class Camera(NamedTuple):
    """What one station of the line delivers."""

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
    """One demonstration picture before it is drawn."""

    name: str
    key: Key
    camera: Camera


def planned_pictures() -> list[PlannedPicture]:
    """Every demonstration picture, in order of its name; the name does not tell the class."""
    rng = np.random.default_rng((SEED, int(PictureSet.DEMONSTRATION)))
    keys = [
        Key(PictureSet.DEMONSTRATION, label, number)
        for label in CLASSES
        for number in range(_PER_CLASS)
    ]
    part, found = 400, []
    for position, chosen in enumerate(rng.permutation(len(keys))):
        part += int(rng.integers(1, 9))
        station = position % len(CAMERAS)
        camera = CAMERAS[station]
        suffix = "png" if camera.form == "PNG" else "jpg"
        name = f"part-{part:04d}-cam{station + 1}.{suffix}"
        found.append(PlannedPicture(name, keys[int(chosen)], camera))
    return found


def draw_file(planned: PlannedPicture) -> bytes:
    """The picture's file."""
    camera = planned.camera
    picture = draw(planned.key.generator(), planned.key.label, camera.width, camera.height)
    return encode(picture, camera.form, camera.quality)


def drawn_pictures() -> Iterator[tuple[PlannedPicture, bytes]]:
    """Every demonstration picture with its file."""
    for planned in planned_pictures():
        yield planned, draw_file(planned)
