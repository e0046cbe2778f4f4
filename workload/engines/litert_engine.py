"""Runs the released model on LiteRT, TensorFlow's small runtime for converted models.

Checks that the model's signature matches its manifest. LiteRT's error messages name tensors, so
they are not passed on. Each core has its own interpreter, which computes on the calling thread:
that uses the cores better than one interpreter with threads.
"""

from __future__ import annotations

import os
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from workload.engines import scores, tensors
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from workload.manifest import Manifest
    from workload.records import Outcome

    Tensor = dict[str, Any]
    """What LiteRT says of a tensor: index, shape, type, quantisation."""


class LiteRTModel:
    """A LiteRT model in a file; raises MODEL_UNUSABLE or RUN_OUT_OF_MEMORY."""

    def __init__(self, file: Path, manifest: Manifest) -> None:
        self._manifest = manifest
        self._idle: SimpleQueue[_ModelInterpreter] = SimpleQueue()
        try:
            content = file.read_bytes()
            for _ in range(os.cpu_count() or 1):
                self._idle.put(_ModelInterpreter(content, manifest))
        except Exception as error:  # a foreign graph can fail in any way
            raise _failure(error) from error

    def classify(self, batch: Sequence[npt.NDArray[np.float32]]) -> list[Outcome]:
        """The best `topK` classes of each picture, or SCORES_INVALID."""
        pixels = tensors.stacked(batch, self._manifest.input)
        interpreter = self._idle.get()
        try:
            answers = tensors.in_fixed_batches(pixels, interpreter.batch, interpreter.run)
        except Exception as error:  # a foreign graph can fail in any way
            raise _failure(error) from error
        finally:
            self._idle.put(interpreter)
        return scores.ranked(answers, len(batch), self._manifest)


def _failure(error: Exception) -> WorkloadError:
    memory = isinstance(error, MemoryError)
    return WorkloadError(Failure.RUN_OUT_OF_MEMORY if memory else Failure.MODEL_UNUSABLE)


class _ModelInterpreter:
    """An interpreter; ValueError if the model's signature does not match the manifest."""

    def __init__(self, content: bytes, manifest: Manifest) -> None:
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        # By index: the signature's own runner holds Python's lock while it computes.
        self._input, self._output = _tensors(self._interpreter, manifest)
        declared = self._input["shape_signature"].tolist()
        self.batch: int | None = declared[0] if declared[0] > 0 else None
        """How many pictures the model takes at once; None is any number."""
        self._shape: tuple[int, ...] = ()

    def run(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
        """The model's output, as real numbers."""
        if pixels.shape != self._shape:  # only for the first batch: all have the same size
            # A model with a fixed shape may compute with it in other places, too.
            if pixels.shape != tuple(self._input["shape"]):
                self._interpreter.resize_tensor_input(self._input["index"], pixels.shape)
            self._interpreter.allocate_tensors()
            self._shape = pixels.shape
        self._interpreter.set_tensor(self._input["index"], tensors.quantized(pixels, self._input))
        self._interpreter.invoke()
        return tensors.real(self._interpreter.get_tensor(self._output["index"]), self._output)


def _tensors(interpreter: Interpreter, manifest: Manifest) -> tuple[Tensor, Tensor]:
    """Input and output; ValueError if they do not match the manifest."""
    inputs, outputs = _signature(interpreter, manifest.signature)
    chosen = _chosen(inputs, manifest.input.name), _chosen(outputs, manifest.output.name)
    expected = tensors.shape(manifest.input)
    declared = chosen[0]["shape_signature"].tolist()
    if len(inputs) != 1 or chosen[0]["dtype"] != np.dtype(manifest.input.type):
        raise ValueError("not the signature of the manifest")
    if len(declared) != 1 + len(expected) or any(
        size not in (-1, wanted) for size, wanted in zip(declared[1:], expected, strict=True)
    ):
        raise ValueError("not the shape of the manifest")
    answer = [size if size >= 0 else None for size in chosen[1]["shape_signature"].tolist()]
    tensors.check_answer(answer, len(manifest.classes))
    return chosen


def _signature(
    interpreter: Interpreter, name: str | None
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs and outputs by name, of a signature or of the main graph."""
    if name is None:
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        return {each["name"]: each for each in inputs}, {each["name"]: each for each in outputs}
    runner = interpreter.get_signature_runner(name)
    return runner.get_input_details(), runner.get_output_details()


def _chosen(named: dict[str, Tensor], name: str | None) -> Tensor:
    """The only tensor, or the one that the manifest chooses; ValueError if it is not there."""
    (chosen,) = [tensor for each, tensor in named.items() if name in (each, None)]
    return chosen
