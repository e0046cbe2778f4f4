"""Classifies every operation of both engines: allowed, or excluded for a reason.

The workload holds the resulting lists as plain names (`workload/engines/*_allowed.py`). A test
derives them anew from the engines' registries by these rules, so that a new version of an engine
shows its differences. An operation is allowed if it computes numbers from numbers, and cannot touch
files, the network, Python, other devices or state outside the model, nor loop without a bound. What
its numbers cost is limited when it runs. docs/adr/0030 has the criteria.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tensorflow.core.framework import op_def_pb2, types_pb2
from tensorflow.python.client import pywrap_tf_session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Rule(NamedTuple):
    """Operations that are excluded, and why."""

    pattern: str
    """Of the whole name."""
    reason: str


REVIEWED: Final = {
    "If": "a condition: both branches are functions of the graph, which are checked, too",
    "PartitionedCall": "a call of a function of the graph, which is checked, too",
    "ReadVariableOp": "reads a variable of the model",
    "StatefulPartitionedCall": "a call of a function of the graph, which is checked, too",
    "StatelessIf": "a condition: both branches are functions of the graph, which are checked, too",
}
"""TensorFlow's operations that are allowed although they have state or call functions."""

FAMILIES: Final = (
    Rule("_.*", "an internal operation of TensorFlow, which no saved model needs"),
    Rule(
        "Switch|Merge|Enter|Exit|NextIteration|LoopCond|ControlTrigger|Ref(Switch|Merge|Enter|Exit)|"
        "RefNextIteration",
        "a loop or a condition of TensorFlow 1, which is not shown to end. Unroll the loop, or save"
        " the model with TensorFlow 2",
    ),
    Rule(
        "While|StatelessWhile|For|.*TensorList.*|TensorArray.*",
        "a loop, which is not shown to end. Unroll it: keras.layers.LSTM(…, unroll=True), or write"
        " the steps one by one",
    ),
    Rule(
        ".*(HashTable|LookupTable).*|InitializeTable.*|MutableDenseHash.*",
        "a table, which is state beside the model. Save the model without it, and give the labels"
        " with --labels",
    ),
    Rule(
        "(Eager)?PyFunc(Stateless)?",
        "Python code, which is not part of the model's file. Write it with TensorFlow's operations",
    ),
    Rule(
        "(Decode|Encode|ExtractJpeg).*",
        "it decodes files within the engine. The workload decodes pictures in processes that can"
        " reach nothing: save the model from pixels on",
    ),
    Rule(
        ".*(Save|Restore|ReadFile|WriteFile|MatchingFiles|ShardedFilename|MergeV2Checkpoints).*|"
        "ImmutableConst|CustomAggregator|.*Dataset.*|.*Reader.*|.*Summary(Writer)?.*",
        "it reads or writes files. Save the model for inference alone",
    ),
    Rule("Debug.*", "it sends numbers to a file or an address. Save the model without debugging"),
    Rule("Abort", "it ends the process"),
    Rule(
        ".*Random.*|Stateless.*|.*Multinomial|Stochastic.*|SobolSample|.*CandidateSampler|"
        "Fractional.*Pool|ComputeAccidentalHits|KMC2.*|Kmeans.*|ParameterizedTruncatedNormal|"
        "TruncatedNormal|RngSkip|RngReadAndSkip|.*Dropout.*",
        "random numbers: a run must give the same answer again. An augmentation layer is probably"
        " active: save the model with training=False, for example as a .keras file",
    ),
    Rule(
        "(Xla|Risc|TPU|DTensor|Cudnn|CopyToMesh|Relayout|Mlir|UniformQuantize|UniformRequantize|"
        "UniformDequantize|Nccl|Collective).*|.*(Tpu|SparseCore|Minibatch).*|CheckPinned|HostConst|"
        "Copy|CopyHost|ApproxTopK|TopKUnique|TopKWithUnique|MakeUnique|KthOrderStatistic|"
        "GetDeadline|TFLite_.*|UnidirectionalSequence.*",
        "an operation of other compilers or devices. Save the model for the CPU",
    ),
    Rule(
        "(?!StopGradient|PreventGradient|Conv2DBackpropInput$|Conv3DBackpropInputV2$).*"
        "(Grad|Backprop).*",
        "a gradient, which only training needs. Save the model for inference alone",
    ),
    Rule(
        "(SparseSoftmax|Softmax)CrossEntropyWithLogits|L2Loss|InTopK(V2)?|Sdca.*|CTC.*|EditDistance|"
        "IsotonicRegression|Apply.*|ResourceApply.*|SparseApply.*|BroadcastGradientArgs",
        "a loss, a metric or an optimizer, which only training needs. Save the model for inference"
        " alone",
    ),
    Rule(
        ".*(Sparse|Ragged).*|DenseToDenseSet.*|SetSize|.*Bincount|(Unsorted)?Segment.*",
        "its kernel has trusted the indices in its input, which is memory of the enclave",
    ),
    Rule(
        "Quantized.*|Requantiz.*|QuantizeV2|Dequantize|QuantizeDownAndShrinkRange|"
        "QuantizeAndDequantize.*",
        "its kernel has trusted the ranges in its input. Use the float model, or pack with --engine"
        " litert --quantize int8",
    ),
    Rule(
        "Inplace.*|.*NonAliasing.*|TensorStridedSliceUpdate|ParallelConcat|ParallelDynamicStitch|"
        "DynamicStitch|DynamicPartition|Snapshot",
        "it writes into the memory of another tensor, or sorts by indices without need. Use"
        " tf.where, tf.gather or tf.concat",
    ),
    Rule(
        "LSTMBlock.*|BlockLSTM.*|GRUBlock.*",
        "a recurrent cell whose kernel has trusted its sizes. Use keras.layers.LSTM(unroll=True)",
    ),
    Rule(
        "NonMaxSuppression.*|CombinedNonMax.*|.*BoundingBox.*|CropAndResize|ExtractGlimpse.*|"
        "NearestNeighbors|BoostedTrees.*|Audio.*|Mfcc|Unicode.*|Batch|Unbatch",
        "it belongs to other tasks than the classification of pictures. Save the part of the model"
        " from a picture to scores",
    ),
    Rule(
        "Batch(Matrix.*|Svd|SelfAdjointEig.*|Cholesky.*|I?FFT.*)",
        "an old name: save the model with a current version of TensorFlow",
    ),
    Rule(
        "Placeholder.*|FakeParam|VarHandleOp|VarIsInitializedOp|AssignVariableOp|_Arg|_Retval",
        "an input or a variable within a function. Save the model for inference alone",
    ),
    Rule(
        "A|B|Foo\\d|None|Old|Binary|Unary|(Simple|TwoFloat|TwoInt|NIn|NPoly|Attr|Int(Attr|In|Out|64)|"
        "Float(In|Out)|OutT|TypeList|Polymorphic|Reserved|OpWith|Restrict|Mixed|Complex(Struct)|List"
        "(In|Out)|Default|FiveFloat|InPoly|StringList|ConstructionFails|CopyOp|DefaultAttrs).*",
        "an operation of TensorFlow's own tests",
    ),
)
"""The first rule that fits gives the reason. Those after the facts of `_by_facts`."""

