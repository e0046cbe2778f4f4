"""Makes the committed model: draw, train, pack, examine, replace, convert.

Owns the files in this folder and their provenance, `provenance.json`.
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

from model.convert import TOLERANCE, compare_engines, convert_archive
from model.draw import CLASSES, SEED, PictureSet
from model.examine import Verdicts, examine
from model.pack import ARCHIVE, CONVERTED, json_text, manifest
from model.pictures import drawn_pictures
from model.record import with_provenance
from model.train import ALPHA, PER_CLASS, draw_set, export, train_network

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).parent
REQUIRED = 0.97
"""Share of held-back pictures that a new model must classify correctly to be accepted."""


class StageTimer:
    """Measures the seconds of each stage, and prints them."""

    def __init__(self) -> None:
        self.seconds: dict[str, int] = {}
        self._start = time.monotonic()

    def finish(self, name: str) -> None:
        """Ends the current stage; `name` is its name."""
        now = time.monotonic()
        self.seconds[name] = round(now - self._start)
        self._start = now
        sys.stdout.write(f"{name}: {self.seconds[name]} s\n")


def main(arguments: Sequence[str]) -> int:
    """Makes both archives; with `--convert`, only the second one from the first."""
    if arguments not in ([], ["--convert"]):
        sys.stderr.write(f"got {arguments}, expected nothing or --convert: nothing was done\n")
        return 2
    return (0 if arguments else train()) or convert()


def train() -> int:
    """Trains the model; returns 1 and changes nothing if it is not good enough."""
    timer = StageTimer()
    files, labels = draw_set(PictureSet.TRAINING)
    held_back, truth = draw_set(PictureSet.HELD_BACK)
    timer.finish("drawing")
    network = train_network(files, labels)
    timer.finish("training")
    archive = export(network)
    verdicts = examine(archive, held_back, truth)
    planned_pictures = list(drawn_pictures())
    demonstration = examine(
        archive,
        [file for _, file in planned_pictures],
        [CLASSES.index(planned.key.label) for planned, _ in planned_pictures],
    )
    timer.finish("packing and examination")
    record = provenance(timer.seconds, verdicts, demonstration, network.count_params())
    sys.stdout.write(json_text(record))
    if verdicts.accuracy < REQUIRED:
        sys.stderr.write(
            f"got {verdicts.accuracy:.3f} right on held-back pictures, expected at least "
            f"{REQUIRED}: the model in this folder stays as it was; mend the drawing or the "
            "training, then run `make model` again\n"
        )
        return 1
    (FOLDER / ARCHIVE).write_bytes(archive)
    (FOLDER / "manifest.json").write_text(json_text(manifest(archive)))
    (FOLDER / "provenance.json").write_text(json_text(record))
    shutil.rmtree(FOLDER / "pictures", ignore_errors=True)
    (FOLDER / "pictures").mkdir()
    for planned, file in planned_pictures:
        (FOLDER / "pictures" / planned.name).write_bytes(file)
    (FOLDER / "pictures.json").write_text(
        json_text({planned.name: planned.key.label for planned, _ in planned_pictures})
    )
    return 0


def convert() -> int:
    """Converts the model in this folder; returns 1 and changes nothing if the engines differ."""
    archive = (FOLDER / ARCHIVE).read_bytes()
    converted = convert_archive(archive)
    held_back, _ = draw_set(PictureSet.HELD_BACK)
    comparison = compare_engines(
        archive, converted, [*held_back, *(file for _, file in drawn_pictures())]
    )
    sys.stdout.write(f"{comparison}\n")
    if not comparison:
        sys.stderr.write(
            f"got {comparison.same_class} of {comparison.pictures} pictures in the same class and "
            f"scores {comparison.largest_difference:.1e} apart, expected all and at most "
            f"{TOLERANCE}: "
            f"{CONVERTED} stays as it was; see what the converter of this TensorFlow changed, "
            "then run `python -m model --convert` again\n"
        )
        return 1
    (FOLDER / CONVERTED).write_bytes(converted)
    (FOLDER / "manifest-litert.json").write_text(json_text(manifest(converted, CONVERTED)))
    record = json.loads((FOLDER / "provenance.json").read_text())
    record["litert"] = {
        "command": "python -m model --convert",
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "of": hashlib.sha256(archive).hexdigest(),
        "versions": {"tensorflow": tf.__version__, "ai-edge-litert": ai_edge_litert.__version__},
        "pictures": comparison.pictures,
        "sameClass": comparison.same_class,
        "largestDifference": float(f"{comparison.largest_difference:.1e}"),
    }
    (FOLDER / "provenance.json").write_text(json_text(record))
    readme = FOLDER / "README.md"
    readme.write_text(with_provenance(readme.read_text(), record))
    return 0


def provenance(
    seconds: dict[str, int], held_back: Verdicts, demonstration: Verdicts, parameters: int
) -> dict[str, Any]:
    """The provenance of the model, with its measured accuracy."""
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
            "right": demonstration.right,
            "of": demonstration.total,
            "mistakes": demonstration.mistakes(),
        },
    }
