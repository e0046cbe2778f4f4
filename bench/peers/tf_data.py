"""A tuned `tf.data` pipeline with the SavedModel: parallel decoding, batches, prefetching.

As TensorFlow's guide recommends (https://www.tensorflow.org/guide/data_performance). The same exact
pixels as the workload's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from bench.peers.program import BATCH, job
from bench.stopwatch import Stopwatch


def main() -> None:
    """One run."""
    todo, stopwatch = job(__doc__), Stopwatch()
    # Keep this object as long as the signature: it owns the variables.
    loaded = tf.saved_model.load(str(todo.model / "saved_model"))
    signature = loaded.signatures[todo.manifest["signature"]]
    stopwatch.loaded()
    ((name, _),) = signature.structured_input_signature[1].items()
    factor, added = todo.scaling

    def picture(path: Any) -> Any:  # noqa: ANN401  tensors
        decoded = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        return added + tf.image.resize(decoded, todo.size, method="bilinear") * factor

    batches = (
        tf.data.Dataset.from_tensor_slices([str(path) for path in todo.files])
        .map(picture, num_parallel_calls=tf.data.AUTOTUNE)
        .batch(BATCH)
        .prefetch(tf.data.AUTOTUNE)
    )
    answers = []
    for batch in batches:
        (output,) = signature(**{name: batch}).values()
        answers.append(output.numpy())
        stopwatch.predicted()
    todo.write(np.concatenate(answers))
    stopwatch.done()


if __name__ == "__main__":
    main()
