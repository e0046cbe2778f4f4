"""Lies in the model: Primus itself deploys a hostile archive.

The policy admits the archive's hash, so it passes every other gate. The victim is Secundus: the
workload opens the archive beside Secundus' pictures, in a container that Secundus pays for. Each
archive is valid except for the fault that its row names.
"""

from __future__ import annotations

import gzip
import json
import math
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ai_edge_litert import schema_py_generated as schema

from rehearsal.attacks import gates
from rehearsal.attacks.archives import (
    INPUT,
    MANIFEST,
    OBJECTS,
    converted,
    entry,
    extended,
    field,
    overwritten,
    packed,
    received,
    sparse,
    varint,
    without_end,
)
from rehearsal.attacks.gates import Gate
from rehearsal.attacks.scenario import Row
from workload import archive, manifest
from workload.engines import litert_operators, tensorflow_operations
from workload.errors import Detail, Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.attacks.archives import Entry
    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.gates import Verdict
    from rehearsal.attacks.scenario import Attempt


def _refused(lie: str, failure: Failure, attempt: Attempt, *details: Detail) -> Row:
    return Row(
        layer="workload",
        lie=f"Primus: {lie}",
        by=Gate.WORKLOAD,
        says=str(WorkloadError(failure, *details)),
        attempt=attempt,
    )


def _unpacked(lie: str, *entries: Entry) -> Row:
    """Primus admits an archive with these entries, too."""
    return _opened(lie, packed(*entries))


def _opened(lie: str, content: bytes) -> Row:
    refusal = Failure.MODEL_ARCHIVE_REJECTED
    return _refused(f"an archive {lie}", refusal, received(content))


def _described(lie: str, **changed: object) -> Row:
    """Primus admits an archive with another manifest."""
    return _said(lie, json.dumps(MANIFEST | changed).encode())


def _taking(lie: str, **changed: object) -> Row:
    return _described(lie, input=INPUT | changed)


def _said(lie: str, content: bytes) -> Row:
    refusal = Failure.MODEL_MANIFEST_INVALID
    return _refused(f"a manifest {lie}", refusal, received(packed(manifest=content)))


def _made(lie: str, failure: Failure, graphs: bytes, *details: Detail) -> Row:
    """Primus admits an archive with a SavedModel of these graphs."""
    return _refused(f"a SavedModel {lie}", failure, received(packed(graphs=graphs)), *details)


def _huge(lie: str, *nodes: bytes, functions: bytes = b"") -> Row:
    """Primus admits a SavedModel whose few bytes would become gigabytes."""
    content = b"".join(field(1, node) for node in nodes) + functions
    graphs = field(2, field(2, content) + OBJECTS)
    return _made(lie, Failure.MODEL_UNUSABLE, graphs, Detail.GRAPH_TOO_LARGE)


def _computing(what: str, operation: bytes) -> Row:
    """Primus admits a SavedModel with a function that holds this operation."""
    graphs = field(2, field(2, _function(b"serve", field(2, operation))) + OBJECTS)
    return _made(f"with {what} ({operation.decode()})", Failure.MODEL_OPERATION_FORBIDDEN, graphs)


def _converted(
    lie: str, change: Callable[[Any], None], failure: Failure = Failure.MODEL_OPERATION_FORBIDDEN
) -> Row:
    """Primus admits an archive with a LiteRT model with this change."""
    return _refused(f"a LiteRT model {lie}", failure, received(converted(change)))


def _leading_nowhere(lie: str, change: Callable[[Any], None]) -> Row:
    return _converted(lie, change, Failure.MODEL_UNUSABLE)


def _own_operator(model: Any) -> None:
    model.operatorCodes[0].deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    model.operatorCodes[0].customCode = "FlexWriteFile"


def _operator(index: int) -> Callable[[Any], None]:
    """One built-in operator by its number."""

    def change(model: Any) -> None:
        model.operatorCodes[0].builtinCode = index

    return change


def _second_graph(model: Any) -> None:
    model.subgraphs *= 2


def _foreign_weights(model: Any) -> None:
    model.externalBuffers = [schema.ExternalBufferT()]


def _sparse_weights(model: Any) -> None:
    model.subgraphs[0].tensors = [schema.TensorT()]
    model.subgraphs[0].tensors[0].sparsity = schema.SparsityParametersT()
    model.buffers = [schema.BufferT()]


