"""Which operators a LiteRT model may hold: judged before anything of it is loaded or run.

A LiteRT model has no operator that touches a file, unless it brings its own or the host adds some,
and it may say that its weights are in another file. The list says what a classifier needs, and no
operator in it calls another graph; whatever else is found refuses the model. It is what the models
that `workload.engines.tensorflow_operations` names become when they are converted.

LiteRT verifies the form of a file, but follows some of its numbers unseen: here, each that says
where something is must lead to something. How much time or memory an allowed operator takes at work
is not judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai_edge_litert.schema_py_generated import BuiltinOperator, Model

from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_INDICES = 100_000
"""That lead to something: a thousand in MobileNet, where the largest classifiers have twenty times
as many."""

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
    """A LiteRT model may be loaded; raises MODEL_OPERATION_FORBIDDEN, MODEL_UNUSABLE.

    Which operator it was does not leave: operators of its own are named by whoever made the model.
    """
    try:
        content = file.read_bytes()
        model = Model.GetRootAs(content)
        _check_indices(_indices(model, len(content)))
        used = operators(model)
        graphs = model.SubgraphsLength()
        elsewhere = model.ExternalBuffersLength() + model.ExternalBufferGroupsLength()
        # Weights of which only some are there, by numbers of their own.
        sparse = any(tensor.Sparsity() for graph in _graphs(model) for tensor in _tensors(graph))
    except Exception as error:  # a file that is no such model can fail in any way
        raise WorkloadError(Failure.MODEL_UNUSABLE) from error
    # No operator of the list runs a second graph.
    if used - ALLOWED or elsewhere or sparse or graphs != 1:
        raise WorkloadError(Failure.MODEL_OPERATION_FORBIDDEN)


def _check_indices(indices: Iterator[tuple[int, int]]) -> None:
    for count, (index, end) in enumerate(indices):
        if count >= MAX_INDICES:
            raise ValueError("more numbers than a classifier has")
        if not 0 <= index < end:
            raise ValueError("a number leads to nothing")


def _indices(model: Model, size: int) -> Iterator[tuple[int, int]]:
    """Each number that says where something is, and the first one that leads to nothing."""
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
                yield index + 1, end + 1  # -1 says that there is none
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
    """Every operator that a model may use in any of its graphs, by name."""
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    # Models of before there were more than 127 operators say it in the second field only.
    indices = {max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) for code in codes}
    return {_NAMES.get(index, f"{index}") for index in indices}
