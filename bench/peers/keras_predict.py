"""Keras: `model.predict` on `image_dataset_from_directory`, with the SavedModel as a layer.

As Keras' guides load pictures (https://keras.io/api/data_loading/image/) and a SavedModel
(https://keras.io/api/layers/backend_specific_layers/tfsm_layer/). The same exact pixels as the
workload's.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import keras

from bench.peers.program import BATCH, job
from bench.stopwatch import Stopwatch


def main() -> None:
    """One run."""
    todo, stopwatch = job(__doc__), Stopwatch()
    factor, added = todo.scaling
    saved = str(todo.model / "saved_model")
    with tempfile.TemporaryDirectory() as folder:
        for path in todo.files:
            (Path(folder) / path.name).symlink_to(path)
        layer = keras.layers.TFSMLayer(saved, call_endpoint=todo.manifest["signature"])
        stopwatch.loaded()
        pictures = keras.Input((*todo.size, 3))
        (output,) = layer(keras.layers.Rescaling(factor, added)(pictures)).values()
        model = keras.Model(pictures, output)
        dataset = keras.utils.image_dataset_from_directory(
            folder, labels=None, image_size=todo.size, batch_size=BATCH, shuffle=False
        )
        answers = model.predict(dataset, verbose=0)
        stopwatch.predicted()
        todo.write(answers)
        stopwatch.done()


if __name__ == "__main__":
    main()