def _signature_of_no_graph(model: Any) -> None:
    model.signatureDefs = [schema.SignatureDefT()]
    model.signatureDefs[0].subgraphIndex = 7


def _weights_beyond_the_file(model: Any) -> None:
    model.buffers = [schema.BufferT()]
    model.buffers[0].offset, model.buffers[0].size = 2**64 - 4096, 8192


def _input_that_is_no_tensor(model: Any) -> None:
    model.subgraphs[0].inputs = [7]


def _more_numbers_than_any(model: Any) -> None:
    model.subgraphs[0].operators = [schema.OperatorT()]
    model.subgraphs[0].operators[0].inputs = [-1] * litert_operators.MAX_INDICES


def _bomb(_: Target) -> Verdict:
    """Unpack an archive of a megabyte with a limit below that: no test waits for gigabytes."""
    with tempfile.TemporaryDirectory() as private:
        archived = Path(private) / "model.tar.gz"
        archived.write_bytes(packed(entry("bomb", bytes(1024**2))))
        into = Path(private) / "model"
        return gates.work(lambda: archive.unpack(archived, into, max_unpacked=1024**2))


FOLDERS = [entry("a", kind=tarfile.DIRTYPE)] * archive.MAX_ENTRIES

ARCHIVES = (
    _refused("an archive that is a decompression bomb", Failure.MODEL_ARCHIVE_REJECTED, _bomb),
    _unpacked("of one entry more than it may have", *FOLDERS),
    _unpacked("with a symbolic link", entry("a", kind=tarfile.SYMTYPE, to="/etc/passwd")),
    _unpacked(
        "with a file written through a link",
        entry("a", kind=tarfile.SYMTYPE, to="/var"),
        entry("a/x", b"1"),
    ),
    _unpacked("with a hard link", entry("a", kind=tarfile.LNKTYPE, to="manifest.json")),
    _unpacked("with a device", entry("a", kind=tarfile.CHRTYPE)),
    _unpacked("with a pipe", entry("a", kind=tarfile.FIFOTYPE)),
    _unpacked("with an entry of an unknown kind", entry("a", b"1", kind=b"Z")),
    _unpacked("with a sparse file", sparse()),
    # A folder that every machine has: without the check, nothing happens to it.
    _unpacked("with an absolute path", entry("/etc", kind=tarfile.DIRTYPE)),
    _unpacked("with a way up", entry("../x", b"1")),
    _unpacked("with a way up in the middle", entry("saved_model/../../x", b"1")),
    _unpacked("with a name of two lines", entry("a\nb", b"1")),
    _unpacked("with a name that hides a part of itself", entry("a\u202eb", b"1")),
    _unpacked("with a path of too many bytes", entry("a/" * 128 + "a", b"1")),
    _unpacked("with two manifests", entry("manifest.json", b"{}")),
    _unpacked("with two spellings of one name", entry("./manifest.json", b"{}")),
    _unpacked("with a file below a file", entry("manifest.json/a", b"1")),
    _opened("that is cut", packed()[:-40]),
    _opened("that has no end", without_end()),
    _opened(
        "whose extended headers are larger than all of them may be",
        extended(b"5000018 comment=" + b"a" * 5_000_001 + b"\n"),
    ),
    _opened("with a record that says no length", extended(b"comment=a\n")),
    _opened("with a record that does not end its line", extended(b"13 comment=ab")),
    _opened("with another size in its records than in its header", extended(b"9 size=1\n")),
    _opened("with a file whose size is no number", overwritten(124, b"0000000000x\0")),
    _opened("with a damaged header", overwritten(108, b"0000001", summed=False)),
    _opened("that is none", b"a model"),
)

OUTPUT: dict[str, Any] = MANIFEST["output"]
_ANSWER: dict[str, Any] = {"classIndex": 0, "score": 0.5}
GOLDEN: dict[str, Any] = {"file": "golden/0.png", "topK": [_ANSWER], "tolerance": 0.1}

