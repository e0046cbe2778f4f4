"""Runs the released model on LiteRT, TensorFlow's small runtime for converted models.

Checks that the model's signature matches its manifest. LiteRT's error messages name tensors, so
they are not passed on. Each core has its own interpreter, which computes on the calling thread:
that uses the cores better than one interpreter with threads.
"""

from __future__ import annotations

import os
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from workload.engines import scores
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from workload.manifest import Manifest
    from workload.records import Score


class LiteRTModel:
    """A LiteRT model in a file; raises MODEL_UNUSABLE."""

    def __init__(self, file: Path, manifest: Manifest) -> None:
        self._manifest = manifest
        self._idle: SimpleQueue[_ModelInterpreter] = SimpleQueue()
        try:
            content = file.read_bytes()
            for _ in range(os.cpu_count() or 1):
                self._idle.put(_ModelInterpreter(content, manifest))
        except Exception as error:  # a foreign graph can fail in any way
            raise WorkloadError(Failure.MODEL_UNUSABLE) from error

    def classify(self, batch: Sequence[npt.NDArray[np.float32]]) -> list[list[Score]]:
        """The best `topK` classes of each picture; raises MODEL_SCORES_INVALID, too."""
        interpreter = self._idle.get()
        try:
            answers = interpreter.run(batch)
        except Exception as error:  # a foreign graph can fail in any way
            raise WorkloadError(Failure.MODEL_UNUSABLE) from error
        finally:
            self._idle.put(interpreter)
        return scores.ranked(answers, len(batch), self._manifest)


class _ModelInterpreter:
    """An interpreter; ValueError if the model's signature does not match the manifest."""

    def __init__(self, content: bytes, manifest: Manifest) -> None:
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        # By index: the signature's own runner holds Python's lock while it computes.
        self._input, self._output = _tensors(self._interpreter, manifest)
        self._shape: tuple[int, ...] = ()

    def run(self, batch: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        """The model's output."""
        shape = (len(batch), *batch[0].shape)
        if shape != self._shape:  # only for the first batch: all have the same size
            self._interpreter.resize_tensor_input(self._input, shape)
            self._interpreter.allocate_tensors()
            self._shape = shape
        np.stack(batch, out=self._interpreter.tensor(self._input)())
        self._interpreter.invoke()
        answers: npt.NDArray[np.float32] = self._interpreter.get_tensor(self._output)
        return answers


def _tensors(interpreter: Interpreter, manifest: Manifest) -> tuple[int, int]:
    """Indices of input and output; ValueError if they do not match the manifest."""
    signature = interpreter.get_signature_runner(manifest.signature)
    ((_, input_details),) = signature.get_input_details().items()
    ((_, output_details),) = signature.get_output_details().items()
    expected = (
        (input_details, [-1, manifest.input.height, manifest.input.width, 3]),
        (output_details, [-1, len(manifest.classes)]),
    )
    for tensor, shape in expected:
        if tensor["dtype"] is not np.float32 or tensor["shape_signature"].tolist() != shape:
            raise ValueError("not the signature of the manifest")
    return input_details["index"], output_details["index"]
