"""Which operations a SavedModel may hold; forbidden ones are refused before they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from model.pack import unpack
from rehearsal.repository import REPOSITORY
from workload.engines import selection, tensorflow_operations
from workload.errors import WorkloadError
from workload.manifest import Input, Manifest, Output

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODEL = REPOSITORY / "model"
SIDE = 4
MANIFEST = Manifest(
    format="tensorflow-saved-model",
    signature="serving_default",
    input=Input(width=SIDE, height=SIDE, channels="RGB", low=0, high=1, resize="bilinear"),
    output=Output(scores="probabilities"),
    top_k=1,
    classes=("red", "green", "blue"),
)
SIGNATURE = [tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="picture")]


def colours(picture: Any) -> Any:
    """The share of each colour."""
    return tf.nn.softmax(tf.reduce_mean(picture, axis=(1, 2)))


def saved(unpacked: Path, function: Callable[[Any], Any], **parts: object) -> Path:
    """An unpacked archive's folder, whose model's signature is this function."""
    module = tf.Module()
    module.scale = tf.Variable(4.0)
    module.parts = list(parts.values())
    module.call = tf.function(
        lambda picture: {"answer": function(picture) * module.scale / module.scale},
        input_signature=SIGNATURE,
    )
    folder = str(unpacked / "saved_model")
    tf.saved_model.save(module, folder, signatures={"serving_default": module.call})
    return unpacked


@pytest.fixture(scope="session")
def allowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with allowed operations only."""
    return saved(tmp_path_factory.mktemp("honest"), colours)


def forbidden(meta_graph: Any) -> set[str]:
    """The names of the operations that are not allowed."""
    return {each.operation for each in tensorflow_operations.forbidden(meta_graph)}


def graph(unpacked: Path) -> Any:
    """The model's MetaGraphDef."""
    content = (unpacked / "saved_model/saved_model.pb").read_bytes()
    (meta_graph,) = SavedModel.FromString(content).meta_graphs
    return meta_graph


def function_named(meta_graph: Any, part: str) -> Any:
    """The one function with this in its name."""
    functions = meta_graph.graph_def.library.function
    (function,) = (each for each in functions if part in each.signature.name)
    return function


def writing(path: Path) -> Callable[[Any], Any]:
    """A function that writes a file at each call."""

    def call(picture: Any) -> Any:
        with tf.control_dependencies([tf.io.write_file(str(path), "got you")]):
            return tf.identity(colours(picture))

    return call


def nested(path: Path) -> Callable[[Any], Any]:
    """The same, in a function of its own."""
    return tf.function(writing(path), input_signature=SIGNATURE)  # type: ignore[no-any-return]  # untyped


def branching(path: Path) -> Callable[[Any], Any]:
    """The same, in one branch."""
    return lambda picture: tf.cond(
        tf.reduce_sum(picture) > 1e9, lambda: writing(path)(picture), lambda: colours(picture)
    )


def looping(path: Path) -> Callable[[Any], Any]:
    """The same, in the body of a loop."""

    def call(picture: Any) -> Any:
        step = lambda i, answer: (i + 1, writing(path)(picture) + 0 * answer)  # noqa: E731
        return tf.while_loop(lambda i, _: i < 1, step, (0, colours(picture)))[1]

    return call


def calling_back(path: Path) -> Callable[[Any], Any]:
    """A call of a Python function in the process that loads the model."""

    def call(picture: Any) -> Any:
        wrote = tf.numpy_function(lambda: path.write_text("got you"), [], tf.int64)
        return colours(picture) + 0 * tf.cast(wrote, tf.float32)

    return call


def reading(_: Path) -> Callable[[Any], Any]:
    """A function that reads a file and lets the answer depend on it."""

    def call(picture: Any) -> Any:
        size = tf.strings.length(tf.io.read_file("/etc/passwd"))
        return colours(picture) + 0 * tf.cast(size, tf.float32)

    return call


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (writing, "WriteFile"),
        (reading, "ReadFile"),
        (calling_back, "PyFunc"),
        (nested, "WriteFile"),
        (branching, "WriteFile"),
        (looping, "WriteFile"),
    ],
)
def test_a_model_that_accesses_files_is_refused_before_it_runs(
    function: Callable[[Path], Callable[[Any], Any]], kind: str, tmp_path: Path
) -> None:
    """In the signature's function, or in one that only an attribute names."""
    mark = tmp_path / "mark"
    unpacked = saved(tmp_path, function(mark))
    assert kind in forbidden(graph(unpacked))
    with pytest.raises(WorkloadError, match=r"^model_operation_forbidden: "):
        selection.load(unpacked, MANIFEST)
    assert not mark.exists()


