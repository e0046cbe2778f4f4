"""Writes `docs/bench.md`: the figures, their samples, and the machine."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from bench import by_thread, limits
from bench.figures import NAIVE
from bench.one_worker import PER_SLICE
from bench.schedule import TIMES
from bench.subjects import EXACT_PEERS, Engine, Peer
from bench.table import table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.figures import Figure, Sample
    from bench.run import Measured

MB = 1e6
PACKAGES = (
    "tensorflow-cpu",
    "ai-edge-litert",
    "numpy",
    "simplejpeg",
    "opencv-python-headless",
    "pillow",
    "keras",
    "onnxruntime",
    "google-cloud-storage",
)
"""Packages whose versions influence the figures."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine and the date of a measurement."""

    date: str
    cores: int
    processor: str
    load: float
    """Of the minute before: other work makes figures worse, and not equally."""
    versions: str

    @classmethod
    def this(cls) -> Machine:
        """This machine, now."""
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return cls(
            date=f"{datetime.now(UTC):%Y-%m-%d}",
            cores=len(os.sched_getaffinity(0)),
            processor=next(iter(names), platform.machine()),
            load=os.getloadavg()[0],
            versions=", ".join([f"Python {platform.python_version()}", *_versions()]),
        )


def _versions() -> list[str]:
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            continue
    return versions


_PEERS = f"""\
## The peers

What a user would pick instead (`bench/peers`), from the same folder with the same SavedModel and
the same preprocessing. Each time is from the loaded model to the last result, as the workload's.

- *{Peer.TF_DATA}*: the guide's pipeline: files are read, decoded and resized in parallel
  (`AUTOTUNE`), in batches of 64 with prefetching; then the SavedModel's signature.
- *{Peer.KERAS}*: `model.predict` on `image_dataset_from_directory`, with the SavedModel as a
  `TFSMLayer`.
- *{Peer.ONNX}*: the SavedModel converted by `tf2onnx`; simplejpeg and Pillow's resize, which is
  another algorithm, on one thread a core.

None isolates its decoder, and none checks or hashes a picture.
"""


def text(measured: Measured, machine: Machine) -> str:
    """The whole document."""
    size = measured.size
    return f"""\
# What was measured

Written by `make bench`, not by hand: {machine.date}, {machine.cores} cores ({machine.processor}),
load {machine.load:.1f} at the start. {machine.versions}.

Each figure is the median of {len(measured.rounds)} rounds, in brackets the least and the most. In
every round each subject runs once, in a fresh process; ratios are made within a round.

{_score_differences(measured)}

![Pictures a second of the workload and of what a user would pick instead](bench.svg)

## Figures

{_figures(measured.figures)}

*Times*: pictures a second, compared with another program in the same round. The best peer is the
fastest of {" and ".join(EXACT_PEERS)}, which have the same pixels. Speed kept is against the
same run through the local cloud without latency, so that it tells the latency and nothing else.
Memory is of {size.small:,} and of {size.small * TIMES:,} pictures. The only machine of a fleet gets
the same in slices of {PER_SLICE:,}; its records are those of one machine by itself, byte for byte.

## What they are made of

{size.small:,} JPEGs of 500x375, about 57 KB; {size.large} of 16 megapixels, about 3 MB. Through
the local cloud the naive loop gets {size.naive} small ones: it takes one after the other. The
reduced scale changes nothing for the small ones: half of 375 rows are fewer than twice 128.

{_samples(measured)}

- *pictures/s*: from the loaded model to the last result.
- *processor*: for the same; through the local cloud for the whole process, its start included.
- *memory*: the most that the process and its children had, each by its own most (VmHWM).
- *first*: from the start of the process to its first prediction; through the local cloud to the
  first results that can be read in the bucket.
- *release*: from asking for the token's exchange to the loaded model.
- *cloud*: what the local cloud took on the same cores, which a real one does not.

What many machines would do, simulated from these rates: [a fleet](fleet.md#how-it-scales).

## Where the time goes

{limits.steps_table(measured.steps, measured.rounds, machine.cores)}

Each step by itself, by the workload's own code, while every core does the same (`bench/steps.py`);
*resize* is all of decoding but the header's check and libjpeg-turbo. Not in it: the start of the
decoders, handing pictures on between threads and processes, steps that take the caches from each
other, and the results at the end. No way of handing on would give more than the limit.

{by_thread.usage_table(measured.usages, measured.steps)}

What the threads of one more run used, from the loaded model to the last result; in brackets what
the same steps take by themselves. The rest is what keeps the speed below the limit: two decoders
and two engine threads share the cores and their caches, the main thread copies each picture into
and out of the memory that it shares with a decoder and checks every pixel, and at the start and the
end of a run some cores have nothing to do.

## The image

{_images(measured)}

What the locked dependencies of each engine take once installed, without compiled modules.

{_PEERS}
## The naive loop

`bench/naive.py`: read a picture, decode it whole with TensorFlow, resize it, predict a batch of
one, sort the scores with numpy. Written anew after the published example, with the manifest's
preprocessing. It isolates and checks nothing; the workload's figures include the isolation of its
decoders, the checks of every picture, its SHA-256, and all that is written.
"""


