"""LiteRT: the operators that a model may hold, its indices, and concurrent calls."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.fixtures.tiny_models import LITERT, colours, noise, save
from workload.engines import litert_allowed, litert_operators, selection
from workload.engines.litert_engine import LiteRTModel
from workload.errors import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workload.manifest import Manifest


@pytest.fixture(scope="session")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a model that tells red, green and blue apart."""
    folder = tmp_path_factory.mktemp("model")
    save(LITERT, folder, colours)
    return (folder / "model.tflite").read_bytes()


def ready(content: bytes, folder: Path) -> Any:
    """The model of an unpacked archive, as the run loads it."""
    (folder / "model.tflite").write_bytes(content)
    return selection.load(folder, LITERT)


def test_batches_may_differ_in_size(content: bytes, tmp_path: Path) -> None:
    """Earlier batches do not change an answer."""
    model, pictures = ready(content, tmp_path), noise(5)
    before = model.classify(pictures)
    model.classify(pictures[:2])
    assert model.classify(pictures) == before


def test_several_threads_may_ask_at_once(content: bytes, tmp_path: Path) -> None:
    """More than there are interpreters; each gets its own answers."""
    model, batches = ready(content, tmp_path), [[each] * 16 for each in noise(64)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(model.classify, batches))
    assert together == [model.classify(batch) for batch in batches]


def rebuilt(content: bytes, change: Callable[[Any], None]) -> bytes:
    """The same model with something changed."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    change(model)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def own_operator(model: Any) -> None:
    """A custom operator, such as TensorFlow's through the flex delegate."""
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = "FlexWriteFile"


def old_operator(model: Any) -> None:
    """The same, in the field that older models use."""
    own_operator(model)
    model.operatorCodes[0].builtinCode = 0


def unknown_operator(model: Any) -> None:
    """An operator of a future runtime."""
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
    """Sparse weights, with index tables of their own."""
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
def test_a_model_with_anything_beyond_a_classifier_is_refused(
    change: Callable[[Any], None], content: bytes, tmp_path: Path
) -> None:
    """Before LiteRT reads the model."""
    with pytest.raises(WorkloadError, match=r"^model_operation_forbidden: "):
        ready(rebuilt(content, change), tmp_path)


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
def test_a_model_with_an_index_out_of_range_is_unusable(
    name: str, content: bytes, tmp_path: Path
) -> None:
    """Before LiteRT uses the index: some of these would crash the process."""
    (tmp_path / "model.tflite").write_bytes(rebuilt(content, NOWHERE[name]))
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        litert_operators.check(tmp_path / "model.tflite")


@pytest.mark.parametrize(("offset", "size"), [(2**64 - 4096, 8192), (8, 2**40), (2**63, 1)])
def test_a_model_with_weights_outside_its_file_is_unusable(
    offset: int, size: int, content: bytes, tmp_path: Path
) -> None:
    """The sum of offset and size must not overflow 64 bits."""

    def change(model: Any) -> None:
        model.buffers[1].data = None
        model.buffers[1].offset, model.buffers[1].size = offset, size

    (tmp_path / "model.tflite").write_bytes(rebuilt(content, change))
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        litert_operators.check(tmp_path / "model.tflite")


def test_a_rebuilt_model_without_a_change_is_accepted(content: bytes, tmp_path: Path) -> None:
    """So the tests above refuse the change, not the rebuilding."""
    model = ready(rebuilt(content, lambda _: None), tmp_path)
    assert model.classify(noise(1)) == ready(content, tmp_path).classify(noise(1))


def test_every_allowed_operator_exists() -> None:
    """No name in the list is misspelt."""
    assert vars(schema.BuiltinOperator).keys() >= litert_allowed.ALLOWED


@pytest.mark.parametrize("size", [0, 4, 100, -100])
def test_a_damaged_model_is_unusable(size: int, content: bytes, tmp_path: Path) -> None:
    """Wherever the file is cut."""
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        ready(content[:size], tmp_path)


def test_the_engine_refuses_an_invalid_file_by_itself(tmp_path: Path) -> None:
    """Even if no check ran before."""
    (tmp_path / "model.tflite").write_bytes(b"no model")
    with pytest.raises(WorkloadError, match=r"^model_unusable: "):
        LiteRTModel(tmp_path / "model.tflite", LITERT)


IMAGE = """
import dataclasses, json, sys
from pathlib import Path
from workload.engines import selection
from workload.errors import WorkloadError
from workload.manifest import Input, Manifest, Output
name, missing, folder, manifest = sys.argv[1:]
sys.modules[missing] = None
values = json.loads(manifest)
parts = {"input": Input(**values["input"]), "output": Output(**values["output"])}
model = Manifest(**values | parts)
try:
    selection.load(Path(folder), model)
except WorkloadError as error:
    print(error.failure.code)
else:
    print("loaded")
print(name in sys.modules)
"""


def in_image(has_not: str, other: str, folder: Path, manifest: Manifest) -> list[str]:
    """The result of loading in an image without one library; whether another was imported."""
    values = json.dumps(dataclasses.asdict(manifest))
    command = [sys.executable, "-W", "ignore", "-c", IMAGE, other, has_not, str(folder), values]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_litert_model_needs_no_tensorflow(content: bytes, tmp_path: Path) -> None:
    """The smaller image does not have it."""
    (tmp_path / "model.tflite").write_bytes(content)
    output = in_image("tensorflow", "ai_edge_litert.interpreter", tmp_path, LITERT)
    assert output == ["loaded", "True"]


@pytest.mark.parametrize(
    ("engine_of", "form"),
    [("tensorflow", "tensorflow-saved-model"), ("ai_edge_litert", "litert")],
)
def test_an_image_without_the_engine_is_reported(engine_of: str, form: Any, tmp_path: Path) -> None:
    """A model for the other image has its own code."""
    manifest = dataclasses.replace(LITERT, format=form)
    assert in_image(engine_of, "numpy", tmp_path, manifest)[0] == "engine_missing"