class Initialised(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]  # untyped
    """A resource whose initialiser writes a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = str(path)

    def _create_resource(self) -> Any:
        return tf.raw_ops.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

    def _initialize(self) -> None:
        tf.io.write_file(self.path, "got you")


def test_an_initialiser_is_refused_before_it_runs(tmp_path: Path) -> None:
    """TensorFlow runs initialisers while it loads: here nothing is loaded."""
    mark = tmp_path / "mark"
    unpacked = saved(tmp_path, colours, resource=Initialised(mark))
    with pytest.raises(WorkloadError, match=r"^model_operation_forbidden: "):
        selection.load(unpacked, MANIFEST)
    assert not mark.exists()
    tf.saved_model.load(str(unpacked / "saved_model"))
    assert mark.exists(), "the model of this test does no harm, so its refusal shows nothing"


def test_the_demonstration_model_is_allowed(tmp_path: Path) -> None:
    """Nothing in the committed model is refused."""
    unpack((MODEL / "model.tar.gz").read_bytes(), tmp_path)
    assert forbidden(graph(tmp_path)) == set()


def classifier() -> Any:
    """One of each kind of layer that MobileNet, EfficientNet, ResNet and DenseNet are built of."""
    picture = keras.Input((32, 32, 3))
    layers = keras.layers
    layer = layers.Normalization(mean=[0.5] * 3, variance=[0.2] * 3)(layers.Rescaling(2.0)(picture))
    layer = layers.ZeroPadding2D(1)(layers.Conv2D(8, 3, use_bias=False, name="first")(layer))
    for activation in ("relu6", "hard_silu", "silu", "relu"):
        layer = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same")(layer))
        layer = layers.Activation(activation)(layer)
        weights = layers.GlobalAveragePooling2D(keepdims=True)(layer)
        weights = layers.Conv2D(8, 1, activation="sigmoid")(weights)
        layer = layers.Add()([layers.Multiply()([layer, weights]), layer])
    layer = layers.Concatenate()([layers.MaxPooling2D()(layer), layers.AveragePooling2D(2)(layer)])
    layer = layers.Dropout(0.2)(layers.Flatten()(layers.GlobalAveragePooling2D()(layer)))
    return keras.Model(picture, layers.Dense(3, activation="softmax")(layer))


def test_an_ordinary_classifier_is_allowed(tmp_path: Path) -> None:
    """As Keras exports it, with the gradients that it leaves in the model."""
    classifier().export(str(tmp_path / "saved_model"), verbose=False)
    assert forbidden(graph(tmp_path)) == set()


def test_the_owner_learns_the_operation_and_its_node(tmp_path: Path) -> None:
    """`pack` prints it; the enclave's error has no name that a model's author chose."""
    unpacked = saved(tmp_path, writing(tmp_path / "mark"))
    (found,) = tensorflow_operations.findings(unpacked / "saved_model")
    assert found.operation == "WriteFile"
    assert f"{found}" == f"WriteFile in node {found.node} of {found.function}"
    with pytest.raises(WorkloadError) as refusal:
        tensorflow_operations.check(unpacked / "saved_model")
    assert "WriteFile" not in f"{refusal.value}"


def test_a_function_that_nothing_calls_is_checked(allowed: Path) -> None:
    """All functions are checked, not only reachable ones."""
    meta_graph = graph(allowed)
    meta_graph.graph_def.library.function.add().node_def.add(op="WriteFile")
    assert forbidden(meta_graph) == {"WriteFile"}


def test_the_graph_outside_functions_is_checked(allowed: Path) -> None:
    """Loading does not run it, but its operations are limited, too."""
    meta_graph = graph(allowed)
    meta_graph.graph_def.node.add(name="late", op="WriteFile")
    assert forbidden(meta_graph) == {"WriteFile"}


def test_an_operation_with_the_name_of_a_function_is_checked(allowed: Path) -> None:
    """A function may have the name of an operation: each use is checked by name."""
    meta_graph = graph(allowed)
    meta_graph.graph_def.library.function.add().signature.name = "WriteFile"
    function_named(meta_graph, "signature_wrapper").node_def.add(op="WriteFile")
    assert forbidden(meta_graph) == {"WriteFile"}


@pytest.mark.parametrize("part", ["traced_save", "traced_restore"])
def test_other_file_operations_of_the_saver_are_refused(part: str, allowed: Path) -> None:
    """The saver's two functions have their own list of operations."""
    meta_graph = graph(allowed)
    function_named(meta_graph, part).node_def.add(op="WriteFile")
    assert forbidden(meta_graph) == {"WriteFile"}


