"""Writes a network as TF-Hub published its modules of TensorFlow 1.

One graph without tags, signature `default` with features as further outputs, variables of the
kind that TensorFlow 2 no longer makes, and an archive with the graph at its root.
https://www.tensorflow.org/hub/tf1_hub_module
"""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

if TYPE_CHECKING:
    from pathlib import Path

v1 = tf.compat.v1


def archive(network: Any, folder: Path) -> Path:  # noqa: ANN401  a Keras model
    """An archive of a network of plain layers in a row, such as MobileNet."""
    weights = {layer.name: layer.get_weights() for layer in network.layers}
    with tf.Graph().as_default(), v1.Session() as session:
        pictures = v1.placeholder(tf.float32, network.input_shape, name="hub_input/images")
        values = pictures
        for layer in network.layers:
            values = _applied(layer, weights[layer.name], values)
        session.run(v1.global_variables_initializer())
        info = v1.saved_model.utils.build_tensor_info
        signature = v1.saved_model.signature_def_utils.build_signature_def(
            {"images": info(pictures)},
            {"default": info(values), "MobilenetV1/Predictions": info(tf.nn.softmax(values))},
        )
        builder = v1.saved_model.Builder(str(folder / "hub"))
        builder.add_meta_graph_and_variables(session, [], {"default": signature})
        builder.save()
    packed = folder / "mobilenet_v1_100_128_classification_5.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(folder / "hub", arcname=".")
    return packed


def _applied(layer: Any, values: list[Any], x: Any) -> Any:  # noqa: ANN401, PLR0911  a layer, tensors; a table
    """The layer's operations on variables with its weights."""
    weights = [
        v1.get_variable(f"{layer.name}/{place}", initializer=each, use_resource=False)
        for place, each in enumerate(values)
    ]
    match layer:
        case keras.layers.ZeroPadding2D(padding=(rows, columns)):
            return tf.pad(x, [(0, 0), rows, columns, (0, 0)])
        case keras.layers.DepthwiseConv2D(strides=strides, padding=padding):
            return tf.nn.depthwise_conv2d(x, weights[0], (1, *strides, 1), padding.upper())
        case keras.layers.Conv2D(strides=strides, padding=padding):
            x = tf.nn.conv2d(x, weights[0], strides, padding.upper())
            return tf.nn.bias_add(x, weights[1]) if layer.use_bias else x
        case keras.layers.BatchNormalization(epsilon=epsilon):
            gamma, beta, mean, variance = weights
            answer, _, _ = v1.nn.fused_batch_norm(
                x, gamma, beta, mean, variance, epsilon, is_training=False
            )
            return answer
        case keras.layers.ReLU():
            return tf.nn.relu6(x)
        case keras.layers.GlobalAveragePooling2D():
            return tf.reduce_mean(x, (1, 2), keepdims=True)
        case keras.layers.Reshape(target_shape=shape):
            return tf.reshape(x, (-1, *shape))
        case keras.layers.InputLayer() | keras.layers.Dropout():
            return x
        case keras.layers.Activation(activation=keras.activations.linear):
            return x
        case _:
            raise NotImplementedError(f"{type(layer).__name__} in a hub module")
