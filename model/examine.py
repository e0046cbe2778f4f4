"""Measures the accuracy of the packed model on pictures that it was not trained on."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from model.draw import CLASSES
from model.pack import unpack
from model.train import decode_pixels, scale_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

_BATCH = 60


@dataclass(frozen=True)
class Verdicts:
    """The confusion matrix: (true class, predicted class) -> count."""

    counts: Counter[tuple[str, str]]

    @property
    def total(self) -> int:
        """The number of pictures."""
        return self.counts.total()

    @property
    def right(self) -> int:
        """The number of correct predictions."""
        return sum(n for (true, predicted), n in self.counts.items() if true == predicted)

    @property
    def accuracy(self) -> float:
        """Share of correct predictions, from 0 to 1."""
        return self.right / self.total

    def per_class(self) -> dict[str, float]:
        """Share of correct predictions for each class."""
        return {
            label: self.counts[label, label]
            / sum(n for (true, _), n in self.counts.items() if true == label)
            for label in CLASSES
        }

    def mistakes(self) -> dict[str, int]:
        """The wrong predictions, most frequent first."""
        return {
            f"{true} taken for {predicted}": n
            for (true, predicted), n in self.counts.most_common()
            if true != predicted
        }


def examine(archive: bytes, files: Sequence[bytes], labels: Sequence[int]) -> Verdicts:
    """Classifies picture files, whose classes are known, with the packed model."""
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        unpack(archive, folder)
        model = tf.saved_model.load(Path(folder, "saved_model"))
        serve = model.signatures["serving_default"]
        for start in range(0, len(files), _BATCH):
            batch = scale_pixels(
                tf.stack([decode_pixels(file) for file in files[start : start + _BATCH]])
            )
            predicted = serve(pictures=batch)["probabilities"].numpy().argmax(axis=1)
            true = labels[start : start + _BATCH]
            counts.update((CLASSES[t], CLASSES[s]) for t, s in zip(true, predicted, strict=True))
    return Verdicts(counts)