MANIFESTS = (
    _said("that is no JSON", b"{"),
    _said("nested to hurt", b"[" * 100_000),
    _said("of more bytes than any has", json.dumps(MANIFEST).encode() + b" " * manifest.MAX_BYTES),
    _said("that is a list", json.dumps([MANIFEST]).encode()),
    _refused(
        "no manifest",
        Failure.MODEL_MANIFEST_INVALID,
        received(gzip.compress(bytes(1024), 1)),
    ),
    _described("with a key that nobody knows", crop="centre"),
    _described("without an input", input=None),
    _described("without an output", output=None),
    _described("of another schema", schema="confidential-inference/model/v1"),
    _described("of another format", format="onnx"),
    _described("with scores that nobody knows", output={"scores": "percent"}),
    _described("with an activation of no logits", output=OUTPUT | {"activation": "softmax"}),
    _described("with a name of two lines", name="a\nb"),
    _described("without the name of a signature", signature=""),
    _described("with a signature that is a number", signature=7),
    _described("with more answers than classes", topK=3),
    _described("with no answers", topK=0),
    _described("with an answer that is `true`", topK=True),
    _described("with a batch that a part is no multiple of", batch=3),
    _described("with no classes", classes=[]),
    _described("with classes that are one text", classes="clean"),
    _described("with a class of two lines", classes=["clean", "a\nImage: b.png"]),
    _described("with a class that hides a part of itself", classes=["clean", "a\u202eb"]),
    _described("with a class of too many characters", classes=["clean", "a" * 1_001]),
    _described("with notes that are no object", metadata=[1]),
    _taking("with a key of the input that nobody knows", crop="centre"),
    _taking("for pictures without a width", width=0),
    _taking("for pictures of a huge width", width=manifest.MAX_SIDE + 1),
    _taking("for pictures of a huge height", height=manifest.MAX_SIDE + 1),
    _taking("for pictures whose width is `true`", width=True),
    _taking("for pictures of unknown channels", channels="L"),
    _taking("for pictures that are resized in another way", resize="lanczos"),
    _taking("for pictures that are decoded in another way", decode="exact"),
    _taking("for pictures that are cut in another way", fit="contain"),
    _taking("for pictures with a short side that nothing uses", shortSide=256),
    _taking("for pictures of another type", type="float64"),
    _taking("with a mean for too few channels", mean=[0]),
    _taking("with a mean that gives infinite pixels", mean=[0, 0, 1e308]),
    _taking("with a deviation of zero", deviation=[1, 1, 0]),
    _taking("with a range from below any number", range=[-math.inf, 1]),
    _taking("with a range to beyond any number", range=[0, math.inf]),
    _taking("with a range of no numbers", range=[math.nan, math.nan]),
    _taking("with a range upside down", range=[1, -1]),
    _taking("with a range that gives infinite pixels", range=[-1e308, 1e308]),
    _taking("with a range that is one text", range="01"),
    _taking("with a range of texts", range=["0", "1"]),
    _taking("with a range of false and true", range=[False, True]),
    _described("with a golden picture from elsewhere", golden=[GOLDEN | {"file": "/etc/passwd"}]),
    _described("with a golden picture that is a number", golden=[GOLDEN | {"file": 7}]),
    _described(
        "with a golden answer of no class",
        golden=[GOLDEN | {"topK": [_ANSWER | {"classIndex": 2}]}],
    ),
    _described(
        "with an endless golden answer", golden=[GOLDEN | {"topK": [_ANSWER | {"score": math.inf}]}]
    ),
    _described("with a golden picture without a tolerance", golden=[{**GOLDEN, "tolerance": None}]),
)

WRITING = field(2, field(1, field(2, b"WriteFile")))
"""A graph's only node: the operation that writes a file."""

EMPTY = field(2, b"NoOp")
"""A node that does nothing."""


def _constant(elements: int) -> bytes:
    """A node with a constant of one number, which stands for so many."""
    size = field(2, b"\x08" + varint(elements))
    tensor = field(8, b"\x08\x01" + field(2, size))
    return field(2, b"Const") + field(5, field(1, b"value") + field(2, tensor))


def _function(name: bytes, *nodes: bytes) -> bytes:
    content = field(1, field(1, name)) + b"".join(field(3, node) for node in nodes)
    return field(2, field(1, content))


def _call(name: bytes) -> bytes:
    called = field(5, field(1, b"f") + field(2, field(10, field(1, name))))
    return field(2, b"StatefulPartitionedCall") + called


