"""Which operations a SavedModel may hold: judged before anything of it is loaded or run.

A SavedModel is a program, and TensorFlow has operations that read and write files or call back into
the host. Three lists say what a classifier needs; whatever else is found refuses the model. Every
function counts, whether the signature, an attribute or the loading reaches it or not: no way to a
function can be overlooked. Only the saver's own touch files by nature, and this workload runs none
of them. The lists are what Keras 3.15 exports of MobileNet, MobileNetV2, MobileNetV3, ResNet50,
ResNet50V2, EfficientNet, EfficientNetV2, DenseNet, Inception, Xception, NASNet, VGG and ConvNeXt.

It does not judge how TensorFlow reads a damaged file, nor how long an allowed operation may take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.message import (  # type: ignore[import-untyped]  # it publishes no types
    DecodeError,
)
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from pathlib import Path

SERVING = frozenset(
    """
    AddV2 AvgPool BiasAdd ConcatV2 Const Conv2D DepthwiseConv2dNative Erfc GatherV2 Identity
    IdentityN MatMul MaxPool Maximum Mean Mul Neg NoOp Pack Pad Prod ReadVariableOp RealDiv Relu
    Relu6 Reshape Rsqrt Shape Sigmoid Softmax Sqrt Square SquaredDifference Squeeze
    StatefulPartitionedCall StopGradient StridedSlice Sub Sum Transpose
    FusedBatchNormV3 PartitionedCall
    """.split()  # noqa: SIM905  a text of names is easier to read and to compare
)
"""In functions. The last line: batch normalisation of Keras 2, and a call that holds no state."""

DECLARING = frozenset(
    """
    AssignVariableOp Const NoOp Placeholder ReadVariableOp StatefulPartitionedCall VarHandleOp
    VarIsInitializedOp
    """.split()  # noqa: SIM905  a text of names is easier to read and to compare
)
"""In the graph around the functions, of which loading takes the constants and runs nothing."""

SAVING = frozenset(
    """
    AssignVariableOp Const DisableCopyOnRead Identity MergeV2Checkpoints NoOp Pack ReadVariableOp
    RestoreV2 SaveV2 Select ShardedFilename StaticRegexFullMatch StringJoin
    """.split()  # noqa: SIM905  a text of names is easier to read and to compare
)
"""In the saver's two functions; no operation here can call another function."""


def check(folder: Path) -> None:
    """A SavedModel's folder may be loaded; raises MODEL_OPERATION_FORBIDDEN, MODEL_UNUSABLE.

    Which operation it was does not leave: operations are named by whoever made the model.
    """
    try:
        # The file that TensorFlow prefers to any other form of it.
        found = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    except (OSError, DecodeError) as error:
        raise WorkloadError(Failure.MODEL_UNUSABLE) from error
    graphs = found.meta_graphs
    # Anything else is TensorFlow 1's: loading would run its saver and its initialisers.
    if len(graphs) != 1 or not graphs[0].HasField("object_graph_def"):
        raise WorkloadError(Failure.MODEL_UNUSABLE)
    if forbidden(graphs[0]):
        raise WorkloadError(Failure.MODEL_OPERATION_FORBIDDEN)


def forbidden(graph: Any) -> set[str]:  # noqa: ANN401  a MetaGraphDef, which has no type
    """The operations that no list allows where they are, for whoever packs a model."""
    saver = _saver(graph)
    found = _kinds(graph.graph_def.node) - DECLARING
    for function in graph.graph_def.library.function:
        allowed = SAVING if function.signature.name in saver else SERVING
        found |= _kinds(function.node_def) - allowed
    return found


def _saver(graph: Any) -> set[str]:  # noqa: ANN401  a MetaGraphDef, which has no type
    """The saver's functions; none if anything else names one of them, because it might run it."""
    saves, restores = graph.saver_def.save_tensor_name, graph.saver_def.restore_op_name
    roots = {saves.partition(":")[0], restores}
    nodes, functions = graph.graph_def.node, graph.graph_def.library.function
    named = {node.attr["f"].func.name for node in nodes if node.name in roots and "f" in node.attr}
    others = [
        graph.object_graph_def,
        *(node for node in nodes if node.name not in roots),
        # TensorFlow may swap functions that say they implement the same.
        *(f for f in functions if f.signature.name not in named or "api_implements" in f.attr),
    ]
    told = b"".join(each.SerializeToString() for each in others)
    return set() if any(name.encode() in told for name in named) else named


def _kinds(nodes: Any) -> set[str]:  # noqa: ANN401  a repeated field, which has no type
    return {node.op for node in nodes}
