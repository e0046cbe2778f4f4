"""Keras networks with random weights that tell pictures apart.

Random weights usually collapse: deep in the network all pictures look alike, and then any
comparison of two engines agrees. `spread` prevents that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from packing import presets, sample
from workload.manifest import Input

if TYPE_CHECKING:
    from collections.abc import Callable

SEED: Final = 20261126
CLASSES: Final = 1000
_LOGITS: Final = 2.0
"""Standard deviation of the logits over pictures, after `spread`."""


def application(name: str, **arguments: Any) -> keras.Model:  # noqa: ANN401  whatever Keras takes
    """A network of keras.applications."""
    keras.utils.set_random_seed(SEED)
    return spread(getattr(keras.applications, name)(weights=None, **arguments))


def spread(network: keras.Model) -> keras.Model:
    """Sets the statistics and the last layer by a few random pictures, in place."""
    pictures = _pictures(network)
    normalised = [each for each in _flat(network) if isinstance(each, layers.BatchNormalization)]
    for layer in _flat(network):
        if isinstance(layer, (layers.Conv2D, layers.Dense)):
            # Keras' initial weights suit saturating activations: with ReLU signals fade away.
            layer.kernel.assign(layer.kernel.numpy() * np.float32(2**0.5))
    for layer in normalised:
        layer.momentum = 0.0
    network(pictures, training=True)
    for layer in normalised:
        layer.momentum = 0.99
    last = [each for each in _flat(network) if isinstance(each, (layers.Conv2D, layers.Dense))][-1]
    features = keras.Model(network.inputs, last.input)(pictures, training=False).numpy()
    kernel = last.kernel.numpy()
    logits = features.reshape(-1, kernel.shape[-2]) @ kernel.reshape(kernel.shape[-2:])
    scale = _LOGITS / max(float(logits.std(axis=0).mean()), 1e-6)
    last.kernel.assign(kernel * scale)
    if last.use_bias:
        last.bias.assign(-logits.mean(axis=0) * scale)
    return network


def _flat(network: keras.Model) -> list[Any]:
    """All layers, those of inner models too."""
    found = []
    for layer in network.layers:
        found += _flat(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def _pictures(network: keras.Model) -> Any:  # noqa: ANN401  a tensor
    """The pictures that `pack` draws, as the network's preset or its first layer expects them.

    Other numbers than these would drive a deep network far out of its range.
    """
    _, height, width, depth = network.input_shape
    preset = presets.PRESETS.get(presets.named(network.name) or "", {})
    rescales = any(isinstance(each, layers.Rescaling) for each in _flat(network))
    low, high = preset.get("range", (0.0, 255.0) if rescales else (-1.0, 1.0))
    model_input = Input(
        width=width or 224,
        height=height or 224,
        channels=preset.get("channels", "grey" if depth == 1 else "RGB"),
        low=low,
        high=high,
        mean=tuple(preset["mean"]) if "mean" in preset else None,
        deviation=tuple(preset["deviation"]) if "deviation" in preset else None,
        resize=preset.get("resize", "bilinear"),
    )
    pictures = np.stack([each.pixels for each in sample.drawn(model_input)])
    return tf.cast(pictures, network.inputs[0].dtype)


def small(
    inputs: Any = (64, 64, 3),  # noqa: ANN401  a shape
    *,
    classes: int = 5,
    activation: str | None = "softmax",
    between: Callable[[], list[Any]] = list,
    **arguments: Any,  # noqa: ANN401  of the input
) -> keras.Model:
    """A small network: two convolutions, layers `between` them, and a dense layer."""
    keras.utils.set_random_seed(SEED)
    picture = keras.Input(inputs, **arguments)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(picture)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    for layer in between():
        x = layer(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return spread(
        keras.Model(picture, layers.Dense(classes, activation=activation)(x), name="small")
    )


def vision_transformer(
    side: int, *, blocks: int, width: int, heads: int, patch: int
) -> keras.Model:
    """A ViT (Dosovitskiy et al., 2021): patches, a class token, blocks before normalisation."""
    keras.utils.set_random_seed(SEED)
    picture = keras.Input((side, side, 3))
    x = layers.Conv2D(width, patch, strides=patch)(picture)
    count = (side // patch) ** 2
    x = layers.Reshape((count, width))(x)
    x = _ClassTokenAndPositions(count, width)(x)
    for _ in range(blocks):
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(heads, width // heads)(y, y)])
        y = layers.LayerNormalization(epsilon=1e-6)(x)
        y = layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(y))
        x = layers.Add()([x, y])
    x = layers.LayerNormalization(epsilon=1e-6)(x)[:, 0]
    return spread(keras.Model(picture, layers.Dense(CLASSES)(x), name="vit"))


class _ClassTokenAndPositions(layers.Layer):  # type: ignore[misc]  # Keras publishes no types
    """Puts a learned token before the patches, and adds learned positions."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__(name="class_token_and_positions")
        self.token = self.add_weight((1, 1, width), "random_normal", name="token")
        self.positions = self.add_weight((1, count + 1, width), "random_normal", name="positions")

    def call(self, patches: Any) -> Any:  # noqa: ANN401  tensors
        """The tokens of a batch."""
        token = keras.ops.repeat(self.token, keras.ops.shape(patches)[0], axis=0)
        return keras.ops.concatenate([token, patches], axis=1) + self.positions
