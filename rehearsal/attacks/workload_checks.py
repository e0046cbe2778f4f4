"""Every check of the workload before it loads the model, and the workload without one of them.

The checks are read from the syntax trees of `workload`, so that a new one cannot be forgotten. A
check is a condition that only refuses, in one of five forms:

- an `if` whose body is one `raise`; each operand of its `or` (and of `not (… and …)`) is a check;
- a condition or filter that lists a `Detail`, which is how settings collect what is wrong;
- the call of a function that only checks and hands its first argument back, such as `_text(name)`;
- a pattern of a table that `re.fullmatch` is asked with;
- the `if` of a `case`, where a `raise` follows the `match`; each operand of its `and` is a check.

A `raise` in an `except` is no check: it translates an error of Python (a file that already exists,
a value of another type). The one after a `match` refuses what no case takes. Any other `raise` is
an error of this module.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, pairwise
from operator import attrgetter
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING

import workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

LATER = (
    "workload.golden",
    "workload.engines.tensors",
    "workload.decoding.worker_client",
    "workload.fleet.intake",
    "workload.fleet.subscription",
    "workload.fleet.worker",
    "workload.decoding.confinement",
    "workload.decoding.decoder_pool",
    "workload.decoding.fitting",
    "workload.decoding.image_headers",
    "workload.job.classify",
    "workload.decoding.jpeg",
    "workload.decoding.landlock",
    "workload.engines.litert_engine",
    "workload.decoding.upright",
    "workload.decoding.png",
    "workload.records",
    "workload.results",
    "workload.engines.scores",
    "workload.decoding.seccomp",
    "workload.storage.Bucket._bucket_errors",
    "workload.storage.Bucket.create",
    "workload.storage._decompressed",
    "workload.supervisor",
    "workload.engines.tensorflow_engine",
)
"""These judge pictures, a loaded graph and its answers, what was left of a run or how it died, and
whether a bucket is busy or took a record; all else runs before a model is loaded."""

ANYTHING = r"(?s:(?:gs://)?(?P<bucket>[^/]*)/?(?P<object>.*))"
"""A pattern that refuses nothing and has every group that settings ask for."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check; its name has module, function and condition as in the source."""

    name: str
    removed: Callable[[], AbstractContextManager[None]]
    """The workload without it. One check at a time: it changes the function for every thread."""


@cache
def guards() -> tuple[Check, ...]:
    """Every check of the workload before it loads the model, in the order of the source."""
    found: list[Check] = []
    root = Path(workload.__path__[0])
    for path in sorted(root.rglob("*.py")):
        module = ".".join(("workload", *path.relative_to(root).with_suffix("").parts))
        if module not in LATER:
            found += checks(module, path.read_text(encoding="utf-8"))
    return tuple(check for check in found if check.name.partition(":")[0] not in LATER)


def checks(module: str, source: str) -> Iterator[Check]:
    """The checks of one module; AssertionError for a `raise` that is neither check nor handler."""
    tree = ast.parse(source)
    for table, key in _patterns(tree):
        yield Check(
            name=f"{module}.{table}: {key}", removed=partial(_unpatterned, module, table, key)
        )
    checkers = {
        function.name
        for function in tree.body
        if isinstance(function, ast.FunctionDef) and _only_checks(function)
    }
    for where, function in _functions(tree):
        _all_told(f"{module}.{where}", function)
        found = chain(
            *(_conditions(node, checkers) for node in ast.walk(function)), _case_guards(function)
        )
        for gone, instead, words in found:
            yield Check(
                name=f"{module}.{where}: {words}",
                removed=partial(_unchecked, module, where, source, gone, instead),
            )


Found = tuple[ast.expr, ast.expr, str]
"""An expression, what stands there without the check, and the condition that refuses, in words."""


def _conditions(node: ast.AST, checkers: set[str]) -> Iterator[Found]:
    match node:
        case ast.If(test=test, body=[ast.Raise()]):
            yield from _operands(test, refuses=True)
        case ast.IfExp(test=test, body=listed) if _tells(listed):
            yield from _operands(test, refuses=True)
        case ast.ListComp(elt=listed, generators=parts) if _tells(listed):
            for test in (each for part in parts for each in part.ifs):
                yield from _operands(test, refuses=True)
        case ast.Call(func=ast.Name(id=called), args=[first, *_]) if called in checkers:
            yield node, first, ast.unparse(node)
        case _:
            return


