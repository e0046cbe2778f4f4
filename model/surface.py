"""Draws a healthy machined part under an inspection camera: metal, tool marks, light, edge.

Owns everything in a picture except the defect. Lengths are in units of the picture's short side, so
that a part looks the same at every size; colours are floats from 0 to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Field = NDArray[np.floating]
    Point = tuple[float, float]

_LATTICE = 256
_METALS = {
    "steel": (0.56, 0.58, 0.61),
    "stainless": (0.68, 0.69, 0.70),
    "aluminium": (0.76, 0.77, 0.79),
    "cast iron": (0.40, 0.41, 0.42),
    "brass": (0.72, 0.63, 0.43),
}
FERROUS = ("steel", "stainless", "cast iron")
"""The metals that rust."""

_FINISHES = ("ground", "planed", "milled", "turned", "blasted")
_EDGE_IN_VIEW = 0.35


@dataclass(frozen=True)
class Part:
    """One part in view; a defect is drawn by changing `rgb` or `inside` in place."""

    rng: Generator
    x: Field
    """Distance from the left border, shape (height, width)."""
    y: Field
    """Distance from the upper border."""
    rgb: Field
    """The metal as lit, shape (height, width, 3)."""
    inside: Field
    """Distance to the part's edge, negative where the fixture shows."""
    along_edge: Field
    light: Point
    """Unit vector, in the picture's plane, that points to the lamp."""
    lay: float
    """Direction of the tool marks in radians."""

    @property
    def extent(self) -> Point:
        """Width and height, the shorter of them 1."""
        return float(self.x[0, -1]), float(self.y[-1, 0])

    def spot(self, margin: float) -> Point:
        """A random place on the metal at least about `margin` from every border and edge."""
        width, height = self.extent
        rows, columns = self.inside.shape
        best, place = -math.inf, (width / 2, height / 2)
        for _ in range(12):
            x = self.rng.uniform(margin, width - margin)
            y = self.rng.uniform(margin, height - margin)
            depth = float(self.inside[int(y / height * (rows - 1)), int(x / width * (columns - 1))])
            if depth > margin:
                return x, y
            if depth > best:
                best, place = depth, (x, y)
        return place

    def blend(self, mask: Field, colour: Field | tuple[float, float, float] | float) -> None:
        """Cover the metal with a colour where the mask is 1."""
        self.rgb[...] += mask[..., None] * (np.asarray(colour, np.float32) - self.rgb)

    def scale(self, factor: Field) -> None:
        """Make the metal lighter or darker without changing its colour."""
        self.rgb[...] *= factor[..., None]


def noise(rng: Generator, u: Field, v: Field) -> Field:
    """Smooth random values from -1 to 1 that vary over a distance of about 1 in u and v."""
    table = 2 * rng.random(_LATTICE * _LATTICE, np.float32) - 1
    u0, v0 = np.floor(u), np.floor(v)
    i, j = u0.astype(np.int32), v0.astype(np.int32)
    s, t = step(0, 1, u - u0), step(0, 1, v - v0)
    wrap = _LATTICE - 1
    row0, row1 = (i & wrap) * _LATTICE, ((i + 1) & wrap) * _LATTICE
    column0, column1 = j & wrap, (j + 1) & wrap
    near = table[row0 + column0] * (1 - t) + table[row0 + column1] * t
    far = table[row1 + column0] * (1 - t) + table[row1 + column1] * t
    blended: Field = near * (1 - s) + far * s
    return blended


def step(low: float, high: float, values: Field) -> Field:
    """From 0 at `low` to 1 at `high`, smoothly; `low` may be the greater."""
    t = np.clip((values - low) / (high - low), 0, 1)
    smooth: Field = (t * t * (3 - 2 * t)).astype(np.float32)
    return smooth


