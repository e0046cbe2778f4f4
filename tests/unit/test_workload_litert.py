"""The LiteRT engine: what a model may be made of, its signature, and its answers."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from workload.engines import litert_operators, selection
from workload.engines.litert_engine import LiteRTModel
from workload.errors import WorkloadError
from workload.manifest import Input, Manifest

with warnings.catch_warnings():
    # TensorFlow's own dependencies use what NumPy and Python have deprecated.
    warnings.simplefilter("ignore")
    import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

WIDTH, HEIGHT = 6, 4
COLOURS = Manifest(
    format="litert",
    signature="serving_default",
    input=Input(width=WIDTH, height=HEIGHT, channels="RGB", low=-1.0, high=1.0, resize="bilinear"),
    top_k=2,
    classes=("red", "green", "blue"),
)


def strongest(picture: Any) -> Any:
    """The share of each colour, sharpened."""
    return tf.nn.softmax(4.0 * tf.reduce_mean(picture, axis=(1, 2)))


def converted(
    function: Callable[[Any], Any],
    shape: tuple[int | None, ...] = (None, HEIGHT, WIDTH, 3),
    dtype: Any = tf.float32,
) -> bytes:
    """A LiteRT model whose signature is this function of one tensor."""
    module = tf.Module()
    module.call = tf.function(
        lambda picture: {"answer": function(picture)},
        input_signature=[tf.TensorSpec(shape, dtype, name="picture")],
    )
    call = module.call.get_concrete_function()
    content: bytes = tf.lite.TFLiteConverter.from_concrete_functions([call], module).convert()
    return content


@pytest.fixture(scope="session")
def colours() -> bytes:
    """A model that tells red, green and blue apart."""
    return converted(strongest)


def ready(content: bytes, folder: Path, manifest: Manifest = COLOURS) -> Any:
    """The model of an unpacked archive, as the run loads it."""
    (folder / "model.tflite").write_bytes(content)
    return selection.load(folder, manifest)


def noise(count: int) -> list[npt.NDArray[np.float32]]:
    """Pictures as the decoder hands them over."""
    rng = np.random.default_rng(7)
    return list(rng.uniform(-1, 1, (count, HEIGHT, WIDTH, 3)).astype(np.float32))


def test_the_answers_are_tensorflows(colours: bytes, tmp_path: Path) -> None:
    """The same classes in the same order, the scores equal but for float32's rounding."""
    pictures = noise(5)
    expected = strongest(tf.constant(np.stack(pictures))).numpy()
    answers = ready(colours, tmp_path).classify(pictures)
    for answer, row in zip(answers, expected, strict=True):
        assert [score.class_index for score in answer] == list(np.argsort(-row)[:2])
        np.testing.assert_allclose([s.probability for s in answer], np.sort(row)[:0:-1], atol=1e-6)


@pytest.mark.parametrize("count", [1, 16, 35])
def test_neighbours_change_neither_answer_nor_order(
    count: int, colours: bytes, tmp_path: Path
) -> None:
    """Each picture gets the answer that it gets among copies of itself."""
    model, pictures = ready(colours, tmp_path), noise(count)
    alone = [model.classify([each] * count)[0] for each in pictures]
    assert model.classify(pictures) == alone


def test_batches_may_differ_in_size(colours: bytes, tmp_path: Path) -> None:
    """What was asked before changes no answer."""
    model, pictures = ready(colours, tmp_path), noise(5)
    before = model.classify(pictures)
    model.classify(pictures[:2])
    assert model.classify(pictures) == before


def test_several_threads_may_ask_at_once(colours: bytes, tmp_path: Path) -> None:
    """More than there are interpreters; each gets its own answers."""
    model, batches = ready(colours, tmp_path), [[each] * 16 for each in noise(64)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(model.classify, batches))
    assert together == [model.classify(batch) for batch in batches]


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (strongest, (None, HEIGHT, WIDTH + 1, 3)),
        (strongest, (1, HEIGHT, WIDTH, 3)),
        (strongest, (None, None, None, 3)),
        (lambda p: strongest(p)[:, :2], (None, HEIGHT, WIDTH, 3)),
    ],
    ids=["width", "fixed batch", "any size", "classes"],
)
def test_another_signature_is_unusable(
    function: Callable[[Any], Any], shape: tuple[int | None, ...], tmp_path: Path
) -> None:
    """A model that takes or gives something else than its manifest says is refused at once."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        ready(converted(function, shape), tmp_path)


def test_another_type_is_unusable(tmp_path: Path) -> None:
    """Pictures of bytes would have to be taken from other pixels than the manifest declares."""
    content = converted(lambda p: strongest(tf.cast(p, tf.float32)), dtype=tf.uint8)
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        LiteRTModel(tmp_path / "model.tflite", COLOURS)


def test_a_signature_of_another_name_is_unusable(colours: bytes, tmp_path: Path) -> None:
    """The manifest's signature must exist."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        ready(colours, tmp_path, dataclasses.replace(COLOURS, signature="train"))


