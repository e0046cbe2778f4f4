"""Exports the model: a SavedModel of one signature and its variables, or a LiteRT file."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import tensorflow as tf

from packing.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from packing.facts import Quantization
    from packing.inference_graph import InferenceGraph

INPUT, OUTPUT, SIGNATURE = "pictures", "scores", "serving_default"
"""Names in the exported model, whatever they were in the owner's."""
_UNSTABLE: Final = "fingerprint.pb"
"""An optional file of a SavedModel; it differs in every export of the same model."""


def saved_model(graph: InferenceGraph, shape: tuple[int | None, ...], folder: Path) -> None:
    """Writes a SavedModel of the graph into a new folder; `shape` is that of the input."""
    # A plain tf.Module: Keras' own export would write every variable twice.
    module = tf.Module()
    module.weights = graph.variables
    module.serve = _serving(graph, shape, frozen=False)
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: module.serve})
    (folder / _UNSTABLE).unlink(missing_ok=True)


def litert(
    graph: InferenceGraph,
    shape: tuple[int | None, ...],
    quantization: Quantization,
    sample: list[npt.NDArray[np.generic]],
) -> bytes:
    """The graph as a LiteRT model with built-in operators only; raises PackError.

    `sample` holds inputs of typical pictures: int8 takes its ranges of numbers from them.
    """
    module = tf.Module()
    module.serve = _serving(graph, shape, frozen=True)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.serve.get_concrete_function()], module
    )
    if quantization != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization == "int8":

        def calibration() -> Iterator[list[npt.NDArray[np.generic]]]:
            for each in sample:
                yield [each[None]]

        converter.representative_dataset = calibration
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    try:
        # It warns about ranges that `calibration` gives, and about its own deprecated parts.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converted: bytes = converter.convert()
    except Exception as error:
        lines = [line for line in str(error).splitlines() if "tf." in line or "error:" in line]
        raise PackError(
            "--engine litert: TensorFlow can't convert this model to LiteRT's built-in operators"
            f" ({'; '.join(lines[:3])[:400] or type(error).__name__}). Pack it for TensorFlow:"
            " leave --engine out"
        ) from error
    return converted


def _serving(graph: InferenceGraph, shape: tuple[int | None, ...], *, frozen: bool) -> Any:  # noqa: ANN401
    return tf.function(
        lambda pictures: {OUTPUT: graph(pictures, frozen=frozen)},
        input_signature=[tf.TensorSpec(shape, graph.dtype, name=INPUT)],
        autograph=False,  # nothing to translate: it would trace the search through the nodes
    )
