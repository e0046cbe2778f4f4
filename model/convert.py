"""Converts the packed model for the second engine: LiteRT, TensorFlow's small runtime.

Also checks that both archives give the same answers, on the workload's own engines, so that a model
that the enclave would refuse fails here.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from model.pack import pack_converted, unpack
from model.train import decode_pixels, scale_pixels
from workload import manifest
from workload.engines import selection
from workload.errors import PictureFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from workload.records import Score

TOLERANCE = 7.5e-5
"""Allowed difference of scores: the engines sum float32 in another order."""


@dataclass(frozen=True)
class Agreement:
    """The comparison of two engines on the same pictures."""

    pictures: int
    same_class: int
    largest_difference: float

    def __bool__(self) -> bool:
        """Whether one engine may replace the other."""
        return self.pictures == self.same_class and self.largest_difference <= TOLERANCE


def convert_archive(archive: bytes) -> bytes:
    """The archive of the same model for LiteRT; the bytes are reproducible on one machine."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(archive, folder)
        path = str(Path(folder, "saved_model"))
        converter = tf.lite.TFLiteConverter.from_saved_model(
            path, signature_keys=["serving_default"]
        )
        return pack_converted(converter.convert())


def compare_engines(one: bytes, other: bytes, files: Sequence[bytes]) -> Agreement:
    """Compares the answers of two archives' models for these picture files."""
    batch = [scale_pixels(decode_pixels(file)).numpy() for file in files]
    answers = list(zip(_answers(one, batch), _answers(other, batch), strict=True))
    return Agreement(
        pictures=len(answers),
        same_class=sum(a[0].class_index == b[0].class_index for a, b in answers),
        largest_difference=max(
            abs(a.score - b.score)
            for pair in answers
            for a, b in zip(*(sorted(answer) for answer in pair), strict=True)
        ),
    )


def _answers(archive: bytes, batch: Sequence[NDArray[np.float32]]) -> Sequence[Sequence[Score]]:
    """The score of every class for each picture."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(archive, folder)
        model_manifest = manifest.read(Path(folder, "manifest.json"))
        all_classes = replace(model_manifest, top_k=len(model_manifest.classes))
        model = selection.load(Path(folder), all_classes)
        size = model_manifest.batch
        batches = (batch[start : start + size] for start in range(0, len(batch), size))
        answers = (answer for each in batches for answer in model.classify(each))
        return [() if isinstance(answer, PictureFailure) else answer for answer in answers]
