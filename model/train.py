"""Trains the network: from picture files to a packed archive.

Preprocesses pictures like the workload: decodes the encoded file with TensorFlow and resizes as the
manifest declares.
"""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from model.draw import CLASSES, SEED, Key, PictureSet, sample
from model.pack import RANGE, SIDE, pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ALPHA = 0.25
"""Share of MobileNetV1's channels in this network."""
PER_CLASS = {PictureSet.TRAINING: 800, PictureSet.HELD_BACK: 100}
_STAGES = ((SIDE // 2, 12), (SIDE, 6))
"""Side of the pictures in pixels, epochs: the first epochs cost a quarter on small pictures."""
_BATCH = 64
_PEAK_RATE = 3e-3


def draw_set(purpose: PictureSet) -> tuple[list[bytes], list[int]]:
    """The files of a picture set and the class of each, drawn on all cores."""
    keys = [
        Key(purpose, label, number) for number in range(PER_CLASS[purpose]) for label in CLASSES
    ]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        files = list(pool.map(sample, keys, chunksize=32))
    return files, [CLASSES.index(key.label) for key in keys]


def decode_pixels(file: bytes) -> tf.Tensor:
    """Decodes and resizes a picture file like the workload: float32 [128, 128, 3], 0 to 255."""
    decoded = tf.io.decode_image(file, channels=3, expand_animations=False)
    return tf.image.resize(decoded, (SIDE, SIDE), method="bilinear", antialias=False)


def scale_pixels(values: tf.Tensor) -> tf.Tensor:
    """Scales pixels to the range that the manifest declares."""
    low, high = RANGE
    return low + values * ((high - low) / 255)


def _augment(batch: tf.Tensor, labels: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Mirrors the batch and changes its light at random, so that fewer drawings suffice."""
    batch = tf.image.random_flip_left_right(tf.cast(batch, tf.float32))
    batch = tf.image.random_flip_up_down(batch)
    each = (tf.shape(batch)[0], 1, 1, 1)
    batch = batch * tf.random.uniform(each, 0.85, 1.15) + tf.random.uniform(each, -12, 12)
    batch = tf.nn.avg_pool2d(tf.clip_by_value(batch, 0, 255), SIDE // side, SIDE // side, "VALID")
    return scale_pixels(batch), labels


def _mobilenet(side: int) -> keras.Model:
    """A MobileNetV1 with random weights; their shapes are the same for every input size."""
    network = keras.applications.MobileNet(
        input_shape=(side, side, 3), alpha=ALPHA, weights=None, classes=len(CLASSES)
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # With Keras' default of 0.99 the averages lag behind in so short a training; then
            # inference, which uses them, gives the same answer for every picture.
            layer.momentum = 0.9
    return network


def train_network(files: Sequence[bytes], labels: Sequence[int]) -> keras.Model:
    """Trains a MobileNetV1 on the files, from random weights."""
    keras.utils.set_random_seed(SEED)
    pictures: NDArray[np.uint8] = np.stack(
        [np.rint(decode_pixels(file)).astype(np.uint8) for file in files]
    )
    network = _mobilenet(_STAGES[0][0])
    for side, epochs in _STAGES:
        weights = network.get_weights()
        network = _mobilenet(side)
        network.set_weights(weights)
        _train_stage(network, pictures, np.array(labels), epochs)
    return network


def _train_stage(
    network: keras.Model, pictures: NDArray[np.uint8], labels: NDArray[np.int_], epochs: int
) -> None:
    """Trains one stage with Adam: the rate rises for 5 % of the steps, then falls to zero."""
    side = network.input_shape[1]
    batches = (
        tf.data.Dataset.from_tensor_slices((pictures, labels))
        .shuffle(len(pictures))
        .batch(_BATCH)
        .map(partial(_augment, side=side), num_parallel_calls=1)
        .prefetch(2)
    )
    steps = epochs * len(batches)
    rate = keras.optimizers.schedules.CosineDecay(
        _PEAK_RATE / 10, steps, warmup_target=_PEAK_RATE, warmup_steps=steps // 20
    )
    network.compile(
        keras.optimizers.Adam(rate),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # Keras would choose XLA: three times slower on this network
    )
    network.fit(batches, epochs=epochs, shuffle=False, verbose=2)


def export(network: keras.Model) -> bytes:
    """Exports the network to an archive: one signature, no optimizer, no training graph."""

    def probabilities(pictures: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": network(pictures, training=False)}

    shape = tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="pictures")
    # A plain tf.Module: Keras' own export would write every variable twice.
    bare = tf.Module()
    bare.weights = [variable.value for variable in network.variables]
    bare.serve = tf.function(probabilities, input_signature=[shape])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(bare, folder, signatures={"serving_default": bare.serve})
        # This optional file differs in every export.
        Path(folder, "fingerprint.pb").unlink()
        return pack(Path(folder))
