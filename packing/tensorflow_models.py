"""Opens TensorFlow models: SavedModels of TensorFlow 1 and 2, and Keras files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from packing.choice import one
from packing.errors import PackError
from packing.inference_graph import InferenceGraph
from packing.original import PICTURES, Original
from workload.engines import tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Named = Mapping[str, Any]
    """Symbolic tensors by name."""

# Warnings about TensorFlow 1 and about what was not saved hide the errors of this command.
tf.get_logger().setLevel("ERROR")

_USUAL: Final = ("serving_default", "default", "image_classification")
"""Names of signatures, the most usual first; the second and third are those of TF-Hub's modules."""
_HUB: Final = "default"
"""The main output of a module of TF-Hub; others are features for other tasks.
https://www.tensorflow.org/hub/common_signatures/images"""
_SERVING: Final = "serve"
"""The tag of a graph for inference. TF-Hub's modules of TensorFlow 1 have none."""

_OWN_CALL: Final = "__call__"


def open_saved_model(
    folder: Path, *, signature: str | None, input_name: str | None, output_name: str | None
) -> Original:
    """Opens a SavedModel; raises PackError."""
    try:
        loaded = tf.saved_model.load(str(folder), tags=_tags(folder))
    except Exception as error:
        raise PackError(
            f"{folder}: TensorFlow {tf.__version__} can't load this SavedModel ({_text(error)})."
            " Load and save it again with the version that made it, then pack the new one"
        ) from error
    function = _function(loaded, signature)
    inputs, outputs = _inputs(function), _outputs(function)
    picture = _picture(inputs, input_name)
    main = _HUB if _HUB in outputs else None
    key = one(outputs, output_name or main, "output", "--output-name")
    answer, place = outputs[key], list(outputs).index(key)

    def run(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.generic]:
        converted = tensors.converted(pictures, picture.dtype.as_numpy_dtype)
        given = {
            name: tf.constant(converted) if each is picture else tf.constant(False)  # noqa: FBT003
            for name, each in inputs.items()
            if each is picture or each.op.type == "Placeholder"
        }
        found: npt.NDArray[np.generic] = tf.nest.flatten(function(**given))[place].numpy()
        return found

    return _original(
        loaded,
        function,
        picture,
        answer,
        run,
        kind="SavedModel",
        name=folder.name,
        chosen_output=key if len(outputs) > 1 else "",
    )


def open_keras(file: Path) -> Original:
    """Opens a .keras or .h5 file; raises PackError."""
    import keras  # noqa: PLC0415  a second; other formats do not need it

    try:
        # Safe mode stays on: a file with code in it is an error, not a program to run.
        model = keras.models.load_model(file, compile=False)
    except Exception as error:
        raise PackError(
            f"{file}: Keras {keras.__version__} can't load this model ({_text(error)}). If it has"
            " layers of your own, or was saved by another version: load it in the program that made"
            " it, write model.export(FOLDER), then pack the folder"
        ) from error
    return _of_keras(model, file.stem)


