"""The defects of a part: one function for each class, which draws on a healthy part in place.

Owns the classes and their order, which is the order of the model's outputs. Numbers are lengths in
units of the picture's short side, or relative brightness.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from model.surface import noise, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from model.surface import Field, Part, Point

    Stroke = list[tuple[float, float, float]]
    """A line as points (x, y, breadth)."""

_OVERSAMPLING = 3


def _ink(part: Part, strokes: Iterable[Stroke], shift: Point = (0, 0)) -> Field:
    """How much of each pixel the strokes cover, from 0 to 1."""
    height, width = part.inside.shape
    unit = min(width, height) * _OVERSAMPLING
    canvas = Image.new("L", (width * _OVERSAMPLING, height * _OVERSAMPLING))
    pen = ImageDraw.Draw(canvas)
    for stroke in strokes:
        for (x0, y0, _), (x1, y1, breadth) in pairwise(stroke):
            line = ((x0 + shift[0], y0 + shift[1]), (x1 + shift[0], y1 + shift[1]))
            pen.line([(x * unit, y * unit) for x, y in line], 255, max(1, round(breadth * unit)))
    return np.asarray(canvas.reduce(_OVERSAMPLING), np.float32) / 255


def _polar(part: Part, centre: Point, radius: float, squeeze: float, turn: float) -> Field:
    """Distance from a centre in radii of an ellipse."""
    dx, dy = part.x - centre[0], part.y - centre[1]
    u = (dx * math.cos(turn) + dy * math.sin(turn)) / radius
    v = (dy * math.cos(turn) - dx * math.sin(turn)) / (radius * squeeze)
    return np.hypot(u, v)


def _patch(part: Part, centre: Point, radius: float, ragged: float, grain: float) -> Field:
    """Signed depth inside an irregular patch, positive within, about 1 in its middle."""
    rng = part.rng
    distance = _polar(part, centre, radius, rng.uniform(0.55, 1), rng.uniform(0, math.pi))
    rim = noise(rng, part.x * 2.2 / radius + 9, part.y * 2.2 / radius + 9) * ragged
    rim += noise(rng, part.x * grain, part.y * grain) * ragged / 2
    return 1 - distance + rim


def clean(part: Part) -> None:
    """Nothing: tool marks, light and perhaps the part's straight edge."""


def scratch(part: Part) -> None:
    """One to three long thin grooves across the tool marks, one flank lit and one in shade."""
    rng = part.rng
    strokes: list[Stroke] = []
    for _ in range(rng.integers(1, 4)):
        heading = part.lay + rng.uniform(0.4, math.pi - 0.4)
        bend, length, breadth = (
            rng.normal(0, 0.25),
            rng.uniform(0.35, 0.9),
            rng.uniform(0.008, 0.016),
        )
        middle = part.spot(0.2)
        stroke: Stroke = []
        for t in np.linspace(-0.5, 0.5, 17):
            angle = heading + bend * t
            reach = length * float(t)
            taper = math.sqrt(max(0.05, 1 - (2 * float(t)) ** 2))
            x, y = middle[0] + reach * math.cos(angle), middle[1] + reach * math.sin(angle)
            stroke.append((x, y, breadth * taper))
        strokes.append(stroke)
    offset = 0.007
    shade = _ink(part, strokes, (part.light[0] * offset, part.light[1] * offset))
    part.blend(shade * rng.uniform(0.6, 0.9), 0.06)
    part.blend(_ink(part, strokes) * rng.uniform(0.75, 1), rng.uniform(0.88, 1.1))


def dent(part: Part) -> None:
    """A smooth hollow: dark towards the lamp, bright away from it, its rim raised."""
    rng = part.rng
    radius, squeeze = rng.uniform(0.12, 0.24), rng.uniform(0.65, 1)
    centre, turn = part.spot(radius), rng.uniform(0, math.pi)
    distance = _polar(part, centre, radius, squeeze, turn)
    lean = (part.x - centre[0]) * part.light[0] + (part.y - centre[1]) * part.light[1]
    hollow = np.exp(-(distance**4))
    part.scale(1 - lean / radius * hollow * rng.uniform(0.55, 0.85))
    part.scale(1 + np.exp(-(((distance - 1.1) / 0.13) ** 2)) * rng.uniform(0.08, 0.25))


def stain(part: Part) -> None:
    """A film of oil or coolant that has dried: translucent, soft, darker along its rim."""
    rng = part.rng
    films = ((0.42, 0.40, 0.36), (0.34, 0.40, 0.50), (0.36, 0.36, 0.38), (0.42, 0.44, 0.38))
    film = np.array(films[rng.integers(len(films))], np.float32)
    for _ in range(rng.integers(1, 4)):
        radius = rng.uniform(0.13, 0.3)
        depth = _patch(part, part.spot(radius / 2), radius, 0.35, 9)
        cover = step(-0.04, 0.1, depth) * rng.uniform(0.4, 0.65)
        part.blend(cover, part.rgb * film * np.float32(1.25))
        part.scale(1 - np.exp(-(((depth - 0.05) / 0.06) ** 2)) * rng.uniform(0.2, 0.4))


