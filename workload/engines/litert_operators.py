"""Checks the operators of a LiteRT model, before any of it is loaded or run.

No built-in operator of LiteRT accesses files, but a model may name custom operators, and it may say
that its weights are in another file. A list (`litert_allowed`) holds what a model may have; no
operator in it calls another graph; any other operator is an error.

LiteRT verifies the structure of a file, but does not check some indices: this module checks that
each index is within its table. It limits neither the time nor the memory that an allowed operator
uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ai_edge_litert.schema_py_generated import BuiltinOperator, Model

from workload.engines.litert_allowed import ALLOWED
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_INDICES = 100_000
"""Of a model: MobileNet has a thousand, the largest classifiers twenty times as many."""

_NAMES = {index: name for name, index in vars(BuiltinOperator).items() if type(index) is int}


class Finding(NamedTuple):
    """An operator that is not allowed. A custom one has the name that the author gave it."""

    operation: str
    place: int
    """In the model's table of operators."""
    custom: str

    def __str__(self) -> str:
        """Operator and place, for the model's owner."""
        named = f" {self.custom!r}" if self.custom else ""
        return f"{self.operation}{named}, operator {self.place} of the model's table"


def check(file: Path) -> None:
    """Raises MODEL_OPERATION_FORBIDDEN or MODEL_UNUSABLE unless the model may be loaded.

    The error does not name the operator: names of custom operators are chosen by the model's
    author.
    """
    try:
        content = file.read_bytes()
        model = Model.GetRootAs(content)
        _check_indices(_indices(model, len(content)))
        found = forbidden(model)
        graphs = model.SubgraphsLength()
        elsewhere = model.ExternalBuffersLength() + model.ExternalBufferGroupsLength()
        # Sparse weights have index tables of their own, which are not checked here.
        sparse = any(tensor.Sparsity() for graph in _graphs(model) for tensor in _tensors(graph))
    except Exception as error:  # parsing an invalid file can fail in any way
        raise WorkloadError(Failure.MODEL_UNUSABLE) from error
    # No allowed operator runs a second graph.
    if found or elsewhere or sparse or graphs != 1:
        raise WorkloadError(Failure.MODEL_OPERATION_FORBIDDEN)


def findings(file: Path) -> list[Finding]:
    """Every operator that is not allowed, for the model's owner; the file must be valid."""
    return forbidden(Model.GetRootAs(file.read_bytes()))


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


def forbidden(model: Model) -> list[Finding]:
    """The operators of the model's table that are not allowed."""
    return [
        Finding(
            name, index, (model.OperatorCodes(index).CustomCode() or b"").decode("utf-8", "replace")
        )
        for index, name in enumerate(operators(model))
        if name not in ALLOWED
    ]


def operators(model: Model) -> list[str]:
    """The name of each operator in the model's table, in order."""
    codes = map(model.OperatorCodes, range(model.OperatorCodesLength()))
    # Models from before there were more than 127 operators use only the second field.
    indices = [max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) for code in codes]
    return [_NAMES.get(index, f"{index}") for index in indices]
