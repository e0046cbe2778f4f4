"""Models that `pack` refuses, and a part of what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from bench.models import forms, networks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Refusal = tuple[str, str, Callable[[Path], Path], tuple[str, ...], str]

_RANGE: Final = ("--range", "-1", "1", "--classes", "5")


def _saved(folder: Path, function: Any, spec: Any, **owned: Any) -> Path:  # noqa: ANN401  untyped
    module = tf.Module()
    for name, value in owned.items():
        setattr(module, name, value)
    module.serve = tf.function(function, input_signature=[spec])
    tf.saved_model.save(module, str(folder / "model"), signatures=module.serve)
    return folder / "model"


_PICTURES: Final = tf.TensorSpec((None, 64, 64, 3), name="images")


def _recurrent(folder: Path) -> Path:
    keras.utils.set_random_seed(networks.SEED)
    picture = keras.Input((64, 64, 3))
    x = layers.Reshape((64, 64 * 3))(picture)
    network = keras.Model(picture, layers.Dense(5, activation="softmax")(layers.LSTM(8)(x)))
    return forms.keras_file(network, folder)


def _table(folder: Path) -> Path:
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(np.arange(5, dtype=np.int64), np.arange(5, 10)), -1
    )

    def serve(images: Any) -> Any:  # noqa: ANN401  tensors
        scores = tf.nn.softmax(tf.reduce_mean(images, (1, 2))[:, :1] * tf.range(5.0))
        keys = table.lookup(tf.range(5, dtype=tf.int64))
        return {"scores": scores + tf.cast(keys, tf.float32)}

    return _saved(folder, serve, _PICTURES, table=table)


def _encoded(folder: Path) -> Path:
    def serve(files: Any) -> Any:  # noqa: ANN401  tensors
        pictures = tf.map_fn(
            lambda each: tf.image.resize(tf.io.decode_jpeg(each, 3), (8, 8)), files, tf.float32
        )
        return {"scores": tf.reduce_mean(pictures, (1, 2))}

    return _saved(folder, serve, tf.TensorSpec((None,), tf.string, name="files"))


def _python(folder: Path) -> Path:
    def serve(images: Any) -> Any:  # noqa: ANN401  tensors
        mean = tf.numpy_function(lambda x: x.mean((1, 2)), [images], tf.float32)
        return {"scores": tf.ensure_shape(mean, (None, 3))}

    return _saved(folder, serve, _PICTURES)


def _random(folder: Path) -> Path:
    def serve(images: Any) -> Any:  # noqa: ANN401  tensors
        return {
            "scores": tf.nn.softmax(tf.reduce_mean(images + tf.random.normal((64, 64, 3)), (1, 2)))
        }

    return _saved(folder, serve, _PICTURES)


def _file(name: str, content: bytes = b"x") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return make


ALL: Final[tuple[Refusal, ...]] = (
    ("an LSTM over rows", "model.keras", _recurrent, _RANGE, "While"),
    ("a hash table", "SavedModel", _table, _RANGE, "table"),
    ("encoded files as input", "SavedModel", _encoded, _RANGE, "four dimensions"),
    (
        "a Python function",
        "SavedModel",
        _python,
        ("--range", "0", "1", "--classes", "3", "--scores", "raw"),
        "PyFunc",
    ),
    (
        "random numbers",
        "SavedModel",
        _random,
        ("--range", "0", "1", "--classes", "3"),
        "RandomStandardNormal",
    ),
    ("an ONNX model", ".onnx", _file("model.onnx"), _RANGE, "onnx2tf"),
    ("a PyTorch model", ".pt", _file("model.pt"), _RANGE, "litert-torch"),
    ("an ExecuTorch program", ".pte", _file("model.pte"), _RANGE, "ExecuTorch"),
    (
        "no range",
        "model.keras",
        lambda folder: forms.keras_file(networks.small(), folder),
        ("--classes", "5"),
        "range: got no sign of it",
    ),
    (
        "too few labels",
        "model.keras",
        lambda folder: forms.keras_file(networks.small(), folder),
        ("--range", "0", "1", "--classes", "4"),
        "expected 5",
    ),
)
