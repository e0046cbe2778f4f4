"""The released model on the LiteRT engine: TensorFlow's own small runtime, for converted models.

Checks that the model's signature is what its manifest says; what LiteRT has to say about it names
tensors, and stays here. Every thread has an interpreter of its own, which computes on that thread
alone, because that uses the cores better than one interpreter with threads.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from workload import scores
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from workload.manifest import Manifest
    from workload.records import Score

BATCH = 8
"""Pictures at a time on one thread: more do not fit into the caches as well."""


class LiteRTModel:
    """A LiteRT model in a file; raises MODEL_UNUSABLE."""

    def __init__(self, file: Path, manifest: Manifest) -> None:
        self._manifest = manifest
        threads = os.cpu_count() or 1
        self._idle: SimpleQueue[_Ready] = SimpleQueue()
        try:
            content = file.read_bytes()
            for _ in range(threads):
                self._idle.put(_Ready(content, manifest))
        except Exception as error:  # a foreign graph can fail in any way
            raise WorkloadError(Failure.MODEL_UNUSABLE) from error
        self._threads = ThreadPoolExecutor(threads)

    def classify(self, batch: Sequence[npt.NDArray[np.float32]]) -> list[list[Score]]:
        """The best `topK` classes of each picture; raises MODEL_SCORES_INVALID, too."""
        parts = [batch[start : start + BATCH] for start in range(0, len(batch), BATCH)]
        return [answer for answers in self._threads.map(self._answers, parts) for answer in answers]

    def _answers(self, part: Sequence[npt.NDArray[np.float32]]) -> list[list[Score]]:
        # Always as many: what a picture is answered depends on no other but by rounding.
        full = np.stack([*part, *[part[-1]] * (BATCH - len(part))])
        ready = self._idle.get()
        try:
            answers = ready.run(full)
        except Exception as error:  # a foreign graph can fail in any way
            raise WorkloadError(Failure.MODEL_UNUSABLE) from error
        finally:
            self._idle.put(ready)
        return scores.ranked(answers, BATCH, self._manifest)[: len(part)]


class _Ready:
    """An interpreter that was given its memory; ValueError unless it is what the manifest says."""

    def __init__(self, content: bytes, manifest: Manifest) -> None:
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        # By number: what the signature offers to run holds Python's lock all the while.
        self._taken, self._given = _tensors(self._interpreter, manifest)
        picture = (manifest.input.height, manifest.input.width, 3)
        self._interpreter.resize_tensor_input(self._taken, (BATCH, *picture))
        self._interpreter.allocate_tensors()

    def run(self, pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What comes out of the model."""
        self._interpreter.set_tensor(self._taken, pictures)
        self._interpreter.invoke()
        answers: npt.NDArray[np.float32] = self._interpreter.get_tensor(self._given)
        return answers


def _tensors(interpreter: Interpreter, manifest: Manifest) -> tuple[int, int]:
    """The numbers of input and output; ValueError if they are not what the manifest says."""
    signature = interpreter.get_signature_runner(manifest.signature)
    ((_, taken),) = signature.get_input_details().items()
    ((_, given),) = signature.get_output_details().items()
    expected = (
        (taken, [-1, manifest.input.height, manifest.input.width, 3]),
        (given, [-1, len(manifest.classes)]),
    )
    for tensor, shape in expected:
        if tensor["dtype"] is not np.float32 or tensor["shape_signature"].tolist() != shape:
            raise ValueError("not the signature of the manifest")
    return taken["index"], given["index"]