def crack(part: Part) -> None:
    """A dark jagged line that wanders, branches and tapers."""
    rng = part.rng
    heading, middle = rng.uniform(0, 2 * math.pi), part.spot(0.25)
    length, breadth = rng.uniform(0.5, 0.95), rng.uniform(0.010, 0.018)
    start = tuple(
        m - length / 2 * f(heading) for m, f in zip(middle, (math.cos, math.sin), strict=True)
    )
    strokes: list[Stroke] = []
    pending = [(start[0], start[1], heading, length, breadth)]
    while pending:
        x, y, direction, left, wide = pending.pop()
        whole, stroke, angle = left, [(x, y, wide)], direction
        while left > 0:
            angle = direction + 0.5 * (angle - direction) + rng.normal(0, 0.55)
            pace = rng.uniform(0.015, 0.04)
            x, y, left = x + pace * math.cos(angle), y + pace * math.sin(angle), left - pace
            stroke.append((x, y, wide * (0.35 + 0.65 * max(0, left) / whole)))
            forks = whole == length and rng.random() < pace * 6
            if forks:
                side = rng.choice((-1, 1)) * rng.uniform(0.5, 1.1)
                pending.append((x, y, direction + side, rng.uniform(0.1, 0.3), wide * 0.6))
        strokes.append(stroke)
    offset = -0.006
    lip = _ink(part, strokes, (part.light[0] * offset, part.light[1] * offset))
    part.blend(lip * rng.uniform(0, 0.4), 0.95)
    part.blend(_ink(part, strokes) * rng.uniform(0.8, 0.97), rng.uniform(0.03, 0.1))


def hole(part: Part) -> None:
    """A round opening where none belongs: sharp dark disc, lit far wall, bright rim."""
    rng = part.rng
    radius, squeeze = rng.uniform(0.06, 0.16), rng.uniform(0.85, 1)
    centre, turn = part.spot(radius * 1.3), rng.uniform(0, math.pi)
    distance = _polar(part, centre, radius, squeeze, turn)
    lean = (part.x - centre[0]) * part.light[0] + (part.y - centre[1]) * part.light[1]
    rim = np.exp(-(((distance - 1.05) / 0.07) ** 2)).astype(np.float32)
    part.blend(rim * rng.uniform(0.3, 0.8), rng.uniform(0.8, 1))
    wall = 0.05 + 0.35 * step(0, -radius, lean) * step(0.5, 1, distance)
    soft = 0.006 / radius
    part.blend(step(1 + soft, 1 - soft, distance), wall[..., None])


def rust(part: Part) -> None:
    """Orange-brown crusts with a grainy face and a frayed border."""
    rng = part.rng
    for _ in range(rng.integers(2, 6)):
        radius = rng.uniform(0.07, 0.22)
        depth = _patch(part, part.spot(radius / 2), radius, 0.5, 22)
        grain = noise(rng, part.x * 55, part.y * 55) + noise(rng, part.x * 18, part.y * 18)
        tone = (0.45 + 0.3 * grain)[..., None]
        dark, pale = np.array(((0.22, 0.11, 0.06), (0.66, 0.38, 0.19)), np.float32)
        crust = np.clip(dark + tone * (pale - dark), 0, 1)
        bloom = np.array((1.0, 0.72, 0.42), np.float32)
        part.blend(step(-0.35, 0.2, depth) * 0.45, part.rgb * bloom)
        part.blend(step(-0.02, 0.18, depth + 0.12 * grain) * rng.uniform(0.75, 0.95), crust)


def spatter(part: Part) -> None:
    """Beads of weld metal that have frozen on the surface: round, glossy, with cast shadows."""
    rng = part.rng
    light_x, light_y = part.light
    hub = part.spot(0.2)
    for _ in range(rng.integers(6, 17)):
        radius = rng.uniform(0.016, 0.042)
        x, y = hub[0] + rng.normal(0, 0.22), hub[1] + rng.normal(0, 0.22)
        fall = _polar(part, (x - light_x * radius, y - light_y * radius), radius * 1.15, 1, 0)
        part.scale(1 - 0.45 * step(1.3, 0.6, fall))
        u, v = (part.x - x) / radius, (part.y - y) / radius
        height = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
        lit = np.clip(0.55 * height + 0.6 * (u * light_x + v * light_y), 0, 1)
        gloss = np.exp(-((u - 0.4 * light_x) ** 2 + (v - 0.4 * light_y) ** 2) * 9)
        face = (0.2 + 0.5 * lit + 0.5 * gloss)[..., None] * np.array((1, 0.98, 0.95), np.float32)
        part.blend(step(1.1, 0.9, np.hypot(u, v)), face)


def burr(part: Part) -> None:
    """Torn, shiny metal that stands over the part's edge."""
    rng, along = part.rng, part.along_edge
    coarse, fine = rng.uniform(9, 16), rng.uniform(28, 45)
    zero = np.zeros_like(along)
    fringe = 0.55 + 0.45 * noise(rng, along * coarse, zero)
    fringe += 0.5 * noise(rng, along * fine, zero) + 0.2 * noise(rng, along * 90, zero)
    reach = np.clip(fringe, 0, None) * rng.uniform(0.045, 0.075)
    root = part.inside.copy()
    part.inside[...] += reach
    flake = step(0.012, -0.004, root)
    glint = 0.62 + 0.45 * noise(rng, along * 50, root * 30)
    part.blend(flake * 0.85, np.clip(glint, 0.25, 1)[..., None])
    part.scale(1 - np.exp(-(((root - 0.012) / 0.008) ** 2)) * rng.uniform(0.4, 0.7))


DEFECTS: dict[str, Callable[[Part], None]] = {
    mark.__name__: mark for mark in (clean, scratch, dent, stain, crack, hole, rust, spatter, burr)
}
"""Class name -> function that draws it, in the order of the model's outputs."""
