"""Draws `docs/bench.svg`: pictures a second, by what a user would pick; the workload's in colour.

No drawing library, so that a changed figure changes one line of the file.
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from bench.figures import NAIVE
from bench.rules import SMALL
from bench.subjects import Engine, Peer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.figures import Round

CHOICES = {
    NAIVE: ("A loop: TensorFlow, one picture at a time", ""),
    Peer.KERAS: ("Keras: predict", "on image_dataset_from_directory"),
    Peer.ONNX: ("ONNX Runtime", "simplejpeg and Pillow on every core"),
    Peer.TF_DATA: ("tf.data, tuned", "parallel decoding, batches of 64, prefetching"),
    Engine.TENSORFLOW: ("This workload with TensorFlow", "the same SavedModel, isolated decoders"),
    Engine.LITERT: ("This workload with LiteRT", "the model converted, isolated decoders"),
}
"""What a user may pick, as two lines of text each."""
NOTE = (
    "The others hold decoder and model in one process. Only this workload decodes in isolated",
    "processes, checks every picture, and writes its SHA-256: that is included.",
)

WIDTH, LEFT, RIGHT = 760, 300, 70
BAR, GAP, TOP = 30, 12, 64
LINE = 16
OURS, OTHERS = "#1d4ed8", "#9ca3af"
INK, FAINT, PAPER = "#1f2937", "#6b7280", "#ffffff"


def svg(rounds: Sequence[Round], cores: int) -> str:
    """The chart of a measurement: medians over rounds; a missing bar is shown as such."""
    rates = {
        who: [each[SMALL, who].rate for each in rounds if (SMALL, who) in each] for who in CHOICES
    }
    medians = {who: median(values) for who, values in rates.items() if values}
    lines = [
        text(
            10,
            22,
            "Pictures classified per second",
            "start",
            INK,
            "font-weight='bold' font-size='16'",
        ),
        text(10, 42, f"small JPEGs (500x375), {cores} cores, more is better", "start", FAINT),
    ]
    y = TOP
    for who, (name, how) in CHOICES.items():
        middle = y + BAR / 2
        lines += [
            text(LEFT - 10, middle - (LINE / 2 if how else 0), name, "end"),
            *(
                [text(LEFT - 10, middle + LINE / 2, how, "end", FAINT, "font-size='11'")]
                if how
                else []
            ),
            *_bar(medians.get(who), y, OURS if who in {*Engine} else OTHERS, max(medians.values())),
        ]
        y += BAR + GAP
    y += GAP
    for line in NOTE:
        lines.append(text(10, y, line, "start", FAINT))
        y += LINE
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" '
        f'font-family="sans-serif" font-size="13" fill="{INK}">'
    )
    paper = f'<rect width="{WIDTH}" height="{y}" fill="{PAPER}"/>'
    return "\n".join([head, paper, *lines, "</svg>", ""])


def _bar(rate: float | None, y: float, colour: str, most: float) -> list[str]:
    if rate is None:
        return [text(LEFT, y + BAR / 2, "not measured", "start")]
    width = (WIDTH - LEFT - RIGHT) * rate / most
    return [
        f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>',
        text(LEFT + width + 6, y + BAR / 2, f"{rate:,.0f}", "start"),
    ]


def text(x: float, y: float, words: str, anchor: str, colour: str = INK, more: str = "") -> str:
    """Words at a point, in the middle of their height."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" dominant-baseline="middle" '
        f'fill="{colour}"{more and " " + more}>{escape(words)}</text>'
    )
