"""Runs the released model on TensorFlow.

Checks that the model's signature matches its manifest; MODEL_UNUSABLE if not. TensorFlow's error
messages name tensors and paths, so they are not passed on. `tensorflow_operations` has already
checked the graph's operations.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from workload.engines import scores
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from workload.manifest import Manifest
    from workload.records import Score


_RGB = 3

# Each call computes on its own thread: that uses the cores better than one call on all of them.
# RuntimeError: TensorFlow is already initialised, as in a test.
with suppress(RuntimeError):
    tf.config.threading.set_intra_op_parallelism_threads(1)


class SavedModel:
    """A TensorFlow SavedModel in a folder; raises MODEL_UNUSABLE."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._manifest = manifest
        try:
            # Keep this object as long as the signature: it owns the variables.
            self._loaded = tf.saved_model.load(str(folder))
            self._signature = self._loaded.signatures[manifest.signature]
            self._input = _input_name(self._signature, manifest)
        except Exception as error:  # a foreign graph can fail in any way
            raise WorkloadError(Failure.MODEL_UNUSABLE) from error

    def classify(self, batch: Sequence[npt.NDArray[np.float32]]) -> list[list[Score]]:
        """The best `topK` classes of each picture; raises MODEL_SCORES_INVALID, too."""
        try:
            (output,) = self._signature(**{self._input: tf.constant(np.stack(batch))}).values()
            probabilities = output.numpy()
        except Exception as error:  # a foreign graph can fail in any way
            raise WorkloadError(Failure.MODEL_UNUSABLE) from error
        return scores.ranked(probabilities, len(batch), self._manifest)


def _input_name(signature: Any, manifest: Manifest) -> str:  # noqa: ANN401  an untyped function
    """The name of the only input; ValueError if the signature does not match the manifest."""
    _positional, inputs = signature.structured_input_signature
    ((name, input_spec),) = inputs.items()
    (output_spec,) = signature.structured_outputs.values()
    expected = (
        (input_spec, [None, manifest.input.height, manifest.input.width, _RGB]),
        (output_spec, [None, len(manifest.classes)]),
    )
    for spec, shape in expected:
        if spec.dtype != tf.float32 or spec.shape.as_list() != shape:
            raise ValueError("not the signature of the manifest")
    return str(name)