DOUBLING = b"".join(
    _function(b"%d" % number, *[_call(b"%d" % (number - 1))] * 2) for number in range(1, 60)
)
"""Each function calls the one before it twice: together half a million million million nodes."""

MODELS = (
    _huge("with a constant of 8 GB in a few bytes", _constant(2 * 10**9)),
    _huge(
        "with a constant that is called too often",
        functions=_function(b"0", _constant(2 * 10**7)) + _function(b"1", *[_call(b"0")] * 4),
    ),
    _huge("whose functions call each other", functions=_function(b"0", EMPTY) + DOUBLING),
    _made(
        "whose function calls itself",
        Failure.MODEL_UNUSABLE,
        field(2, field(2, _function(b"0", _call(b"0"))) + OBJECTS),
    ),
    _made(
        "of a larger file than it may have",
        Failure.MODEL_UNUSABLE,
        field(
            2,
            field(2, field(1, EMPTY)) + OBJECTS + field(99, bytes(tensorflow_operations.MAX_BYTES)),
        ),
        Detail.GRAPH_TOO_LARGE,
    ),
    _leading_nowhere("whose signature is of no graph", _signature_of_no_graph),
    _leading_nowhere("with weights beyond its file", _weights_beyond_the_file),
    _leading_nowhere("whose input is no tensor", _input_that_is_no_tensor),
    _leading_nowhere("of more numbers than a classifier has", _more_numbers_than_any),
    _converted("with weights of which only some are there", _sparse_weights),
    _made("that writes a file", Failure.MODEL_OPERATION_FORBIDDEN, field(2, WRITING + OBJECTS)),
    _made("of two graphs", Failure.MODEL_UNUSABLE, field(2, OBJECTS) * 2),
    _made("that TensorFlow 1 would load", Failure.MODEL_UNUSABLE, field(2, b"")),
    _made("that is none", Failure.MODEL_UNUSABLE, b"a model"),
    _converted("with an operator of its own", _own_operator),
    _converted("with a second graph", _second_graph),
    _converted("with weights in another file", _foreign_weights),
    _refused(
        "a LiteRT model that is none",
        Failure.MODEL_UNUSABLE,
        received(packed(manifest=json.dumps(MANIFEST | {"format": "litert"}).encode())),
    ),
)

OPERATIONS = (
    *(
        _computing(what, operation)
        for what, operation in {
            "a file that it reads": b"ReadFile",
            "a file that it maps into memory": b"ImmutableConst",
            "a file that it writes among its answers": b"SaveV2",
            "a call of Python": b"PyFunc",
            "numbers that it sends elsewhere": b"DebugIdentityV2",
            "a loop without an end": b"StatelessWhile",
            "a loop of TensorFlow 1": b"Enter",
            "a list that grows": b"TensorListReserve",
            "a table": b"HashTableV2",
            "a table that it reads from a file": b"InitializeTableFromTextFileV2",
            "random numbers": b"RandomUniform",
            "a call of another process": b"RpcServerStart",
            "a function that it chooses itself": b"RemoteCall",
            "an end of the process": b"Abort",
            "a kernel that trusts its indices": b"SparseTensorDenseMatMul",
            "a kernel that trusts its ranges": b"QuantizedConv2D",
            "a decoder beside the workload's own": b"DecodeImage",
            "an operation of another library": b"OwnOperation",
        }.items()
    ),
    *(
        _converted(f"with {what}", _operator(index))
        for what, index in {
            "a loop": schema.BuiltinOperator.WHILE,
            "a condition": schema.BuiltinOperator.IF,
            "a call of another graph": schema.BuiltinOperator.CALL_ONCE,
            "a variable": schema.BuiltinOperator.VAR_HANDLE,
            "a table": schema.BuiltinOperator.HASHTABLE,
            "random numbers": schema.BuiltinOperator.RANDOM_UNIFORM,
            "an operator of another compiler": schema.BuiltinOperator.STABLEHLO_CUSTOM_CALL,
            "a kernel that trusts its sizes": schema.BuiltinOperator.MATRIX_SET_DIAG,
        }.items()
    ),
)
"""Operations beside the list of what computes numbers from numbers."""

ROWS = (*OPERATIONS, *ARCHIVES, *MANIFESTS, *MODELS)
