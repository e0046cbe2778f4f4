"""Models that differ from an ordinary network in one thing each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from bench.models import forms, networks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Maker = Callable[[Any, Path], Path]


def transfer_learning() -> keras.Model:
    """The layout of Keras' guide: augmentation, preprocessing, base, dropout, own head.

    https://keras.io/guides/transfer_learning/
    """
    keras.utils.set_random_seed(networks.SEED)
    base = keras.applications.MobileNetV2(
        input_shape=(160, 160, 3), include_top=False, weights=None
    )
    picture = keras.Input((160, 160, 3))
    x = layers.RandomFlip("horizontal")(picture)
    x = layers.RandomRotation(0.1)(x)
    x = layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    x = layers.Dropout(0.2)(x)
    return networks.spread(keras.Model(picture, layers.Dense(2, activation="softmax")(x)))


_FUNCTIONS: Final = (
    "elu",
    "selu",
    "softplus",
    "softsign",
    "gelu",
    "silu",
    "hard_silu",
    "leaky_relu",
    "log_softmax",
    "mish",
    "tanh",
)


def activations() -> list[Any]:
    """Every usual activation, one after the other."""
    return [layers.Activation(name) for name in _FUNCTIONS]


def normalisations() -> list[Any]:
    """Normalisations and the activation with weights."""
    return [layers.PReLU(), layers.GroupNormalization(4), layers.LayerNormalization()]


def dilated() -> list[Any]:
    """Convolutions with holes, and backwards."""
    return [
        layers.Conv2D(8, 3, dilation_rate=2, padding="same"),
        layers.Conv2DTranspose(8, 3, strides=2, padding="same"),
    ]


def resized() -> list[Any]:
    """Layers that change height and width."""
    return [
        layers.UpSampling2D(interpolation="bilinear"),
        layers.Cropping2D(2),
        layers.ZeroPadding2D(1),
        layers.AveragePooling2D(2),
        layers.MaxPooling2D(2),
        layers.Resizing(24, 24),
    ]


def separable() -> list[Any]:
    """Convolutions in two steps, and for each channel alone."""
    return [layers.SeparableConv2D(8, 3), layers.DepthwiseConv2D(3)]


LAYERS: Final = {
    "11 activations": activations,
    "PReLU, group and layer normalisation": normalisations,
    "dilated and transposed convolutions": dilated,
    "resizing, cropping, padding, pooling": resized,
    "separable and depthwise convolutions": separable,
}
"""Layers between two convolutions, each a row of the table."""


def mixed_precision() -> keras.Model:
    """Computes in float16, with weights in float32."""
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        network = networks.small()
        picture = network.inputs[0]
        answer = layers.Activation("linear", dtype="float32")(network.outputs[0])
        return keras.Model(picture, answer)
    finally:
        keras.mixed_precision.set_global_policy("float32")


def float16_input() -> keras.Model:
    """Takes float16."""
    inner = networks.small()
    picture = keras.Input((64, 64, 3), dtype="float16")
    return keras.Model(picture, inner(layers.Lambda(lambda x: tf.cast(x, tf.float32))(picture)))


def uint8_input() -> keras.Model:
    """Takes pixel values as they are, and preprocesses in the graph."""
    inner = networks.small()
    picture = keras.Input((64, 64, 3), dtype="uint8")
    scaled = layers.Lambda(lambda x: tf.cast(x, tf.float32) / 127.5 - 1)(picture)
    return keras.Model(picture, inner(scaled))


def channels_first(network: Any, folder: Path) -> Path:  # noqa: ANN401  a Keras model
    """Takes [N, 3, height, width]."""
    return _saved(
        network,
        folder,
        lambda x: {"scores": network(tf.transpose(x, (0, 2, 3, 1)))},
        (None, 3, 64, 64),
    )


def two_outputs(network: Any, folder: Path) -> Path:  # noqa: ANN401  a Keras model
    """Answers scores, and features too."""
    features = keras.Model(network.inputs, network.layers[-2].output)
    return _saved(network, folder, lambda x: {"features": features(x), "scores": network(x)})


def training_flag(network: Any, folder: Path) -> Path:  # noqa: ANN401  a Keras model
    """Takes a second input that says whether to train."""
    module = tf.Module()
    module.variables_ = [variable.value for variable in network.variables]
    flag = tf.TensorSpec((), tf.bool, name="training")
    specs = [tf.TensorSpec((None, 64, 64, 3), name="images"), flag]
    module.serve = tf.function(
        lambda images, training: {
            "scores": tf.cond(
                training, lambda: tf.nn.dropout(network(images), 0.5), lambda: network(images)
            )
        },
        input_signature=specs,
    )
    tf.saved_model.save(module, str(folder / "model"), signatures=module.serve)
    return folder / "model"


def _saved(network: Any, folder: Path, function: Any, shape: Any = (None, 64, 64, 3)) -> Path:  # noqa: ANN401
    module = tf.Module()
    module.variables_ = [variable.value for variable in network.variables]
    module.serve = tf.function(function, input_signature=[tf.TensorSpec(shape, name="images")])
    tf.saved_model.save(module, str(folder / "model"), signatures=module.serve)
    return folder / "model"


def _calibration() -> Iterator[list[Any]]:
    rng = np.random.default_rng(networks.SEED)
    for _ in range(8):
        coarse = rng.uniform(-1, 1, (1, 6, 6, 3)).astype(np.float32)
        yield [tf.image.resize(coarse, (64, 64), "bicubic").numpy()]


def converted() -> Iterator[tuple[str, Maker, tuple[str, ...]]]:
    """Models in LiteRT's format by TensorFlow's converter."""
    default: dict[str, Any] = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    whole = default | {"representative_dataset": _calibration}
    ranges = ("--range", "-1", "1")
    yield "float32", forms.litert_file, ranges
    half = default | {"supported_types": [tf.float16]}
    yield "float16", partial(forms.litert_file, **half), ranges
    yield "dynamic range", partial(forms.litert_file, **default), ranges
    yield "int8, float32 input", partial(forms.litert_file, **whole), ranges
    for name in ("uint8", "int8"):
        types = dict.fromkeys(("inference_input_type", "inference_output_type"), getattr(tf, name))
        yield f"{name} input and output", partial(forms.litert_file, **whole, **types), ()


def without_signature(network: Any, folder: Path) -> Path:  # noqa: ANN401  a Keras model
    """A .tflite as older converters wrote it: one graph, and no signature for its tensors."""

    def change(model: Any) -> None:  # noqa: ANN401  a ModelT, which has no type
        model.signatureDefs = []

    path = forms.litert_file(network, folder)
    path.write_bytes(forms.changed_litert_file(path, change))
    return path
