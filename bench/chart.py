"""Draws `docs/bench.svg`: speed as a multiple of the naive loop's, as bars with marks for goals.

No drawing library, so that a changed figure changes one line of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from bench.rules import RATIOS
from bench.subjects import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Figure

WIDTH, LEFT, RIGHT = 760, 300, 70
BAR, GAP, TOP = 18, 20, 44
NUMBER = 44
"""Width of a figure in text."""
COLOURS = {Engine.TENSORFLOW: "#b45309", Engine.LITERT: "#1d4ed8"}
INK, PAPER = "#1f2937", "#ffffff"


def svg(figures: Sequence[Figure]) -> str:
    """The chart of a measurement's ratios; a missing figure is shown as such."""
    ratios = [[each for each in figures if each.rule is rule] for rule in RATIOS]
    measured = [each for group in ratios for each in group]
    most = max(
        [each.median for each in measured if not each.missing]
        + [each.rule.bounds[each.engine].value for each in measured]
    )
    lines, y = _legend(), TOP
    for group in ratios:
        middle = y + len(group) * BAR / 2
        lines.append(_text(LEFT - 10, middle, group[0].rule.name, "end"))
        for figure in group:
            lines += _bar(figure, y, (WIDTH - LEFT - RIGHT) / most)
            y += BAR
        y += GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" '
        f'font-family="sans-serif" font-size="12" fill="{INK}">'
    )
    paper = f'<rect width="{WIDTH}" height="{y}" fill="{PAPER}"/>'
    return "\n".join([head, paper, *lines, "</svg>", ""])


def _legend() -> list[str]:
    lines = [_text(10, 20, "times the naive loop's pictures a second", "start")]
    x = LEFT
    for engine in Engine:
        lines.append(f'<rect x="{x}" y="11" width="18" height="18" fill="{COLOURS[engine]}"/>')
        lines.append(_text(x + 24, 20, engine, "start"))
        x += 120
    lines.append(_generation(x, 11))
    lines.append(_text(x + 8, 20, "goal", "start"))
    return lines


def _bar(figure: Figure, y: float, scale: float) -> list[str]:
    goal = LEFT + scale * figure.rule.bounds[figure.engine].value
    if figure.missing:
        return [_text(LEFT, y + BAR / 2, "not measured", "start"), _generation(goal, y)]
    width, colour = scale * figure.median, COLOURS[figure.engine]
    text = f"{figure.median:.{figure.rule.digits}f}{figure.rule.unit}"
    end = LEFT + width
    # Behind the bar; also behind the mark, if the text would cover it.
    beside = goal if end - 4 < goal < end + NUMBER else end
    return [
        f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{colour}"/>',
        _generation(goal, y),
        _text(beside + 6, y + BAR / 2, text, "start"),
    ]


def _generation(x: float, y: float) -> str:
    return f'<rect x="{x:.1f}" y="{y}" width="2" height="{BAR - 2}" fill="{INK}"/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
        f'dominant-baseline="middle">{escape(words)}</text>'
    )
