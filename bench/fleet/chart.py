"""Draws `docs/fleet.svg`: pictures a second by machines, both on logarithmic axes.

As `bench.chart`: without a drawing library, and on white paper, which reads on a dark page, too.
"""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.chart import FAINT, INK, OURS, PAPER, text
from bench.fleet.works import MACHINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.fleet.simulation import Outcome
    from bench.fleet.works import Work

WIDTH, HEIGHT = 380, 330
LEFT, TOP, BOTTOM, RIGHT = 58, 62, 42, 18
NEW: Final = "#c2410c"
GRID: Final = "#e5e7eb"
SHORT: Final = {1000: "1 k", 10_000: "10 k", 100_000: "100 k", 1_000_000: "1 M"}
NOTE: Final = (
    "Simulated, not run on Google Cloud. From the submission of the job to its last records:",
    "the start of machines is included. See the tables and the assumptions of this page.",
)


class Panel(NamedTuple):
    """One kind of pictures: where it is drawn, and its range of pictures a second."""

    work: Work
    left: float
    least: float
    most: float

    def at(self, machines: float, rate: float) -> tuple[float, float]:
        """A point of the drawing."""
        across = log10(machines) / log10(MACHINES[-1])
        up = log10(rate / self.least) / log10(self.most / self.least)
        return (
            self.left + LEFT + across * (WIDTH - LEFT - RIGHT),
            TOP + (1 - up) * (HEIGHT - TOP - BOTTOM),
        )


def svg(
    found: Sequence[Work],
    warm: Mapping[tuple[str, int], Outcome],
    cold: Mapping[tuple[str, int], Outcome],
) -> str:
    """The plot: the first engine, a panel for each kind of pictures."""
    works = [work for work in found if work.engine is found[0].engine]
    lines: list[str] = []
    for position, work in enumerate(works):
        rates = [outcome.rate for key, outcome in warm.items() if key[0] == work.name]
        ideal = min(rates) * MACHINES[-1]
        least, most = 10 ** int(log10(min(rates))), 10 ** -int(-log10(ideal) // 1)
        panel = Panel(work, position * WIDTH, least, most)
        lines += [*_axes(panel), *_curves(panel, warm, cold)]
    height, width = HEIGHT + 40, WIDTH * len(works)
    lines += [text(10, HEIGHT + 10 + 16 * n, line, "start", FAINT) for n, line in enumerate(NOTE)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">'
    )
    paper = f'<rect width="{width}" height="{height}" fill="{PAPER}"/>'
    return "\n".join([head, paper, *lines, "</svg>", ""])


def _axes(panel: Panel) -> Iterator[str]:
    title = f"{panel.work.name}: {panel.work.pictures // 1_000_000} million pictures"
    bold = "font-weight='bold' font-size='14'"
    yield text(panel.left + 10, 20, title, "start", INK, bold)
    yield text(panel.left + 10, 40, "pictures a second, by machines", "start", FAINT)
    for machines in MACHINES:
        (x, bottom), (_, top) = panel.at(machines, panel.least), panel.at(machines, panel.most)
        yield _line([(x, bottom), (x, top)], GRID)
        yield text(x, bottom + 14, f"{machines:,}", "middle", FAINT)
    rate = panel.least
    while rate <= panel.most:
        yield _line([panel.at(1, rate), panel.at(MACHINES[-1], rate)], GRID)
        x, y = panel.at(1, rate)
        yield text(x - 6, y, SHORT.get(int(rate), f"{rate:.0f}"), "end", FAINT)
        rate *= 10


def _curves(
    panel: Panel,
    warm: Mapping[tuple[str, int], Outcome],
    cold: Mapping[tuple[str, int], Outcome],
) -> Iterator[str]:
    name = panel.work.name
    one = warm[name, 1].rate
    yield _line([panel.at(n, n * one) for n in MACHINES], FAINT, "stroke-dasharray='4 4'")
    for outcomes, colour, label, row in (
        (None, FAINT, "dashed: n times one machine", 0),
        (warm, OURS, "bucket that has adapted", 1),
        (cold, NEW, "new bucket, by Google's guideline", 2),
    ):
        if outcomes:
            points = [panel.at(n, outcomes[name, n].rate) for n in MACHINES]
            yield _line(points, colour, "stroke-width='2.5'")
            yield from (
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points
            )
        x, y = panel.left + WIDTH - RIGHT - 8, HEIGHT - BOTTOM - 54 + 18 * row
        yield text(x, y, label, "end", colour)


def _line(points: Sequence[tuple[float, float]], colour: str, more: str = "") -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}"{more and " " + more}/>'
