"""Saves networks in the forms in which owners have them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import flatbuffers
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def keras_file(network: Any, folder: Path) -> Path:  # noqa: ANN401  a Keras model
    """`model.save("x.keras")`."""
    network.save(folder / "model.keras")
    return folder / "model.keras"


def h5_file(network: Any, folder: Path) -> Path:  # noqa: ANN401  a Keras model
    """`model.save("x.h5")`, the older format."""
    network.save(folder / "model.h5")
    return folder / "model.h5"


def exported(network: Any, folder: Path) -> Path:  # noqa: ANN401  a Keras model
    """`model.export(FOLDER)`."""
    network.export(folder / "model", verbose=False)
    return folder / "model"


def saved_with_training(network: Any, folder: Path) -> Path:  # noqa: ANN401  a Keras model
    """A SavedModel as Keras 2 wrote it: a function that trains and its variables beside serving."""

    class Trained(tf.Module):  # type: ignore[misc]  # TensorFlow publishes no types
        def __init__(self) -> None:
            super().__init__()
            self.network = [variable.value for variable in network.variables]
            self.steps = tf.Variable(0, dtype=tf.int64)

    shape, dtype = network.inputs[0].shape, network.inputs[0].dtype
    module = Trained()

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype), tf.TensorSpec((), tf.float32)])  # type: ignore[untyped-decorator]
    def train(pictures: Any, rate: Any) -> Any:  # noqa: ANN401  tensors
        answer = network(pictures + tf.random.uniform(tf.shape(pictures)), training=True)
        module.steps.assign_add(1)
        return tf.where(answer >= rate, answer, 0.0)

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name="input_1")])  # type: ignore[untyped-decorator]
    def serve(pictures: Any) -> Any:  # noqa: ANN401  tensors
        return {"dense": network(pictures, training=False)}

    module.train = train
    tf.saved_model.save(module, str(folder / "model"), signatures={"serving_default": serve})
    return folder / "model"


def changed_litert_file(path: Path, change: Callable[[Any], None]) -> bytes:
    """A .tflite after a change of its parts, which have the names of LiteRT's schema."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes()))
    change(model)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def litert_file(network: Any, folder: Path, **settings: Any) -> Path:  # noqa: ANN401  untyped
    """A .tflite by TensorFlow's converter; `settings` are those of the converter."""
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.target_spec.supported_types = settings.pop("supported_types", [])
    for name, value in settings.items():
        setattr(converter, name, value)
    with warnings.catch_warnings():  # about ranges that it gets from the calibration
        warnings.simplefilter("ignore")
        (folder / "model.tflite").write_bytes(converter.convert())
    return folder / "model.tflite"
