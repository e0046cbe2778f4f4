"""A condition holds only if its value is exactly the boolean true."""

from __future__ import annotations

from typing import Any

import pytest

from ops import cel_engine

CLAIMS: dict[str, Any] = {
    "swname": "CONFIDENTIAL_SPACE",
    "secboot": True,
    "count": 1,
    "args": ["python", "-m", "workload"],
    "submods": {"container": {"env": {"MODEL_SHA256": "ab"}}},
}


@pytest.mark.parametrize(
    "condition",
    [
        "assertion.swname == 'CONFIDENTIAL_SPACE' && assertion.secboot == true",
        "assertion.args == ['python', '-m', 'workload']",
        "!has(assertion.submods.container.cmd_override)",
        "assertion.submods.container.env['MODEL_SHA256'] in ['ab', 'cd']",
        "assertion.missing == 'x' || assertion.secboot",
        "'STABLE'.startsWith('ST')",
    ],
)
def test_a_true_condition_holds(condition: str) -> None:
    """The engine is Google's own."""
    assert cel_engine.holds(condition, {"assertion": CLAIMS})


@pytest.mark.parametrize(
    "condition",
    [
        "assertion.swname == 'GCE'",
        "assertion.swname",
        "assertion.count",
        "assertion.args",
        "1",
        "'true'",
        "assertion.swname && assertion.secboot",
        "assertion.missing == 'x'",
        "assertion.missing != 'x'",
        "!(assertion.missing == 'x')",
        "has(assertion.missing.deeper)",
        "assertion.submods.container.env['MISSING'] != ''",
        "size(assertion.swname) / 0 == 0",
        "assertion.count == '1'",
        "unknown.variable == 1",
        "assertion.swname ==",
        "",
    ],
)
def test_a_condition_that_is_not_true_does_not_hold(condition: str) -> None:
    """False, truthy, missing, erroneous, undeclared or not parsable."""
    assert not cel_engine.holds(condition, {"assertion": CLAIMS})


@pytest.mark.parametrize(
    ("expression", "boolean"),
    [("assertion.a == 'b'", True), ("assertion.a", True), ("'text'", False), ("1 + 1", False)],
)
def test_an_expression_that_cannot_be_boolean_is_rejected_before_evaluation(
    expression: str, boolean: bool
) -> None:
    """A claim may have any type; a literal cannot."""
    assert cel_engine.is_boolean(expression) is boolean


def test_an_expression_without_a_value_is_an_error() -> None:
    """A mapping needs the value itself."""
    assert cel_engine.evaluate('"a" + assertion.swname', {"assertion": {"swname": "b"}}) == "ab"
    with pytest.raises(cel_engine.ExpressionError, match="missing"):
        cel_engine.evaluate("assertion.missing", {"assertion": {}})


@pytest.mark.parametrize("text", ["a\0b", "a\0", "a\ud800"])
def test_a_text_with_a_nul_character_is_an_error(text: str) -> None:
    """The library passes texts as C strings: without the error, 'a' and NUL would equal 'a'."""
    for variables in ({"x": text}, {"x": [{"y": text}]}, {text: 1, "x": "a"}):
        with pytest.raises(cel_engine.ExpressionError, match="NUL or a lone surrogate"):
            cel_engine.evaluate("assertion.x", {"assertion": variables})
        assert not cel_engine.holds("assertion.x == 'a'", {"assertion": variables})


def test_a_value_that_is_nested_too_deeply_is_an_error() -> None:
    """A token may hold any JSON; the engine refuses it and does not crash."""
    deep: object = "a"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(cel_engine.ExpressionError, match="nested too deeply"):
        cel_engine.evaluate("assertion.x", {"assertion": {"x": deep}})