def small_pictures(measured: Measured, machine: Machine) -> str:
    """The tables of a run that measures small pictures only."""
    return "\n\n".join(
        [
            _score_differences(measured),
            _figures(measured.figures),
            _samples(measured),
            limits.steps_table(measured.steps, measured.rounds, machine.cores),
            by_thread.usage_table(measured.usages, measured.steps),
        ]
    )


def _score_differences(measured: Measured) -> str:
    differences = ", ".join(f"{off:.5f} ({who})" for who, off in measured.score_differences.items())
    text = (
        "All compute the same, which is checked before anything is timed: the same best class of\n"
        "every compared picture, and scores that differ from the naive loop's by at most\n"
        f"{differences}."
    )
    for who, share in measured.same_best.items():
        text += (
            f"\n{who} resizes by another algorithm: the same best class of every demonstration "
            f"picture,\nand of {100 * share:.0f} % of the small ones below, which are not what "
            "the model was trained on."
        )
    return text


def _figures(figures: Sequence[Figure]) -> str:
    rows = [["figure", *Engine, "goal"]]
    for name in dict.fromkeys(each.rule.name for each in figures):
        cells = [_cell(each) for each in figures if each.rule.name == name]
        rows.append([name, *cells, _goal(figures, name)])
    return table(rows)


def _cell(figure: Figure) -> str:
    if figure.missing:
        return f"not measured: {figure.missing}"
    digits, unit = figure.rule.digits, figure.rule.unit
    text = f"{figure.median:.{digits}f}{unit}"
    if len(figure.values) > 1:
        least, most = min(figure.values), max(figure.values)
        text += f" ({least:.{digits}f} to {most:.{digits}f})"
    return f"**{text}: missed**" if figure.problem else text


def _goal(figures: Sequence[Figure], name: str) -> str:
    goals = []
    for figure in figures:
        bound = figure.rule.bounds.get(figure.engine)
        if figure.rule.name == name:
            sign = "" if bound is None else "≤ " if bound.most else "≥ "
            goals.append("none" if bound is None else f"{sign}{bound.value:g}{figure.rule.unit}")
    return goals[0] if len(set(goals)) == 1 else " / ".join(goals)


def _samples(measured: Measured) -> str:
    columns: tuple[tuple[str, Callable[[Sample], str]], ...] = (
        ("pictures/s", lambda each: f"{each.rate:.1f}"),
        ("processor ms each", lambda each: f"{1000 * each.cpu / each.pictures:.2f}"),
        ("memory MB", lambda each: f"{each.peak / MB:.0f}"),
        ("first s", lambda each: f"{each.first:.2f}"),
        ("release s", lambda each: f"{each.release:.2f}" if each.release else ""),
        (
            "cloud ms each",
            lambda each: f"{1000 * each.cloud_cpu / each.pictures:.2f}" if each.cloud_cpu else "",
        ),
    )
    keys = dict.fromkeys([*measured.rounds[0], *measured.missing])
    order = {what: at for at, (what, _) in enumerate(keys)}
    rows = [["what", "who", *(name for name, _ in columns)]]
    programs = [NAIVE, *Peer, *Engine]
    for key in sorted(keys, key=lambda key: (order[key[0]], programs.index(key[1]))):
        samples = [each[key] for each in measured.rounds if key in each]
        rows.append([*key, *(_middle(samples, value) for _, value in columns)])
    return table(rows)


def _middle(samples: Sequence[Sample], value: Callable[[Sample], str]) -> str:
    """The median sample; of an even number, the lower one of the middle two."""
    if not samples:
        return "not measured"
    ordered = sorted(samples, key=lambda each: float(value(each) or 0))
    return value(ordered[(len(ordered) - 1) // 2])


def _images(measured: Measured) -> str:
    sizes = [
        f"not measured: {size}" if isinstance(size, str) else f"{size / MB:,.0f} MB"
        for size in measured.images.values()
    ]
    return table([[*measured.images], sizes])