def test_the_savers_operations_are_refused_elsewhere(allowed: Path) -> None:
    """The signature may neither save nor restore."""
    meta_graph = graph(allowed)
    function_named(meta_graph, "signature_wrapper").node_def.add(op="SaveV2")
    assert forbidden(meta_graph) == {"SaveV2"}


def name_in_a_call(meta_graph: Any, saver: Any) -> None:
    """The signature calls the saver's function."""
    call = function_named(meta_graph, "signature_wrapper").node_def.add(op="PartitionedCall")
    call.attr["f"].func.name = saver.signature.name


def name_in_a_list(meta_graph: Any, saver: Any) -> None:
    """The signature gives it to another function, which may call it."""
    call = function_named(meta_graph, "signature_wrapper").node_def.add(op="PartitionedCall")
    call.attr["f"].func.attr["then"].list.func.add(name=saver.signature.name)


def name_in_the_graph(meta_graph: Any, saver: Any) -> None:
    """A node of the graph calls it."""
    call = meta_graph.graph_def.node.add(name="late", op="PartitionedCall")
    call.attr["f"].func.name = saver.signature.name


def name_in_an_object(meta_graph: Any, saver: Any) -> None:
    """An object has it as a method, such as the one that loading runs."""
    method = meta_graph.object_graph_def.nodes.add().bare_concrete_function
    method.concrete_function_name = saver.signature.name


def take_its_place(_: Any, saver: Any) -> None:
    """It claims to implement the same as another function; TensorFlow may then exchange them."""
    saver.attr["api_implements"].s = b"softmax"


def take_the_savers_place(meta_graph: Any, _: Any) -> None:
    """The signature's own function is said to be the saver's."""
    signature = function_named(meta_graph, "signature_wrapper")
    signature.node_def.add(op="SaveV2")
    for node in meta_graph.graph_def.node:
        if node.name == meta_graph.saver_def.restore_op_name:
            node.attr["f"].func.name = signature.signature.name


@pytest.mark.parametrize(
    "use",
    [
        name_in_a_call,
        name_in_a_list,
        name_in_the_graph,
        name_in_an_object,
        take_its_place,
        take_the_savers_place,
    ],
)
def test_a_saver_that_anything_else_names_is_refused(
    use: Callable[[Any, Any], None], allowed: Path
) -> None:
    """The saver's list applies only to functions that nothing else names."""
    meta_graph = graph(allowed)
    use(meta_graph, function_named(meta_graph, "traced_save"))
    assert "SaveV2" in forbidden(meta_graph)


def two_graphs(model: Any) -> None:
    """For a choice by tags."""
    model.meta_graphs.add().CopyFrom(model.meta_graphs[0])


def no_graph(model: Any) -> None:
    """Nothing to load."""
    del model.meta_graphs[:]


def no_objects(model: Any) -> None:
    """As TensorFlow 1 saved it."""
    model.meta_graphs[0].ClearField("object_graph_def")


