"""Reduces a signature to what inference needs: one flat graph of numbers, and its variables.

A SavedModel holds much that inference never runs: saver, initialisers, training branches, updates
of random seeds, other outputs. The workload judges every operation of an archive, so none of that
may go into one. This module inlines all calls, decides conditions that do not depend on the input,
and keeps only nodes whose numbers reach the output.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2, rewriter_config_pb2
from tensorflow.python.framework.convert_to_constants import disable_lower_using_switch_merge
from tensorflow.python.grappler import tf_optimizer
from tensorflow.python.training.saver import export_meta_graph

from packing.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONDITIONS: Final = ("If", "StatelessIf")
_PASSING: Final = ("Cast", "Identity", "IdentityN", "Reshape", "Squeeze")
"""Operations that pass numbers on, or shape them."""
_HALVES: Final = {tf.float16.as_datatype_enum: 2**-10, tf.bfloat16.as_datatype_enum: 2**-7}
"""Types of two bytes, with the distance from 1 to the next number."""
_ROUNDS: Final = 10
"""Most nested conditions that are decided one after the other."""


class InferenceGraph:
    """The nodes between one input and one output of a concrete function.

    Raises PackError if the output needs more than the input, variables and constants.
    """

    def __init__(self, function: Any, picture: Any, output: Any) -> None:  # noqa: ANN401  untyped
        """`picture` and `output` are symbolic tensors of `function`, a concrete function."""
        self._input, self._output = picture.name, output.name
        self.dtype: tf.DType = picture.dtype
        self.shape: tf.TensorShape = picture.shape
        self.graph_def = _reduced(function, picture, output)
        self._captures = _captures(function, self.graph_def, picture)
        self._handles = {
            name for name, each in self._captures.items() if isinstance(each, tf.Variable)
        }
        self._captures |= _old_variables(function, self.graph_def)

    @property
    def variables(self) -> list[Any]:
        """The variables that the nodes read."""
        return [each for each in self._captures.values() if isinstance(each, tf.Variable)]

    def output_operation(self) -> str:
        """The operation that computes the output, without those that only pass or shape it."""
        nodes = {node.name: node for node in self.graph_def.node}
        node = nodes[_node(self._output)]
        while node.op in _PASSING:
            node = nodes[_node(node.input[0])]
        return str(node.op)

    def precision(self) -> float:
        """The distance from 1 to the next number, if an operation computes in halves; else 0.

        Numbers that are only stored in halves, and cast before they are used, do not count.
        """
        types = {
            node.attr["T"].type
            for node in self.graph_def.node
            if "T" in node.attr and node.op not in _PASSING
        }
        return max((_HALVES[each] for each in types & _HALVES.keys()), default=0.0)

    def first_constants(self) -> tuple[float, ...]:
        """The numbers that the input is multiplied by, or divided by, before anything else."""
        constants: dict[str, float] = {}
        for node in self.graph_def.node:
            if node.op == "Const" and not node.attr["value"].tensor.tensor_shape.dim:
                value = tf.make_ndarray(node.attr["value"].tensor)
                if value.dtype.kind == "f":
                    constants[node.name] = float(value)
        same = {_node(self._input)}
        found = []
        for node in self.graph_def.node:  # grappler sorts them by their inputs
            places = [_node(each) for each in node.input]
            if node.op in ("Cast", "Identity") and places and places[0] in same:
                same.add(node.name)
            elif node.op in ("Mul", "RealDiv") and same & set(places):
                found += [
                    constants[each] if node.op == "Mul" else 1 / constants[each]
                    for each in places
                    if constants.get(each)
                ]
        return tuple(found)

    def elements(self, shape: Sequence[int]) -> int:
        """Numbers in the largest tensor that the model computes from one picture of this shape."""
        spec = tf.TensorSpec((1, *shape), self.dtype)
        traced = tf.function(self.__call__, autograph=False).get_concrete_function(spec)
        sizes = [
            each.shape.num_elements()
            for operation in traced.graph.get_operations()
            for each in operation.outputs
            if operation.type not in ("Const", "ReadVariableOp") and each.shape.rank is not None
        ]
        return max((size for size in sizes if size), default=0)

    def __call__(self, pixels: Any, *, frozen: bool = False) -> Any:  # noqa: ANN401  tensors
        """The output for an input, inside a tf.function; `frozen` makes variables constants."""
        given = {self._input: pixels}
        for tensor, each in self._captures.items():
            if not isinstance(each, tf.Variable):
                given[tensor] = tf.constant(each)
            elif frozen:
                with tf.init_scope():  # outside of the function that is traced
                    numbers = each.numpy()
                reads = self._reads.get(tensor, [tensor])
                given |= dict.fromkeys(reads, tf.constant(numbers))
            elif tensor in self._handles:
                given[tensor] = tf.compat.v1.get_default_graph().capture(each.handle)
            else:
                given[tensor] = each.read_value()
        nodes = _needed(self.graph_def, self._output, frozenset(given))
        (answer,) = tf.graph_util.import_graph_def(nodes, given, [self._output], name="")
        return answer

    @cached_property
    def _reads(self) -> dict[str, list[str]]:
        """The tensors with the value of each variable."""
        found: dict[str, list[str]] = {tensor: [] for tensor in self._handles}
        # Inlined calls leave copies of a handle.
        origin = {_node(tensor): tensor for tensor in self._handles}
        for node in self.graph_def.node:  # grappler sorts them by their inputs
            handle = origin.get(_node(node.input[0])) if node.input else None
            if handle and node.op == "Identity":
                origin[node.name] = handle
            elif handle and node.op == "ReadVariableOp":
                found[handle].append(f"{node.name}:0")
        return found


def _node(tensor: str) -> str:
    """The node of a tensor or of a control dependency."""
    return tensor.removeprefix("^").partition(":")[0]


def _reduced(function: Any, picture: Any, output: Any) -> Any:  # noqa: ANN401  untyped
    # Conditions stay conditions: as switches they could not be decided any more.
    graph_def = disable_lower_using_switch_merge(function.graph.as_graph_def())
    for each in graph_def.library.function:
        # TensorFlow does not inline a function that says it can be exchanged for another one.
        each.attr.pop("api_implements", None)
    flags = {
        _node(each.name)
        for each in function.inputs
        if each.dtype == tf.bool and each.shape.rank in (0, None) and each is not picture
    }
    for node in graph_def.node:
        if node.op == "PlaceholderWithDefault" and node.name != _node(picture.name):
            type_ = node.attr["dtype"].type
            node.op = "Identity"
            node.attr.clear()
            node.attr["T"].type = type_
        elif node.name in flags:  # whether to train, which inference never does
            node.op = "Const"
            node.attr.clear()
            node.attr["dtype"].type = tf.bool.as_datatype_enum
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(False))  # noqa: FBT003
    names = [picture.name, output.name]
    graph_def = _optimized(graph_def, function.graph, names, "function")
    for _ in range(_ROUNDS):
        graph_def = _needed(graph_def, output.name)
        if not _decide_conditions(graph_def):
            break
        graph_def = _optimized(graph_def, function.graph, names, "constfold", "function")
    return graph_def


def _optimized(graph_def: Any, graph: Any, names: list[str], *optimizers: str) -> Any:  # noqa: ANN401
    meta_graph = export_meta_graph(graph_def=graph_def, graph=graph, clear_devices=True)
    meta_graph.collection_def.clear()
    kept = meta_graph_pb2.CollectionDef()
    kept.node_list.value.extend(names)
    meta_graph.collection_def["train_op"].CopyFrom(kept)  # grappler's name for what must stay
    config = config_pb2.ConfigProto()
    rewriting = config.graph_options.rewrite_options
    rewriting.min_graph_nodes = -1
    rewriting.optimizers.extend(optimizers)
    rewriting.function_optimization = rewriter_config_pb2.RewriterConfig.AGGRESSIVE
    return tf_optimizer.OptimizeGraph(config, meta_graph)


def _needed(graph_def: Any, output: str, given: frozenset[str] = frozenset()) -> Any:  # noqa: ANN401
    """The nodes whose numbers reach the output, without control dependencies and given tensors."""
    nodes = {node.name: node for node in graph_def.node}
    # Each given tensor is the only one of its node.
    leaves = set(map(_node, given))
    needed, queue = set[str](), [_node(output)]
    while queue:
        name = queue.pop()
        if name not in needed | leaves:
            needed.add(name)
            queue += [_node(each) for each in nodes[name].input if not each.startswith("^")]
    reduced = tf.compat.v1.GraphDef(versions=graph_def.versions, library=graph_def.library)
    for node in graph_def.node:
        if node.name in needed:
            copy = reduced.node.add()
            copy.CopyFrom(node)
            copy.input[:] = [each for each in node.input if not each.startswith("^")]
            copy.device = ""
            # Notes of TensorFlow for itself, such as a place beside a node that is gone.
            for name in [each for each in copy.attr if each.startswith("_")]:
                del copy.attr[name]
    return reduced


def _decide_conditions(graph_def: Any) -> bool:  # noqa: ANN401  a GraphDef
    """Replaces each condition with a constant predicate by a call of its branch."""
    nodes = {node.name: node for node in graph_def.node}
    decided = False
    for node in graph_def.node:
        if node.op in _CONDITIONS:
            predicate = nodes[_node(node.input[0])]
            while predicate.op == "Identity":
                predicate = nodes[_node(predicate.input[0])]
            if predicate.op == "Const":
                value = bool(tf.make_ndarray(predicate.attr["value"].tensor))
                branch = node.attr["then_branch" if value else "else_branch"].func.name
                types = node.attr["Tin"].list.type[:], node.attr["Tout"].list.type[:]
                node.op = "StatefulPartitionedCall"
                del node.input[0]
                node.attr.clear()
                node.attr["f"].func.name = branch
                node.attr["Tin"].list.type.extend(types[0])
                node.attr["Tout"].list.type.extend(types[1])
                decided = True
    return decided


def _captures(function: Any, graph_def: Any, picture: Any) -> dict[str, Any]:  # noqa: ANN401
    """The variable or the constant for each captured tensor that the nodes use."""
    used = {node.name for node in graph_def.node if node.op == "Placeholder"}
    used.discard(_node(picture.name))
    variables = {id(each.handle): each for each in function.graph.variables}
    captures: dict[str, Any] = {}
    for outside, inside in function.graph.captures:
        name = _node(inside.name)
        if name not in used:
            continue
        used.discard(name)
        if id(outside) in variables:
            captures[inside.name] = variables[id(outside)]
        elif outside.dtype not in (tf.resource, tf.variant, tf.string):
            captures[inside.name] = outside.numpy()
        else:
            raise PackError(
                f"the model reads {name} ({outside.dtype.name}), expected variables only: the"
                " workload takes no table and no file beside the graph. Save the model from"
                " pictures to numbers, and give the labels with --labels"
            )
    if used:
        raise PackError(
            f"the model needs more inputs than the picture: {', '.join(sorted(used))}. Save a"
            " signature that takes only pictures, with constants for the other inputs"
        )
    return captures


def _old_variables(function: Any, graph_def: Any) -> dict[str, tf.Variable]:  # noqa: ANN401
    """A new variable for each of TensorFlow 1's kind, by the tensor that reads it."""
    old = {node.name for node in graph_def.node if node.op in ("VariableV2", "Variable")}
    reads = [
        f"{node.name}:0"
        for node in graph_def.node
        if node.op == "Identity" and _node(node.input[0]) in old
    ]
    values = function.prune([], reads)() if reads else []
    return {
        tensor: tf.Variable(value, trainable=False)
        for tensor, value in zip(reads, values, strict=True)
    }