def _of_keras(model: Any, file: str) -> Original:  # noqa: ANN401  a Keras model
    """A Keras model in memory, traced as at inference; raises PackError."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise PackError(
            f"{file}: the model has {len(model.inputs)} inputs and {len(model.outputs)} outputs,"
            " expected one of each. Make a model of the two that count, with the same weights:"
            " keras.Model(model.inputs[0], model.outputs[0]).save('one.keras'), and pack that"
        )
    spec = tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype, name="pictures")
    serve = tf.function(lambda pictures: model(pictures, training=False))
    function = serve.get_concrete_function(spec)
    # A functional model may return its output in a list or under a name.
    (answer,) = function.outputs

    def run(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.generic]:
        converted = tensors.converted(pictures, spec.dtype.as_numpy_dtype)
        found: npt.NDArray[np.generic] = tf.nest.flatten(model(converted, training=False))[
            0
        ].numpy()
        return found

    return _original(
        model,
        function,
        function.inputs[0],
        answer,
        run,
        kind="Keras",
        name=file,
        keras_name=model.name,
    )


def _original(
    owner: Any,  # noqa: ANN401  what must live as long as the function: it owns the variables
    function: Any,  # noqa: ANN401  a concrete function
    picture: Any,  # noqa: ANN401  a symbolic tensor
    answer: Any,  # noqa: ANN401  a symbolic tensor
    run: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.generic]],
    **known: Any,  # noqa: ANN401  further fields of an Original
) -> Original:
    graph = InferenceGraph(function, picture, answer)
    shape = answer.shape.as_list() if answer.shape.rank is not None else []
    return Original(
        shape=tuple(graph.shape.as_list()),
        type=graph.dtype.name,
        classes=shape[-1] if len(shape) > 1 else 1 if shape else None,
        output_operation=graph.output_operation(),
        first_constants=graph.first_constants(),
        run=run,
        graph=graph,
        owner=owner,
        **known,
    )


def _tags(folder: Path) -> list[str] | None:
    """The tags of the graph for inference; None leaves the choice to TensorFlow."""
    content = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    tags = [list(graph.meta_info_def.tags) for graph in content.meta_graphs]
    if len(tags) == 1:
        return None
    for wanted in ([_SERVING], []):
        if wanted in tags:
            return wanted
    raise PackError(
        f"{folder}: got graphs with the tags {tags}, expected one with the tag {_SERVING!r} or"
        " without tags. Save the model's graph for inference alone"
    )


def _function(loaded: Any, signature: str | None) -> Any:  # noqa: ANN401  untyped
    signatures = loaded.signatures
    if signatures or signature:
        usual = next((each for each in _USUAL if each in signatures), None)
        if len(signatures) == 1:
            usual = next(iter(signatures))
        return signatures[one(signatures, signature or usual, "signature", "--signature")]
    # A TF-Hub module for Keras has no signature but is a function itself.
    functions = getattr(getattr(loaded, _OWN_CALL, None), "concrete_functions", ())
    for function in functions:
        # Arguments besides tensors are those it was traced with: take the one that does not train.
        if True not in tf.nest.flatten(function.structured_input_signature):
            return function
    raise PackError(
        "got a SavedModel without a signature, expected one from pictures to scores. Save it with"
        " model.export(FOLDER), or tf.saved_model.save(module, FOLDER, signatures=FUNCTION)"
    )


def _inputs(function: Any) -> dict[str, Any]:  # noqa: ANN401  a concrete function
    """The inputs by name, without captured variables."""
    captured = {id(inside) for _, inside in function.graph.captures}
    own = [each for each in function.inputs if id(each) not in captured]
    names = getattr(function, "_arg_keywords", None) or [each.op.name for each in own]
    return dict(zip(names, own, strict=False))


def _outputs(function: Any) -> dict[str, Any]:  # noqa: ANN401  a concrete function
    """The outputs by name, in their order; a single one without a name is called `output`."""
    structure = function.structured_outputs
    if isinstance(structure, dict):
        return dict(zip(sorted(structure), function.outputs, strict=True))
    if len(function.outputs) == 1:
        return {"output": function.outputs[0]}
    return {f"output_{place}": each for place, each in enumerate(function.outputs)}


def _picture(inputs: Named, name: str | None) -> Any:  # noqa: ANN401  a symbolic tensor
    """The input for pictures: the one of that name, or the only one with four dimensions."""
    pictures = {
        key: each for key, each in inputs.items() if name or each.shape.rank in (PICTURES, None)
    }
    if not pictures:
        got = ", ".join(f"{key} {each.dtype.name} {each.shape}" for key, each in inputs.items())
        raise PackError(
            f"got the inputs {got}, expected a batch of pictures: four dimensions. If the model"
            " takes encoded files, save its part from pixels on"
        )
    return pictures[one(pictures, name, "input", "--input-name")]


def _text(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