@pytest.mark.parametrize("changed", [two_graphs, no_graph, no_objects])
def test_a_model_of_tensorflow_1_is_unusable(
    changed: Callable[[Any], None], allowed: Path, tmp_path: Path
) -> None:
    """Its loader would run operations that were not checked."""
    model = SavedModel.FromString((allowed / "saved_model/saved_model.pb").read_bytes())
    changed(model)
    (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        tensorflow_operations.check(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x12\x7fcut", b"no model"])
def test_a_damaged_model_is_unusable(content: bytes, tmp_path: Path) -> None:
    """The parser's message does not leave."""
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(WorkloadError, match=r"^model_unusable: The model does not do"):
        tensorflow_operations.check(tmp_path)


def test_a_model_in_text_format_is_unusable(tmp_path: Path) -> None:
    """TensorFlow would take saved_model.pbtxt where there is no saved_model.pb."""
    (tmp_path / "saved_model.pbtxt").write_text("meta_graphs { object_graph_def { } }")
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        tensorflow_operations.check(tmp_path)


def large(tensor: Any, *shape: int) -> None:
    """One number, repeated as often as the shape declares."""
    tensor.dtype = 1
    tensor.float_val.append(1.0)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)


def in_a_function(meta_graph: Any) -> None:
    """The signature's own."""
    node = function_named(meta_graph, "signature_wrapper").node_def.add(name="c", op="Const")
    large(node.attr["value"].tensor, 2_000_000_000)


def in_the_graph(meta_graph: Any) -> None:
    """Of two dimensions, each of them small."""
    large(meta_graph.graph_def.node.add(op="Const").attr["value"].tensor, 50_000, 50_000)


def in_many(meta_graph: Any) -> None:
    """A hundred constants, each within the limit."""
    for _ in range(100):
        large(meta_graph.graph_def.node.add(op="Const").attr["value"].tensor, 1_000_000)


def in_a_list(meta_graph: Any) -> None:
    """In a list attribute."""
    large(meta_graph.graph_def.node.add(op="NoOp").attr["any"].list.tensor.add(), 2_000_000_000)


def in_an_attribute_of_a_call(meta_graph: Any) -> None:
    """In the attributes of a called function."""
    node = meta_graph.graph_def.node.add(op="StatefulPartitionedCall")
    large(node.attr["f"].func.attr["deep"].tensor, 2_000_000_000)


def in_a_default(meta_graph: Any) -> None:
    """In the default value of a signature's input, which loading creates."""
    large(meta_graph.signature_def["serving_default"].defaults["picture"], 2_000_000_000)


def behind_a_negative_one(meta_graph: Any) -> None:
    """A negative dimension that would make the sum small."""
    large(meta_graph.graph_def.node.add(op="Const").attr["value"].tensor, -1, 2**40)
    large(meta_graph.graph_def.node.add(op="Const").attr["value"].tensor, 2_000_000_000)


def by_doubling(meta_graph: Any) -> None:
    """Sixty functions, each of which calls the one before it twice."""
    for number in range(60):
        function = meta_graph.graph_def.library.function.add()
        function.signature.name = f"f{number}"
        for _ in range(2):
            function.node_def.add(op="PartitionedCall").attr["f"].func.name = f"f{number - 1}"
    function.node_def.add(op="NoOp")
    meta_graph.graph_def.library.function.add(
        node_def=function.node_def[-1:]
    ).signature.name = "f-1"


@pytest.mark.parametrize(
    "grow",
    [
        in_a_function,
        in_the_graph,
        in_many,
        in_a_list,
        in_an_attribute_of_a_call,
        in_a_default,
        behind_a_negative_one,
        by_doubling,
    ],
)
def test_a_graph_that_would_be_gigabytes_is_unusable(
    grow: Callable[[Any], None], allowed: Path, tmp_path: Path
) -> None:
    """Shapes count with all their elements, and calls with their functions."""
    model = SavedModel.FromString((allowed / "saved_model/saved_model.pb").read_bytes())
    grow(model.meta_graphs[0])
    (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
    with pytest.raises(WorkloadError, match=r"^model_unusable: .* takes more memory"):
        tensorflow_operations.check(tmp_path)


@pytest.mark.parametrize("name", ["itself", "the other"])
def test_a_function_that_calls_itself_is_unusable(name: str, allowed: Path, tmp_path: Path) -> None:
    """Directly or through another function: inlining would never end."""
    model = SavedModel.FromString((allowed / "saved_model/saved_model.pb").read_bytes())
    meta_graph = model.meta_graphs[0]
    for own, called in (("itself", name), ("the other", "itself")):
        function = meta_graph.graph_def.library.function.add()
        function.signature.name = own
        function.node_def.add(op="PartitionedCall").attr["f"].func.name = called
    (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
    with pytest.raises(WorkloadError, match=r"^model_unusable: The model does not do"):
        tensorflow_operations.check(tmp_path)


def test_a_graph_of_a_hundred_gigabytes_is_not_read(tmp_path: Path) -> None:
    """The size of the file is checked first; here the file is sparse."""
    with (tmp_path / "saved_model.pb").open("wb") as file:
        file.truncate(100 * 1024**3)
    with pytest.raises(WorkloadError, match=r"^model_unusable: .* takes more memory"):
        tensorflow_operations.check(tmp_path)


def test_large_constants_of_ordinary_models_are_allowed(allowed: Path, tmp_path: Path) -> None:
    """A table of 200 MB, written as one number."""
    model = SavedModel.FromString((allowed / "saved_model/saved_model.pb").read_bytes())
    node = model.meta_graphs[0].graph_def.node.add(op="Const")
    large(node.attr["value"].tensor, 1_000, 50_000)
    (tmp_path / "saved_model.pb").write_bytes(model.SerializeToString())
    tensorflow_operations.check(tmp_path)