def _tool_marks(rng: Generator, x: Field, y: Field, lay: float) -> Field:
    """Relative brightness of the marks of the last machining step."""
    finish = _FINISHES[rng.integers(len(_FINISHES))]
    along, across = (
        x * math.cos(lay) + y * math.sin(lay) + 8,
        y * math.cos(lay) - x * math.sin(lay) + 8,
    )
    if finish in ("milled", "turned"):
        reach = rng.uniform(0.8, 2.2) if finish == "milled" else rng.uniform(0, 0.6)
        dx, dy = x - 0.5 - reach * math.sin(lay), y - 0.5 + reach * math.cos(lay)
        across = np.hypot(dx, dy)
        # abs: an angle that jumps from pi to -pi would draw a seam.
        along = np.abs(np.arctan2(dy, dx)) * np.float32(0.5 + reach) + 8
    fine = rng.uniform(60, 200)
    stretch = fine if finish == "blasted" else rng.uniform(1, 4)
    marks = noise(rng, along * stretch, across * fine) * rng.uniform(0.03, 0.09)
    marks += noise(rng, along * 1.5, across * fine / 6) * rng.uniform(0.01, 0.05)
    if finish in ("planed", "milled", "turned"):
        pitch = rng.uniform(10, 28)
        marks += np.sin(across * np.float32(2 * math.pi * pitch)) * rng.uniform(0.015, 0.05)
    return marks


def machined(rng: Generator, width: int, height: int, *, ferrous: bool, edge: bool) -> Part:
    """A part without a defect; `edge` forces its edge into view, else chance decides."""
    short = min(width, height)
    x, y = np.meshgrid(
        np.arange(width, dtype=np.float32) / short, np.arange(height, dtype=np.float32) / short
    )
    metals = FERROUS if ferrous else tuple(_METALS)
    metal = np.array(_METALS[metals[rng.integers(len(metals))]], np.float32)
    metal *= 1 + rng.uniform(-0.02, 0.02, 3).astype(np.float32)
    lay, lamp = rng.uniform(0, math.pi), rng.uniform(0, 2 * math.pi)
    light = (math.cos(lamp), math.sin(lamp))

    towards = (x - width / short / 2) * light[0] + (y - height / short / 2) * light[1]
    brightness = 1 + towards * rng.uniform(0, 0.45)
    sheen = np.exp(-(((towards - rng.uniform(-0.7, 0.7)) / rng.uniform(0.25, 0.6)) ** 2))
    brightness += sheen * rng.uniform(0, 0.22) + _tool_marks(rng, x, y, lay)
    brightness += noise(rng, x * 2.5, y * 2.5) * rng.uniform(0, 0.05)
    rgb = brightness[..., None] * metal * np.float32(rng.uniform(0.72, 0.98))

    across = rng.uniform(0, 2 * math.pi)
    normal = (math.cos(across), math.sin(across))
    outward = (x - width / short / 2) * normal[0] + (y - height / short / 2) * normal[1]
    in_view = edge or rng.random() < _EDGE_IN_VIEW
    inside = rng.uniform(0.18, 0.36) - outward if in_view else np.full_like(x, 9)
    along_edge = y * normal[0] - x * normal[1] + 8
    return Part(
        rng, x, y, rgb.astype(np.float32), inside.astype(np.float32), along_edge, light, lay
    )


def trim(part: Part) -> None:
    """Put the bright chamfer on the part's edge and the fixture behind it."""
    rng, inside = part.rng, part.inside
    chamfer, sharpness = rng.uniform(0.008, 0.022), 0.006
    lit = 1 + step(chamfer, chamfer / 2, np.abs(inside - chamfer)) * rng.uniform(0.15, 0.45)
    part.scale(lit)
    shade = rng.uniform(0.04, 0.22) * (1 + 0.2 * noise(rng, part.x * 3, part.y * 3))
    cast = 1 - 0.5 * step(-0.06, 0, inside)
    fixture = (shade * cast)[..., None] * np.array((1, 1.02, 1.05), np.float32)
    part.blend(step(sharpness, -sharpness, inside), fixture.astype(np.float32))
