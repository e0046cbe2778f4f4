"""Opens models in LiteRT's format (.tflite)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.schema_py_generated import Model

from packing import tflite_metadata
from packing.choice import one
from packing.errors import PackError
from packing.original import PICTURES, Original
from workload.engines import litert_operators, tensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    Tensors = dict[str, dict[str, Any]]

IDENTIFIER: Final = b"TFL3"
_SERVING: Final = "serving_default"
_PASSING: Final = frozenset({"RESHAPE", "SQUEEZE", "QUANTIZE", "DEQUANTIZE", "CAST"})


def open_litert(
    file: Path, *, signature: str | None, input_name: str | None, output_name: str | None
) -> Original:
    """Opens a .tflite file; raises PackError."""
    content = file.read_bytes()
    try:
        model = Model.GetRootAs(content)
        interpreter = Interpreter(model_content=content, num_threads=1)
        signatures = interpreter.get_signature_list()
        metadata = _metadata(model, content)
    except Exception as error:
        raise PackError(
            f"{file}: LiteRT can't load this model ({type(error).__name__}: {error}). Convert it"
            " again from its TensorFlow model, or pack that model with --engine litert"
        ) from error
    chosen = _signature(signatures, signature)
    inputs, outputs = _tensors(interpreter, chosen)
    input_key = one(
        {k: t for k, t in inputs.items() if len(t["shape"]) == PICTURES or input_name},
        input_name,
        "input for pictures",
        "--input-name",
    )
    output_key = one(outputs, output_name, "output", "--output-name")
    picture, answer = inputs[input_key], outputs[output_key]
    answers = answer["shape_signature"].tolist()
    return Original(
        kind="LiteRT",
        name=file.stem,
        shape=tuple(None if size < 0 else size for size in picture["shape_signature"].tolist()),
        type=np.dtype(picture["dtype"]).name,
        classes=answers[-1] if len(answers) > 1 and answers[-1] > 0 else None,
        output_operation=_output_operation(model, answer["index"]),
        run=lambda pictures: _run(content, picture, answer, pictures),
        content=content,
        signature=chosen,
        input=input_key if len(inputs) > 1 else None,
        output=output_key if len(outputs) > 1 else None,
        range=_range(picture),
        mean=metadata.mean or None,
        deviation=metadata.deviation or None,
        labels=metadata.labels,
    )


def _metadata(model: Any, content: bytes) -> tflite_metadata.Metadata:  # noqa: ANN401  untyped
    for place in range(model.MetadataLength()):
        entry = model.Metadata(place)
        if entry.Name() == tflite_metadata.NAME:
            buffer = model.Buffers(entry.Buffer()).DataAsNumpy()
            return tflite_metadata.read(content, bytes(buffer))
    return tflite_metadata.Metadata()


def _signature(signatures: Mapping[str, Any], name: str | None) -> str | None:
    """The signature to use; None for the main graph of a model without signatures."""
    if not signatures and name is None:
        return None
    usual = _SERVING if _SERVING in signatures else None
    return one(signatures, name or usual, "signature", "--signature")


def _tensors(interpreter: Any, signature: str | None) -> tuple[Tensors, Tensors]:  # noqa: ANN401
    if signature is None:
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        return {each["name"]: each for each in inputs}, {each["name"]: each for each in outputs}
    runner = interpreter.get_signature_runner(signature)
    return runner.get_input_details(), runner.get_output_details()


def _run(
    content: bytes,
    picture: dict[str, Any],
    answer: dict[str, Any],
    pictures: npt.NDArray[np.float32],
) -> npt.NDArray[np.generic]:
    """The model's answers by a new interpreter."""
    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.resize_tensor_input(picture["index"], pictures.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(picture["index"], tensors.quantized(pictures, picture))
    interpreter.invoke()
    return tensors.real(interpreter.get_tensor(answer["index"]), answer)


def _range(picture: Mapping[str, Any]) -> tuple[float, float] | None:
    """The real numbers for the lowest and the highest number of a quantized input."""
    scale, zero_point = picture["quantization"]
    if not scale or not np.issubdtype(picture["dtype"], np.integer):
        return None
    bounds = np.iinfo(picture["dtype"])
    return scale * (bounds.min - zero_point), scale * (bounds.max - zero_point)


def _output_operation(model: Any, tensor: int) -> str:  # noqa: ANN401  untyped
    """The operator that computes a tensor, without those that only pass or shape it."""
    graph = model.Subgraphs(0)
    producers = {
        operator.Outputs(place): operator
        for operator in map(graph.Operators, range(graph.OperatorsLength()))
        for place in range(operator.OutputsLength())
    }
    names, name = litert_operators.operators(model), ""
    while tensor in producers:
        operator = producers[tensor]
        name = names[operator.OpcodeIndex()]
        if name not in _PASSING:
            break
        tensor = operator.Inputs(0)
    return name
