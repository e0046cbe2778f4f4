"""Compares the workload with Keras on large models: `python -m bench.models.large`.

Weights are random. For each model, processes of the workload (its engine, batches and threads, its
check of scores) and of Keras' `model.predict` classify the same decoded pictures in turn. The table
has the medians of their rates, their ratio, and the most memory of each process.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.models.table import DOCUMENT
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workload.manifest import Manifest

MODELS: Final = ("ResNet50", "EfficientNetB4", "ViT-B/16 224", "ViT-B/16 384")
PICTURES: Final = 48
ROUNDS: Final = 3
START: Final = "<!-- written by `python -m bench.models.large`: do not edit this table -->\n\n"
END: Final = "\n<!-- end of the table of large models -->"


def make(name: str, folder: Path) -> None:
    """Writes the Keras file, packs it, and unpacks it as a run does."""
    from bench.models import forms, networks  # noqa: PLC0415  TensorFlow: in inner processes only
    from workload import archive  # noqa: PLC0415  same

    if name.startswith("ViT"):
        side = int(name.rpartition(" ")[2])
        network = networks.vision_transformer(side, blocks=12, width=768, heads=12, patch=16)
        forms.exported(network, folder)
        network.save_weights(folder / "vit.weights.h5")
        model, ranges = folder / "model", ["--range", "-1", "1"]
    else:
        model, ranges = forms.keras_file(networks.application(name), folder), []
    command = ["pack", str(model), "--output", str(folder / "packed"), "--classes", "1000", *ranges]
    done = _python("-m", "ops", *command)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    archive.unpack(folder / "packed" / "model.tar.gz", folder / "unpacked")


def by_workload(_name: str, folder: Path) -> None:
    """Prints the rate and the most memory of the workload."""
    from workload import batches, manifest  # noqa: PLC0415  see `make`
    from workload.engines import selection  # noqa: PLC0415  same
    from workload.records import Picture  # noqa: PLC0415  same

    described = manifest.read(folder / "unpacked" / manifest.FILE)
    model = selection.load(folder / "unpacked", described)
    decoded = [
        (Picture(name=f"{place}", generation="1"), pixels)
        for place, pixels in enumerate(_pixels(described))
    ]

    def classify() -> None:
        for _ in batches.outcomes(model, iter(decoded), described.batch, 900):
            pass

    _measure(classify)


def by_keras(name: str, folder: Path) -> None:
    """Prints the rate and the most memory of `model.predict`."""
    import keras  # noqa: PLC0415  see `make`
    import numpy as np  # noqa: PLC0415  same

    from bench.models import networks  # noqa: PLC0415  same
    from workload import manifest  # noqa: PLC0415  same

    if name.startswith("ViT"):
        side = int(name.rpartition(" ")[2])
        network = networks.vision_transformer(side, blocks=12, width=768, heads=12, patch=16)
        network.load_weights(folder / "vit.weights.h5")
    else:
        network = keras.models.load_model(folder / "model.keras", compile=False)
    pictures = np.stack(_pixels(manifest.read(folder / "unpacked" / manifest.FILE)))
    _measure(lambda: network.predict(pictures, batch_size=32, verbose=0))


def _pixels(described: Manifest) -> list[Any]:
    """The drawn pictures of `pack`, several times."""
    from packing import sample  # noqa: PLC0415  see `make`

    drawn = [each.pixels for each in sample.drawn(described.input)]
    return [drawn[place % len(drawn)] for place in range(PICTURES)]


def _measure(classify: Callable[[], object]) -> None:
    classify()  # the first pass also traces, and allocates
    started = time.perf_counter()
    classify()
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(json.dumps([PICTURES / seconds, memory]) + "\n")


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  this Python, and modules of this repository
        [sys.executable, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def _inner(part: str, name: str, folder: str) -> list[float]:
    done = _python("-m", "bench.models.large", part, name, folder)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return list(json.loads(done.stdout.splitlines()[-1])) if done.stdout.strip() else []


def row(name: str) -> str:
    """The row of one model."""
    with tempfile.TemporaryDirectory() as folder:
        _inner("make", name, folder)
        batch = json.loads(Path(folder, "packed", "manifest.json").read_text())["batch"]
        both = [
            [_inner(part, name, folder) for part in ("by_workload", "by_keras")]
            for _ in range(ROUNDS)
        ]
    (rate, other), (memory, others) = (
        [statistics.median(pair[part][value] for pair in both) for part in (0, 1)]
        for value in (0, 1)
    )
    return (
        f"| {name} | {batch} | {rate:.1f} | {other:.1f} | {rate / other:.2f} | {memory:,.0f} |"
        f" {others:,.0f} |\n"
    )


def main(arguments: Sequence[str]) -> int:
    """Measures all models and writes the table, or does one part of it for one model."""
    if arguments:
        part, name, folder = arguments
        {"make": make, "by_workload": by_workload, "by_keras": by_keras}[part](name, Path(folder))
        return 0
    rows = [
        "| model | batch | workload, pictures/s | Keras | ratio | workload, MB | Keras, MB |\n",
        "|---|---|---|---|---|---|---|\n",
    ]
    for name in MODELS:
        rows.append(row(name))
        sys.stdout.write(rows[-1])
        sys.stdout.flush()
    before, start, rest = DOCUMENT.read_text(encoding="utf-8").partition(START)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{start}{''.join(rows)}{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