LITERT: Final = (
    Rule(
        "WHILE|CALL|CALL_ONCE|IF",
        "it runs a second graph, and a loop is not shown to end. Unroll it",
    ),
    Rule(
        "CUSTOM|DELEGATE|PLACEHOLDER_FOR_GREATER_OP_CODES",
        "an operator that LiteRT itself does not have. Convert the model with built-in operators:"
        " converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]",
    ),
    Rule("STABLEHLO_.*", "an operator of another compiler. Convert with TFLITE_BUILTINS"),
    Rule(
        "VAR_HANDLE|READ_VARIABLE|ASSIGN_VARIABLE|HASHTABLE.*",
        "state beside the model. Freeze the model before you convert it",
    ),
    Rule("RANDOM_.*|MULTINOMIAL", "random numbers: a run must give the same answer again"),
    Rule(
        ".*LSTM|.*RNN|SVDF|UNIDIRECTIONAL_.*|BIDIRECTIONAL_.*",
        "a recurrent cell, which keeps state between calls. Unroll it",
    ),
    Rule(
        "EMBEDDING_LOOKUP.*|CONCAT_EMBEDDINGS|LSH_PROJECTION|SKIP_GRAM|NON_MAX_SUPPRESSION_.*",
        "it belongs to other tasks than the classification of pictures",
    ),
    Rule(
        "DENSIFY|SPARSE_TO_DENSE|SCATTER_ND|MATRIX_DIAG|MATRIX_SET_DIAG|.*SEGMENT_.*|DYNAMIC_UPDATE_SLICE|UNIQUE|WHERE|"
        "REVERSE_SEQUENCE",
        "its kernel trusts indices or sizes in its input, which is memory of the enclave",
    ),
)


def reason(format_: str, operation: str) -> str | None:
    """Why an operation is not allowed and what to do; None if it is allowed."""
    rules = litert() if format_ == "litert" else tensorflow()
    return rules.get(operation, "it is no operation of this version of the engine")


@cache
def tensorflow() -> Mapping[str, str | None]:
    """The reason for each registered operation of TensorFlow; None if it is allowed."""
    return {each.name: _tensorflow_reason(each) for each in registered()}


def registered() -> Sequence[Any]:
    """TensorFlow's own description (OpDef) of each of its operations."""
    buffer = pywrap_tf_session.TF_GetAllOpList()
    found = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(buffer))
    return tuple(found.op)


@cache
def litert() -> Mapping[str, str | None]:
    """The reason for each built-in operator of LiteRT; None if it is allowed."""
    from ai_edge_litert.schema_py_generated import BuiltinOperator  # noqa: PLC0415  one engine each

    names = [name for name, value in vars(BuiltinOperator).items() if type(value) is int]
    return {name: _by_family(name, LITERT) for name in names}


def _tensorflow_reason(operation: Any) -> str | None:  # noqa: ANN401  an OpDef, which has no type
    if operation.name in REVIEWED:
        return None
    return _by_family(operation.name, FAMILIES) or _by_facts(operation)


def _by_family(name: str, rules: tuple[Rule, ...]) -> str | None:
    return next((rule.reason for rule in rules if re.fullmatch(rule.pattern, name)), None)


_NO_NUMBERS: Final = frozenset({types_pb2.DT_STRING, types_pb2.DT_RESOURCE, types_pb2.DT_VARIANT})


def _by_facts(operation: Any) -> str | None:  # noqa: ANN401  an OpDef, which has no type
    arguments = [*operation.input_arg, *operation.output_arg]
    if any(argument.is_ref for argument in arguments):
        return "a variable of TensorFlow 1. Save the model with TensorFlow 2, or let `pack` do it"
    if any(argument.type in _NO_NUMBERS for argument in arguments):
        return "it takes or gives something that is no number: a text, a file, a table, an iterator"
    if any(attribute.type in ("func", "list(func)") for attribute in operation.attr):
        return "it calls functions in a way that this workload does not check"
    if operation.is_stateful:
        return "it has state or effects beside its numbers"
    return None
