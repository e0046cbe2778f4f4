"""ONNX Runtime with simplejpeg and Pillow, on one thread a core.

The SavedModel as `tf2onnx` converts it. Pillow's resize is another algorithm than TensorFlow's: it
weights every pixel, in whole numbers. So the scores differ.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import simplejpeg
from PIL import Image

from bench.peers.conversion import ONNX
from bench.peers.program import BATCH, job
from bench.stopwatch import Stopwatch

if TYPE_CHECKING:
    from pathlib import Path


def main() -> None:
    """One run."""
    todo, stopwatch = job(__doc__), Stopwatch()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # each thread computes its own batch
    session = onnxruntime.InferenceSession(
        todo.model / ONNX, options, providers=["CPUExecutionProvider"]
    )
    stopwatch.loaded()
    (name,) = (each.name for each in session.get_inputs())
    factor, added = map(np.float32, todo.scaling)
    height, width = todo.size

    def pixels(path: Path) -> Any:  # noqa: ANN401  an array
        decoded = simplejpeg.decode_jpeg(path.read_bytes(), fastdct=True)
        resized = Image.fromarray(decoded).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(resized, np.float32) * factor + added

    def scores(files: list[Path]) -> Any:  # noqa: ANN401  an array
        (found,) = session.run(None, {name: np.stack([pixels(path) for path in files])})
        stopwatch.predicted()
        return found

    batches = [todo.files[at : at + BATCH] for at in range(0, len(todo.files), BATCH)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        todo.write(np.concatenate(list(pool.map(scores, batches))))
    stopwatch.done()


if __name__ == "__main__":
    main()