def test_scores_that_are_none_are_reported(tmp_path: Path) -> None:
    """Whatever is no probability ends the run, by a code of its own."""
    model = ready(converted(lambda p: strongest(p) * float("nan")), tmp_path)
    with pytest.raises(WorkloadError, match=r"^model_scores_invalid: "):
        model.classify(noise(1))


def test_more_answers_than_pictures_are_unusable(tmp_path: Path) -> None:
    """A row that belongs to no picture is no answer."""
    twice = converted(lambda p: tf.concat([strongest(p), strongest(p)], 0))
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        ready(twice, tmp_path).classify(noise(1))


def test_a_model_that_fails_is_unusable(tmp_path: Path) -> None:
    """What LiteRT says about it stays inside."""
    failing = converted(lambda p: tf.reshape(strongest(p)[1:], (-1, 3)) + strongest(p))
    with pytest.raises(WorkloadError, match=r"^model_unusable: The model does not do"):
        ready(failing, tmp_path).classify(noise(1))


def rebuilt(content: bytes, change: Callable[[Any], None]) -> bytes:
    """The same model with something changed."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    change(model)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def own_operator(model: Any) -> None:
    """An operator that the model names itself, such as TensorFlow's through the flex delegate."""
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = "FlexWriteFile"


def old_operator(model: Any) -> None:
    """The same in the field of models of before there were more than 127 operators."""
    own_operator(model)
    model.operatorCodes[0].builtinCode = 0


def unknown_operator(model: Any) -> None:
    """One of the runtime of tomorrow."""
    model.operatorCodes[0].builtinCode = 100_000


def calling(model: Any) -> None:
    """An operator that runs another graph once."""
    model.operatorCodes[0].builtinCode = schema.BuiltinOperator.CALL_ONCE


def second_graph(model: Any) -> None:
    """A graph that nothing needs."""
    model.subgraphs.append(model.subgraphs[0])


def foreign_weights(model: Any) -> None:
    """Weights in another file."""
    model.externalBuffers = [schema.ExternalBufferT()]


def foreign_file(model: Any) -> None:
    """The name of another file."""
    model.externalBufferGroups = [schema.ExternalBufferGroupT()]
    model.externalBufferGroups[0].name = "/etc/passwd"


def sparse_weights(model: Any) -> None:
    """Weights of which only some are there, as their own numbers say."""
    model.subgraphs[0].tensors[0].sparsity = schema.SparsityParametersT()


@pytest.mark.parametrize(
    "change",
    [
        own_operator,
        old_operator,
        unknown_operator,
        calling,
        second_graph,
        foreign_weights,
        foreign_file,
        sparse_weights,
    ],
)
def test_what_a_classifier_does_not_need_is_refused(
    change: Callable[[Any], None], colours: bytes, tmp_path: Path
) -> None:
    """Before LiteRT is given the model."""
    with pytest.raises(WorkloadError, match=r"^model_operation_forbidden: "):
        ready(rebuilt(colours, change), tmp_path)


def first(model: Any) -> Any:
    """The first operator of the graph."""
    return model.subgraphs[0].operators[0]


NOWHERE: dict[str, Callable[[Any], None]] = {
    "signature of no graph": lambda m: setattr(m.signatureDefs[0], "subgraphIndex", 7),
    "signature's input": lambda m: setattr(m.signatureDefs[0].inputs[0], "tensorIndex", 99),
    "signature's output": lambda m: setattr(m.signatureDefs[0].outputs[0], "tensorIndex", 99),
    "graph's input": lambda m: setattr(m.subgraphs[0], "inputs", [99]),
    "graph's input below nothing": lambda m: setattr(m.subgraphs[0], "inputs", [-1]),
    "graph's output": lambda m: setattr(m.subgraphs[0], "outputs", [99]),
    "operator's input": lambda m: setattr(first(m), "inputs", [0, 99]),
    "operator's input below none": lambda m: setattr(first(m), "inputs", [0, -2]),
    "operator's output": lambda m: setattr(first(m), "outputs", [99]),
    "operator's output of none": lambda m: setattr(first(m), "outputs", [-1]),
    "operator's intermediate": lambda m: setattr(first(m), "intermediates", [99]),
    "operator's code": lambda m: setattr(first(m), "opcodeIndex", 99),
    "tensor's buffer": lambda m: setattr(m.subgraphs[0].tensors[0], "buffer", 99),
    "metadata's buffer": lambda m: setattr(m.metadata[0], "buffer", 99),
    "no tensors": lambda m: setattr(m.subgraphs[0], "tensors", None),
    "no buffers": lambda m: setattr(m, "buffers", None),
    "no codes": lambda m: setattr(m, "operatorCodes", None),
    "endless inputs": lambda m: setattr(first(m), "inputs", [-1] * 1_000_000),
}


