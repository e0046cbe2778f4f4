"""Checks the operations of a SavedModel, before any of it is loaded or run.

A SavedModel is a program, and TensorFlow has operations that read and write files or call back into
the host. Three lists hold what a model may have: in its functions (`tensorflow_allowed`), outside
of them, and in the saver's functions; any other operation is an error. All functions are checked,
even if nothing calls them, so that no path to a function can be overlooked: `confidential-inference
pack` exports no others. Only the saver's functions may access files, and this workload runs none of
them.

The size of a graph is limited, too, because a few bytes can become gigabytes in memory: the limits
are on its file, on the elements of its constants, and on both after inlining all function calls.

This module limits neither how TensorFlow parses a damaged file, nor the time and memory that an
allowed operation uses.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, NamedTuple

from google.protobuf.message import (  # type: ignore[import-untyped]  # it publishes no types
    DecodeError,
)
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from workload.engines.tensorflow_allowed import SERVING
from workload.errors import Detail, Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_BYTES = 32 * 1024**2
"""Of the graph's file; weights are in other files. In memory it can take fifty times as much: a
node may have two bytes."""
MAX_SIZE = 64 * 1024**2
"""Elements of all constants, by their shapes: ten bytes may declare any number of elements."""
NODE = 64
"""A node counts as so many elements; the largest classifiers have 20,000 nodes."""

DECLARING = frozenset(
    """
    AssignVariableOp Const NoOp PartitionedCall Placeholder ReadVariableOp StatefulPartitionedCall
    VarHandleOp VarIsInitializedOp
    """.split()  # noqa: SIM905  a text of names is easier to read and to compare
)
"""In the graph outside functions; loading reads its constants and runs nothing."""

SAVING = frozenset(
    """
    AssignVariableOp Const DisableCopyOnRead Identity MergeV2Checkpoints NoOp Pack ReadVariableOp
    RestoreV2 SaveV2 Select ShardedFilename StaticRegexFullMatch StringJoin
    """.split()  # noqa: SIM905  a text of names is easier to read and to compare
)
"""In the saver's two functions; none of these can call another function."""


class Finding(NamedTuple):
    """An operation that is not allowed where it is. The names are those of the model's author."""

    operation: str
    node: str
    function: str
    """Empty outside functions."""

    def __str__(self) -> str:
        """Operation and place, for the model's owner."""
        return f"{self.operation} in node {self.node} of {self.function or 'the main graph'}"


def check(folder: Path) -> None:
    """Raises MODEL_OPERATION_FORBIDDEN or MODEL_UNUSABLE unless the SavedModel may be loaded.

    The error does not name the operation: the model's author chooses the names.
    """
    graph = _graph(folder)
    if forbidden(graph):
        raise WorkloadError(Failure.MODEL_OPERATION_FORBIDDEN)
    try:
        size = _size(graph)
    except CycleError as error:
        raise WorkloadError(Failure.MODEL_UNUSABLE) from error
    if size > MAX_SIZE:
        raise WorkloadError(Failure.MODEL_UNUSABLE, Detail.GRAPH_TOO_LARGE)


def findings(folder: Path) -> list[Finding]:
    """Every operation that is not allowed, for the model's owner; raises MODEL_UNUSABLE."""
    return forbidden(_graph(folder))


def _graph(folder: Path) -> Any:  # noqa: ANN401  a MetaGraphDef, which has no type
    try:
        # TensorFlow prefers this file to any other form of the graph.
        with (folder / "saved_model.pb").open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise WorkloadError(Failure.MODEL_UNUSABLE, Detail.GRAPH_TOO_LARGE)
        saved = SavedModel.FromString(content)
    except (OSError, DecodeError) as error:
        raise WorkloadError(Failure.MODEL_UNUSABLE) from error
    graphs = saved.meta_graphs
    # Other models are TensorFlow 1's: loading would run their saver and initialisers.
    if len(graphs) != 1 or not graphs[0].HasField("object_graph_def"):
        raise WorkloadError(Failure.MODEL_UNUSABLE)
    return graphs[0]