def _case_guards(function: ast.FunctionDef) -> Iterator[Found]:
    for match, _ in _refusing(function):
        for case in match.cases:
            if case.guard is not None:
                yield from _operands(case.guard, refuses=False)


def _refusing(function: ast.FunctionDef) -> Iterator[tuple[ast.Match, ast.Raise]]:
    """Each `match` of a function, and the `raise` after it."""
    for before, after in pairwise(function.body):
        if isinstance(before, ast.Match) and isinstance(after, ast.Raise):
            yield before, after


def _operands(test: ast.expr, *, refuses: bool) -> Iterator[Found]:
    """Each condition that is enough to refuse, and whether it refuses when true or when false."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            yield from _operands(inner, refuses=not refuses)
        case ast.BoolOp(op=op, values=values) if isinstance(op, ast.Or if refuses else ast.And):
            for value in values:
                yield from _operands(value, refuses=refuses)
        case _:
            words = ast.unparse(test)
            yield test, ast.Constant(not refuses), words if refuses else f"not {words}"


def _tells(listed: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "Detail" for node in ast.walk(listed))


def _only_checks(function: ast.FunctionDef) -> bool:
    first = function.args.args[0].arg if function.args.args else ""
    found = 0
    for statement in function.body:
        match statement:
            case ast.If(body=[ast.Raise()], orelse=[]):
                found += 1
            case ast.Expr(value=ast.Constant(value=str())):
                pass
            case ast.Return(value=ast.Name(id=name)) if name == first:
                pass
            case _:
                return False
    return found > 0


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions and methods by qualified name; a nested one belongs to the outermost."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    yield f"{node.name}.{method.name}", method


def _all_told(where: str, function: ast.FunctionDef) -> None:
    target: set[ast.AST] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.If) and len(node.body) == 1:
            target.add(node.body[0])
        elif isinstance(node, ast.ExceptHandler):
            target.update(ast.walk(node))
    target.update(refusal for _, refusal in _refusing(function))
    for node in ast.walk(function):
        assert not isinstance(node, ast.Raise) or node in target, (
            f"{where}: `{ast.unparse(node)}` is neither a check (the only statement of an `if`)"
            " nor in an `except` or after a `match`, so nothing shows what happens without it;"
            " write it as one of these"
        )


def _patterns(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Tables of patterns that are asked by `re.fullmatch(TABLE[…], …)`, and their keys."""
    asked = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr="fullmatch"),
                args=[ast.Subscript(value=ast.Name(id=table)), *_],
            ):
                asked.add(table)
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(keys=keys)):
                if name in asked:
                    yield from ((name, ast.literal_eval(key)) for key in keys if key is not None)


@contextmanager
def _unpatterned(module: str, table: str, key: str) -> Iterator[None]:
    patterns = getattr(importlib.import_module(module), table)
    kept, patterns[key] = patterns[key], ANYTHING
    try:
        yield
    finally:
        patterns[key] = kept


@contextmanager
def _unchecked(
    module: str, where: str, source: str, gone: ast.expr, instead: ast.expr
) -> Iterator[None]:
    """Replace the code of a function for a while, also for callers with another reference to it."""
    function = inspect.unwrap(attrgetter(where)(importlib.import_module(module)))
    kept = function.__code__
    tree = ast.parse(source)
    _Without(gone, instead).visit(tree)
    ast.fix_missing_locations(tree)
    function.__code__ = _code(compile(tree, kept.co_filename, "exec", dont_inherit=True), where)
    try:
        yield
    finally:
        function.__code__ = kept


class _Without(ast.NodeTransformer):
    """Replaces one expression of a syntax tree, which it finds by its type and position."""

    def __init__(self, gone: ast.expr, instead: ast.expr) -> None:
        self._gone = gone
        self._instead = instead

    def visit(self, node: ast.AST) -> ast.AST:
        """The node with its inner nodes visited, or its replacement."""
        same = type(node) is type(self._gone) and _place(node) == _place(self._gone)
        visited: ast.AST = self._instead if same else self.generic_visit(node)
        return visited


def _place(node: ast.AST) -> tuple[int | None, ...]:
    names = ("lineno", "col_offset", "end_lineno", "end_col_offset")
    return tuple(getattr(node, name, None) for name in names)


def _code(within: CodeType, where: str) -> CodeType:
    """The code of one function, by its qualified name."""
    for name in where.split("."):
        inner = (each for each in within.co_consts if isinstance(each, CodeType))
        within = next(each for each in inner if each.co_name == name)
    return within
