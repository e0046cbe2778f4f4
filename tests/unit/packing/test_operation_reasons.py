"""Every operation of both engines is allowed or has a reason; the workload's lists follow."""

from __future__ import annotations

import re

import pytest

from packing import operation_reasons
from workload.engines.litert_allowed import ALLOWED
from workload.engines.tensorflow_allowed import SERVING
from workload.engines.tensorflow_operations import DECLARING, SAVING

LAYERS = tuple(
    """
    Tanh Elu Selu LeakyRelu Softplus Softsign Exp Expm1 LogSoftmax Minimum Max Pow Abs Cast
    Einsum BatchMatMulV2 ResizeBilinear ScaleAndTranslate DepthToSpace SpaceToDepth
    BatchToSpaceND SpaceToBatchND Conv2DBackpropInput MirrorPad Split Tile ExpandDims
    BroadcastTo Fill ReverseV2 LRN TopKV2 ArgMax EnsureShape GreaterEqual SelectV2
    StatelessIf
    """.split()  # noqa: SIM905  a text of names is easier to read and to compare
)
LITERT_LAYERS = tuple(
    """
    TRANSPOSE QUANTIZE DEQUANTIZE RELU6 ELU TANH LEAKY_RELU MINIMUM MAXIMUM SPLIT SQRT
    SQUARE DIV RESIZE_BILINEAR TRANSPOSE_CONV BATCH_MATMUL REDUCE_MAX EXPAND_DIMS TILE
    BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND
    """.split()  # noqa: SIM905  a text of names is easier to read and to compare
)


def allowed(rules: dict[str, str | None]) -> set[str]:
    """The operations without a reason against them."""
    return {name for name, reason in rules.items() if reason is None}


def test_tensorflows_list_is_what_the_rules_leave() -> None:
    """A new version of TensorFlow, or a changed rule, shows its differences here."""
    assert allowed(dict(operation_reasons.tensorflow())) == SERVING


def test_litert_s_list_is_what_the_rules_leave() -> None:
    """A new version of LiteRT, or a changed rule, shows its differences here."""
    assert allowed(dict(operation_reasons.litert())) == ALLOWED


@pytest.mark.parametrize("name", LAYERS)
def test_an_operation_of_an_ordinary_layer_is_allowed(name: str) -> None:
    """Each was once refused, and models that people have need it."""
    assert operation_reasons.reason("tensorflow-saved-model", name) is None


@pytest.mark.parametrize("name", LITERT_LAYERS)
def test_an_operator_of_an_ordinary_layer_is_allowed(name: str) -> None:
    """The same for LiteRT."""
    assert operation_reasons.reason("litert", name) is None


@pytest.mark.parametrize(
    ("format_", "name", "words"),
    [
        ("tensorflow-saved-model", "WriteFile", "files"),
        ("tensorflow-saved-model", "ImmutableConst", "files"),
        ("tensorflow-saved-model", "PyFunc", "Python"),
        ("tensorflow-saved-model", "EagerPyFunc", "Python"),
        ("tensorflow-saved-model", "DebugIdentityV2", "address"),
        ("tensorflow-saved-model", "While", "loop"),
        ("tensorflow-saved-model", "StatelessWhile", "loop"),
        ("tensorflow-saved-model", "TensorListReserve", "loop"),
        ("tensorflow-saved-model", "HashTableV2", "table"),
        ("tensorflow-saved-model", "DecodeJpeg", "pixels"),
        ("tensorflow-saved-model", "RandomUniform", "random"),
        ("tensorflow-saved-model", "SparseTensorDenseMatMul", "indices"),
        ("tensorflow-saved-model", "QuantizedConv2D", "ranges"),
        ("tensorflow-saved-model", "Conv2DBackpropFilter", "training"),
        ("tensorflow-saved-model", "XlaCallModule", "compilers"),
        ("tensorflow-saved-model", "Case", "functions"),
        ("tensorflow-saved-model", "Abort", "ends the process"),
        ("tensorflow-saved-model", "OwnOperation", "no operation of this version"),
        ("litert", "CUSTOM", "built-in"),
        ("litert", "WHILE", "second graph"),
        ("litert", "VAR_HANDLE", "state"),
        ("litert", "MATRIX_SET_DIAG", "trusts"),
        ("litert", "100000", "no operation of this version"),
    ],
)
def test_an_excluded_operation_has_its_reason(format_: str, name: str, words: str) -> None:
    """The model's owner reads it in the error of `pack`."""
    assert words in str(operation_reasons.reason(format_, name))


def test_allowed_operations_with_state_are_reviewed_one_by_one() -> None:
    """TensorFlow's registry says which operations have state; only these may run."""
    stateful = {
        each.name
        for each in operation_reasons.registered()
        if each.is_stateful and each.name in SERVING
    }
    assert stateful == {"If", "ReadVariableOp", "StatefulPartitionedCall"}
    assert stateful <= operation_reasons.REVIEWED.keys()


def test_no_operation_outside_the_list_for_functions_gives_numbers() -> None:
    """Operations that declare or save variables are in no function that serves, but for these."""
    assert {
        "Const",
        "Identity",
        "NoOp",
        "Pack",
        "PartitionedCall",
        "ReadVariableOp",
        "Select",
        "StatefulPartitionedCall",
    } == (DECLARING | SAVING) & SERVING


@pytest.mark.parametrize("rule", [*operation_reasons.FAMILIES, *operation_reasons.LITERT])
def test_every_rule_excludes_something(rule: operation_reasons.Rule) -> None:
    """A rule that fits no registered operation would be dead text."""
    names = [*operation_reasons.tensorflow(), *operation_reasons.litert()]
    assert any(re.fullmatch(rule.pattern, name) for name in names)
