"""Runs the released model on TensorFlow.

Checks that the model's signature matches its manifest; MODEL_UNUSABLE if not. TensorFlow's error
messages name tensors and paths, so they are not passed on. `tensorflow_operations` has already
checked the graph's operations.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from workload.engines import scores, tensors
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from workload.manifest import Manifest
    from workload.records import Outcome

# Each call computes on its own thread: that uses the cores better than one call on all of them.
# RuntimeError: TensorFlow is already initialised, as in a test.
with suppress(RuntimeError):
    tf.config.threading.set_intra_op_parallelism_threads(1)


class SavedModel:
    """A TensorFlow SavedModel in a folder; raises MODEL_UNUSABLE or RUN_OUT_OF_MEMORY."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._manifest = manifest
        try:
            # Keep this object as long as the signature: it owns the variables.
            self._loaded = tf.saved_model.load(str(folder))
            self._signature = self._loaded.signatures[manifest.signature]
            self._input, self._spec = _input(self._signature, manifest)
            outputs = self._signature.structured_outputs
            self._output = _chosen(outputs, manifest.output.name)
            answer = outputs[self._output].shape
            if answer.rank is not None:
                tensors.check_answer(answer.as_list(), len(manifest.classes))
        except Exception as error:  # a foreign graph can fail in any way
            raise _failure(error) from error

    def classify(self, batch: Sequence[npt.NDArray[np.float32]]) -> list[Outcome]:
        """The best `topK` classes of each picture, or SCORES_INVALID."""
        pixels = tensors.stacked(batch, self._manifest.input)
        try:
            answers = tensors.in_fixed_batches(pixels, self._spec.shape[0], self._run)
        except Exception as error:  # a foreign graph can fail in any way
            raise _failure(error) from error
        return scores.ranked(answers, len(batch), self._manifest)

    def _run(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        converted = tensors.converted(pixels, self._spec.dtype.as_numpy_dtype)
        answers: npt.NDArray[Any] = self._signature(**{self._input: tf.constant(converted)})[
            self._output
        ].numpy()
        return answers


def _failure(error: Exception) -> WorkloadError:
    memory = isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError))
    return WorkloadError(Failure.RUN_OUT_OF_MEMORY if memory else Failure.MODEL_UNUSABLE)


def _input(signature: Any, manifest: Manifest) -> tuple[str, Any]:  # noqa: ANN401  an untyped function
    """Name and spec of the only input; ValueError if it does not match the manifest."""
    _positional, inputs = signature.structured_input_signature
    name = _chosen(inputs, manifest.input.name)
    spec = inputs[name]
    expected = [None, *tensors.shape(manifest.input)]
    if len(inputs) != 1 or spec.dtype != manifest.input.type:
        raise ValueError("not the signature of the manifest")
    if spec.shape.rank is None or not spec.shape.is_compatible_with(expected):
        raise ValueError("not the shape of the manifest")
    return name, spec


def _chosen(named: Mapping[str, Any], name: str | None) -> str:
    """The only name, or the one that the manifest chooses; ValueError if it is not there."""
    (chosen,) = [each for each in named if name in (each, None)]
    return chosen
