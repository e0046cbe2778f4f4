"""Which operators a LiteRT model may hold: judged before anything of it is loaded or run.

A LiteRT model has no operator that touches a file, unless it brings its own or the host adds some,
and it may say that its weights are in another file. The list says what a classifier needs, and no
operator in it calls another graph; whatever else is found refuses the model. It is what the models
that `workload.operations` names become when they are converted.

It does not judge how LiteRT reads a damaged file, nor how long an allowed operator may take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_edge_litert.schema_py_generated import BuiltinOperator, Model

from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from pathlib import Path

ALLOWED = frozenset(
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED GATHER GELU
    HARD_SWISH LOGISTIC MAX_POOL_2D MEAN MUL NEG PACK PAD REDUCE_PROD RELU RESHAPE RSQRT SHAPE
    SOFTMAX SQUARED_DIFFERENCE STRIDED_SLICE SUB
    """.split()  # noqa: SIM905  a text of names is easier to read and to compare
)
"""Operators by their name in LiteRT's schema."""

_NAMES = {number: name for name, number in vars(BuiltinOperator).items() if type(number) is int}


def check(file: Path) -> None:
    """A LiteRT model may be loaded; raises MODEL_OPERATION_FORBIDDEN, MODEL_UNUSABLE.

    Which operator it was does not leave: operators of its own are named by whoever made the model.
    """
    try:
        model = Model.GetRootAs(file.read_bytes())
        found = operators(model)
        graphs = model.SubgraphsLength()
        elsewhere = model.ExternalBuffersLength() + model.ExternalBufferGroupsLength()
    except Exception as error:  # a file that is no such model can fail in any way
        raise WorkloadError(Failure.MODEL_UNUSABLE) from error
    # No operator of the list runs a second graph.
    if found - ALLOWED or elsewhere or graphs != 1:
        raise WorkloadError(Failure.MODEL_OPERATION_FORBIDDEN)


def operators(model: Model) -> set[str]:
    """Every operator that a model may use in any of its graphs, by name."""
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    # Models of before there were more than 127 operators say it in the second field only.
    numbers = {max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) for code in codes}
    return {_NAMES.get(number, f"{number}") for number in numbers}
