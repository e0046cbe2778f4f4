"""Checks the operators of a LiteRT model, before any of it is loaded or run.

No built-in operator of LiteRT accesses files, but a model may name custom operators, and it may say
that its weights are in another file. The list holds what a classifier needs; no operator in it
calls another graph; any other operator is an error. The list is the result of converting the models
that `workload.engines.tensorflow_operations` names.

LiteRT verifies the structure of a file, but does not check some indices: this module checks that
each index is within its table. It limits neither the time nor the memory that an allowed operator
uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai_edge_litert.schema_py_generated import BuiltinOperator, Model

from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_INDICES = 100_000
"""Of a model: MobileNet has a thousand, the largest classifiers twenty times as many."""

ALLOWED = frozenset(
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED GATHER GELU
    HARD_SWISH LOGISTIC MAX_POOL_2D MEAN MUL NEG PACK PAD REDUCE_PROD RELU RESHAPE RSQRT SHAPE
    SOFTMAX SQUARED_DIFFERENCE STRIDED_SLICE SUB
    """.split()  # noqa: SIM905  a text of names is easier to read and to compare
)
"""Operators by their name in LiteRT's schema."""

_NAMES = {index: name for name, index in vars(BuiltinOperator).items() if type(index) is int}


def check(file: Path) -> None:
    """Raises MODEL_OPERATION_FORBIDDEN or MODEL_UNUSABLE unless the model may be loaded.

    The error does not name the operator: names of custom operators are chosen by the model's
    author.
    """
    try:
        content = file.read_bytes()
        model = Model.GetRootAs(content)
        _check_indices(_indices(model, len(content)))
        used = operators(model)
        graphs = model.SubgraphsLength()
        elsewhere = model.ExternalBuffersLength() + model.ExternalBufferGroupsLength()
        # Sparse weights have index tables of their own, which are not checked here.
        sparse = any(tensor.Sparsity() for graph in _graphs(model) for tensor in _tensors(graph))
    except Exception as error:  # parsing an invalid file can fail in any way
        raise WorkloadError(Failure.MODEL_UNUSABLE) from error
    # No allowed operator runs a second graph.
    if used - ALLOWED or elsewhere or sparse or graphs != 1:
        raise WorkloadError(Failure.MODEL_OPERATION_FORBIDDEN)


def _check_indices(indices: Iterator[tuple[int, int]]) -> None:
    for count, (index, end) in enumerate(indices):
        if count >= MAX_INDICES:
            raise ValueError("more indices than a classifier has")
        if not 0 <= index < end:
            raise ValueError("an index is out of range")


def _indices(model: Model, size: int) -> Iterator[tuple[int, int]]:
    """Yields each index, and the first value that is out of its range."""
    codes, buffers, graphs = (
        model.OperatorCodesLength(),
        model.BuffersLength(),
        model.SubgraphsLength(),
    )
    yield codes, MAX_INDICES
    for buffer in map(model.Buffers, range(buffers)):
        yield buffer.Offset() + buffer.Size(), size + 1
    for note in map(model.Metadata, range(model.MetadataLength())):
        yield note.Buffer(), buffers
    for graph in _graphs(model):
        tensors = graph.TensorsLength()
        yield from _indices_in(tensors, graph, "Inputs", "Outputs")
        for tensor in _tensors(graph):
            yield tensor.Buffer(), buffers
        for operator in map(graph.Operators, range(graph.OperatorsLength())):
            yield operator.OpcodeIndex(), codes
            yield from _indices_in(tensors, operator, "Outputs")
            for index, end in _indices_in(tensors, operator, "Inputs", "Intermediates"):
                yield index + 1, end + 1  # -1 means none
    for signature in map(model.SignatureDefs, range(model.SignatureDefsLength())):
        yield signature.SubgraphIndex(), graphs
        tensors = model.Subgraphs(signature.SubgraphIndex()).TensorsLength()
        for named in map(signature.Inputs, range(signature.InputsLength())):
            yield named.TensorIndex(), tensors
        for named in map(signature.Outputs, range(signature.OutputsLength())):
            yield named.TensorIndex(), tensors


def _indices_in(end: int, table: Any, *lists: str) -> Iterator[tuple[int, int]]:  # noqa: ANN401  any of them
    for name in lists:
        for index in range(getattr(table, f"{name}Length")()):
            yield getattr(table, name)(index), end


def _graphs(model: Model) -> Iterator[Any]:
    return map(model.Subgraphs, range(model.SubgraphsLength()))


def _tensors(graph: Any) -> Iterator[Any]:  # noqa: ANN401  a SubGraph, which has no type
    return map(graph.Tensors, range(graph.TensorsLength()))


def operators(model: Model) -> set[str]:
    """Names of all operators in the model's table."""
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    # Models from before there were more than 127 operators use only the second field.
    indices = {max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) for code in codes}
    return {_NAMES.get(index, f"{index}") for index in indices}
