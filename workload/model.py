"""The released model on the TensorFlow engine.

Checks that the model's signature is what its manifest says, both before the first picture and on
every batch, and says MODEL_UNUSABLE if not: what TensorFlow has to say about it names tensors and
paths, and stays here. It does not judge what the graph's operations do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workload import images
from workload.errors import Failure, WorkloadError
from workload.results import Score

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from workload.manifest import Manifest

_ROUNDING = 1e-3
"""How far a float32 softmax may leave 0 to 1."""


class SavedModel:
    """A TensorFlow SavedModel in a folder; raises MODEL_UNUSABLE."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._manifest = manifest
        try:
            # Kept for as long as the signature is used: its variables live in this object.
            self._loaded = tf.saved_model.load(str(folder))
            self._signature = self._loaded.signatures[manifest.signature]
            self._input = _input_name(self._signature, manifest)
        except Exception as error:  # a foreign graph can fail in any way
            raise WorkloadError(Failure.MODEL_UNUSABLE) from error

    def decode(self, data: bytes) -> npt.NDArray[np.float32]:
        """One picture as this model takes it; raises PictureError."""
        return images.decode(data, self._manifest.input)

    def classify(self, batch: Sequence[npt.NDArray[np.float32]]) -> list[list[Score]]:
        """The best `topK` classes of each picture, best first, the lower index first in a tie."""
        try:
            (output,) = self._signature(**{self._input: tf.constant(np.stack(batch))}).values()
            probabilities = output.numpy()
        except Exception as error:  # a foreign graph can fail in any way
            raise WorkloadError(Failure.MODEL_UNUSABLE) from error
        shape = (len(batch), len(self._manifest.classes))
        # Written so that a NaN fails, too: it is no number in JSON.
        if probabilities.shape != shape or not np.all(
            np.abs(probabilities - 0.5) < 0.5 + _ROUNDING
        ):
            raise WorkloadError(Failure.MODEL_UNUSABLE)
        return [self._best(row) for row in probabilities]

    def _best(self, row: npt.NDArray[np.float32]) -> list[Score]:
        best = np.argsort(-row, kind="stable")[: self._manifest.top_k]
        return [Score(int(i), self._manifest.classes[i], round(float(row[i]), 5)) for i in best]


def _input_name(signature: Any, manifest: Manifest) -> str:  # noqa: ANN401  an untyped function
    """The name of the one input; ValueError if the signature is not what the manifest says."""
    _positional, inputs = signature.structured_input_signature
    ((name, taken),) = inputs.items()
    (given,) = signature.structured_outputs.values()
    expected = (
        (taken, [None, manifest.input.height, manifest.input.width, images.RGB]),
        (given, [None, len(manifest.classes)]),
    )
    for spec, shape in expected:
        if spec.dtype != tf.float32 or spec.shape.as_list() != shape:
            raise ValueError("not the signature of the manifest")
    return str(name)
