"""From nothing to a committed model: draw, train, pack, examine, replace, convert.

Owns the files in this folder and the record of where they come from, `provenance.json`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ai_edge_litert
import keras
import numpy as np
import PIL
import tensorflow as tf

from model.convert import TOLERANCE, agreement, converted
from model.draw import CLASSES, SEED, PictureSet
from model.examine import Verdicts, examine
from model.pack import ARCHIVE, CONVERTED, manifest, text
from model.pictures import album
from model.record import retold
from model.train import ALPHA, PER_CLASS, drawn, fitted, packed

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent
REQUIRED = 0.97
"""Share of the held-back pictures that a model must name rightly to replace the present one."""


class Stopwatch:
    """Seconds spent in each stage; says on the terminal what is going on."""

    def __init__(self) -> None:
        self.seconds: dict[str, int] = {}
        self._start = time.monotonic()

    def stage(self, name: str) -> None:
        """Close the stage before; the name is what has just ended."""
        now = time.monotonic()
        self.seconds[name] = round(now - self._start)
        self._start = now
        sys.stdout.write(f"{name}: {self.seconds[name]} s\n")


def main(arguments: Sequence[str]) -> int:
    """Make both archives again, or the second one from the first: `--convert`."""
    if arguments not in ([], ["--convert"]):
        sys.stderr.write(f"got {arguments}, expected nothing or --convert: nothing was done\n")
        return 2
    return (0 if arguments else train()) or convert()


def train() -> int:
    """Make the model again; 1 and nothing changed if it is not good enough."""
    watch = Stopwatch()
    files, labels = drawn(PictureSet.TRAINING)
    held_back, truth = drawn(PictureSet.HELD_BACK)
    watch.stage("drawing")
    network = fitted(files, labels)
    watch.stage("training")
    archive = packed(network)
    verdicts = examine(archive, held_back, truth)
    shots = list(album())
    shown = examine(
        archive, [file for _, file in shots], [CLASSES.index(shot.key.label) for shot, _ in shots]
    )
    watch.stage("packing and examination")
    record = provenance(watch.seconds, verdicts, shown, network.count_params())
    sys.stdout.write(text(record))
    if verdicts.accuracy < REQUIRED:
        sys.stderr.write(
            f"got {verdicts.accuracy:.3f} right on held-back pictures, expected at least "
            f"{REQUIRED}: the model in this folder stays as it was; mend the drawing or the "
            "training, then run `make model` again\n"
        )
        return 1
    (FOLDER / ARCHIVE).write_bytes(archive)
    (FOLDER / "manifest.json").write_text(text(manifest(archive)))
    (FOLDER / "provenance.json").write_text(text(record))
    shutil.rmtree(FOLDER / "pictures", ignore_errors=True)
    (FOLDER / "pictures").mkdir()
    for shot, file in shots:
        (FOLDER / "pictures" / shot.name).write_bytes(file)
    (FOLDER / "pictures.json").write_text(text({shot.name: shot.key.label for shot, _ in shots}))
    return 0


def convert() -> int:
    """Convert the model in this folder; 1 and nothing changed if the engines do not agree."""
    archive = (FOLDER / ARCHIVE).read_bytes()
    other = converted(archive)
    held_back, _ = drawn(PictureSet.HELD_BACK)
    agreed = agreement(archive, other, [*held_back, *(file for _, file in album())])
    sys.stdout.write(f"{agreed}\n")
    if not agreed:
        sys.stderr.write(
            f"got {agreed.same_class} of {agreed.pictures} pictures in the same class and scores "
            f"{agreed.largest_difference:.1e} apart, expected all and at most {TOLERANCE}: "
            f"{CONVERTED} stays as it was; see what the converter of this TensorFlow changed, "
            "then run `python -m model --convert` again\n"
        )
        return 1
    (FOLDER / CONVERTED).write_bytes(other)
    (FOLDER / "manifest-litert.json").write_text(text(manifest(other, CONVERTED)))
    record = json.loads((FOLDER / "provenance.json").read_text())
    record["litert"] = {
        "command": "python -m model --convert",
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "of": hashlib.sha256(archive).hexdigest(),
        "versions": {"tensorflow": tf.__version__, "ai-edge-litert": ai_edge_litert.__version__},
        "pictures": agreed.pictures,
        "sameClass": agreed.same_class,
        "largestDifference": float(f"{agreed.largest_difference:.1e}"),
    }
    (FOLDER / "provenance.json").write_text(text(record))
    readme = FOLDER / "README.md"
    readme.write_text(retold(readme.read_text(), record))
    return 0


def provenance(
    seconds: dict[str, int], held_back: Verdicts, shown: Verdicts, parameters: int
) -> dict[str, Any]:
    """Where the model comes from and how good it was found to be."""
    return {
        "command": "python -m model",
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "seed": SEED,
        "network": {"name": "MobileNetV1", "alpha": ALPHA, "parameters": parameters},
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pillow": PIL.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
        "cores": os.cpu_count(),
        "seconds": {**seconds, "total": sum(seconds.values())},
        "processorSeconds": round(sum(os.times()[:4])),
        "trainingPictures": PER_CLASS[PictureSet.TRAINING] * len(CLASSES),
        "heldBack": {
            "right": held_back.right,
            "of": held_back.total,
            "accuracy": round(held_back.accuracy, 4),
            "perClass": {label: round(share, 4) for label, share in held_back.per_class().items()},
            "mistakes": held_back.mistakes(),
        },
        "demonstration": {
            "right": shown.right,
            "of": shown.total,
            "mistakes": shown.mistakes(),
        },
    }