@pytest.mark.parametrize("name", NOWHERE)
def test_a_number_that_leads_to_nothing_is_unusable(
    name: str, colours: bytes, tmp_path: Path
) -> None:
    """Before LiteRT follows it: some of these end the process."""
    (tmp_path / "model.tflite").write_bytes(rebuilt(colours, NOWHERE[name]))
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        litert_operators.check(tmp_path / "model.tflite")


@pytest.mark.parametrize(("offset", "size"), [(2**64 - 4096, 8192), (8, 2**40), (2**63, 1)])
def test_weights_that_are_not_in_the_file_are_unusable(
    offset: int, size: int, colours: bytes, tmp_path: Path
) -> None:
    """Where they end is no number of 64 bits that begins again at nothing."""

    def change(model: Any) -> None:
        model.buffers[1].data = None
        model.buffers[1].offset, model.buffers[1].size = offset, size

    (tmp_path / "model.tflite").write_bytes(rebuilt(colours, change))
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        litert_operators.check(tmp_path / "model.tflite")


def test_a_rebuilt_model_is_the_same(colours: bytes, tmp_path: Path) -> None:
    """Without a change it is taken: it is the change that is refused above."""
    model = ready(rebuilt(colours, lambda _: None), tmp_path)
    assert model.classify(noise(1)) == ready(colours, tmp_path).classify(noise(1))


def test_every_allowed_operator_is_one() -> None:
    """No name of the list is a slip."""
    assert vars(schema.BuiltinOperator).keys() >= litert_operators.ALLOWED


@pytest.mark.parametrize("size", [0, 4, 100, -100])
def test_a_damaged_model_is_unusable(size: int, colours: bytes, tmp_path: Path) -> None:
    """A file that is cut is no model, wherever it is cut."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        ready(colours[:size], tmp_path)


def test_an_archive_without_a_model_is_unusable(tmp_path: Path) -> None:
    """A manifest may name an engine for which the archive holds nothing."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        selection.load(tmp_path, COLOURS)


def test_the_interpreters_file_is_checked_again(tmp_path: Path) -> None:
    """The engine by itself refuses what is no model, whoever checked before."""
    (tmp_path / "model.tflite").write_bytes(b"no model")
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        LiteRTModel(tmp_path / "model.tflite", COLOURS)


IMAGE = """
import dataclasses, json, sys
from pathlib import Path
from workload.engines import selection
from workload.errors import WorkloadError
from workload.manifest import Input, Manifest
name, missing, folder, manifest = sys.argv[1:]
sys.modules[missing] = None
told = json.loads(manifest)
model = Manifest(**told | {"input": Input(**told["input"])})
try:
    selection.load(Path(folder), model)
except WorkloadError as error:
    print(error.failure.code)
else:
    print("loaded")
print(name in sys.modules)
"""


def in_image(has_not: str, other: str, folder: Path, manifest: Manifest) -> list[str]:
    """What comes of loading in an image without one library; whether another was imported."""
    told = json.dumps(dataclasses.asdict(manifest))
    command = [sys.executable, "-W", "ignore", "-c", IMAGE, other, has_not, str(folder), told]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_litert_model_needs_no_tensorflow(colours: bytes, tmp_path: Path) -> None:
    """The image of a tenth of the size has none."""
    (tmp_path / "model.tflite").write_bytes(colours)
    said = in_image("tensorflow", "ai_edge_litert.interpreter", tmp_path, COLOURS)
    assert said == ["loaded", "True"]


@pytest.mark.parametrize(
    ("engine_of", "form"),
    [("tensorflow", "tensorflow-saved-model"), ("ai_edge_litert", "litert")],
)
def test_an_image_without_the_engine_says_so(engine_of: str, form: Any, tmp_path: Path) -> None:
    """A model for the other image is refused by a code of its own."""
    manifest = dataclasses.replace(COLOURS, format=form)
    assert in_image(engine_of, "numpy", tmp_path, manifest)[0] == "engine_missing"