def _size(graph: Any) -> int:  # noqa: ANN401  a MetaGraphDef, which has no type
    """Size of the largest function, or of the graph, with all calls inlined; CycleError."""
    functions = graph.graph_def.library.function
    own: Counter[str] = Counter()
    calls: defaultdict[str, Counter[str]] = defaultdict(Counter)
    parts = [(each.signature.name, each, each.node_def) for each in functions]
    for name, part, nodes in [*parts, ("", graph, graph.graph_def.node)]:
        own[name] += sum(map(_elements, _tensors(part))) + NODE * len(nodes)
        for node in nodes:
            calls[name].update(attr.func.name for attr in node.attr.values() if attr.func.name)
    whole: Counter[str] = Counter()
    for name in TopologicalSorter(calls).static_order():
        called = sum(times * whole[other] for other, times in calls[name].items())
        whole[name] = min(
            own[name] + called, MAX_SIZE + 1
        )  # limit it: it could have a million digits
    return max(whole.values())


def _tensors(message: Any) -> Iterator[Any]:  # noqa: ANN401  a message of any kind, without type
    """All tensors in a message, at any depth: in attributes of nodes, lists, default values."""
    if message.DESCRIPTOR is TensorProto.DESCRIPTOR:
        yield message
        return
    for field in _fields_with_tensors(message.DESCRIPTOR):
        values = getattr(message, field.name)
        if field.message_type.GetOptions().map_entry:
            values = values.values()
        elif not field.is_repeated:
            values = [values] if message.HasField(field.name) else ()
        for inner in values:
            yield from _tensors(inner)


@cache
def _fields_with_tensors(kind: Any) -> tuple[Any, ...]:  # noqa: ANN401  a Descriptor, which has no type
    """The fields of a message type that can hold a tensor at some depth."""
    return tuple(
        field
        for field in kind.fields
        if field.message_type and TensorProto.DESCRIPTOR in _nested_types(field.message_type)
    )


@cache
def _nested_types(kind: Any) -> frozenset[Any]:  # noqa: ANN401  a Descriptor, which has no type
    """All message types that can occur in a message type, at any depth."""
    nested, queue = set(), [kind]
    while queue:
        each = queue.pop()
        if each not in nested:
            nested.add(each)
            queue += [field.message_type for field in each.fields if field.message_type]
    return frozenset(nested)


def _elements(tensor: Any) -> int:  # noqa: ANN401  a TensorProto, which has no type
    return math.prod(max(dim.size, 0) for dim in tensor.tensor_shape.dim)


def forbidden(graph: Any) -> list[Finding]:  # noqa: ANN401  a MetaGraphDef, which has no type
    """The operations that are not allowed where they are."""
    saver = _saver(graph)
    parts = [("", graph.graph_def.node, DECLARING)]
    for function in graph.graph_def.library.function:
        name = function.signature.name
        parts.append((name, function.node_def, SAVING if name in saver else SERVING))
    return [
        Finding(node.op, node.name, name)
        for name, nodes, allowed in parts
        for node in nodes
        if node.op not in allowed
    ]


def _saver(graph: Any) -> set[str]:  # noqa: ANN401  a MetaGraphDef, which has no type
    """The saver's functions; empty if anything else names one of them, because it might run it."""
    saves, restores = graph.saver_def.save_tensor_name, graph.saver_def.restore_op_name
    roots = {saves.partition(":")[0], restores}
    nodes, functions = graph.graph_def.node, graph.graph_def.library.function
    named = {node.attr["f"].func.name for node in nodes if node.name in roots and "f" in node.attr}
    others = [
        graph.object_graph_def,
        *(node for node in nodes if node.name not in roots),
        # TensorFlow may exchange functions with the same `api_implements`.
        *(f for f in functions if f.signature.name not in named or "api_implements" in f.attr),
    ]
    serialized = b"".join(each.SerializeToString() for each in others)
    return set() if any(name.encode() in serialized for name in named) else named
