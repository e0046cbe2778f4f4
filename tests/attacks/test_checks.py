"""The workload's checks: each is missed by somebody, and is found without being listed."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import workload
from rehearsal.attacks import workload_checks
from rehearsal.attacks.matrix import judge
from rehearsal.attacks.scenarios import fleets, workloads

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.workload_checks import Check

SYNTHETIC = '''
"""A module with a check of every form, and with what looks like one."""

import re
from workload.errors import Detail

_PATTERNS = {"NAME": r"[a-z]+"}
SIZES = {"NAME": "7"}


def read(name, size, late=False):
    """Two checks, a call of a third, two that only tell, and one that acts on it."""
    if not re.fullmatch(_PATTERNS["NAME"], name) or (late and not size):
        raise ValueError(name)
    try:
        number = int(_short(size))
    except TypeError as error:
        if late:
            return 0
        raise ValueError(size) from error
    problems = [Detail.MODEL_URI] if number > 9 else []
    problems += [Detail[each] for each in ("INPUT_URI",) if number < 0]
    if problems:
        raise ValueError(problems)
    return number


def _short(value):
    """One check, and nothing else."""
    if len(str(value)) > 3:
        raise ValueError("long")
    return value


def parse(data):
    """Two checks of a case, and a refusal of what is no case."""
    match data:
        case {"size": int() as size, **others} if size > 0 and not others:
            return size
    raise ValueError(data)


def words(data):
    """A case that only chooses words is no check."""
    match data:
        case int() if data > 0:
            return "positive"
    return "other"


class Box:
    """A method."""

    def open(self, low, high):
        """Two checks."""
        if not (low > 0 and high > 0):
            raise ValueError("empty")
        return high - low
'''

REFUSED: dict[str, Callable[[Any], object]] = {
    "_PATTERNS: NAME": lambda module: module.read("UPPER", 1),
    "read: not re.fullmatch(_PATTERNS['NAME'], name)": lambda module: module.read("UPPER", 1),
    "read: late and (not size)": lambda module: module.read("a", 0, late=True),
    "read: problems": lambda module: module.read("a", 10),
    "read: number > 9": lambda module: module.read("a", 10),
    "read: number < 0": lambda module: module.read("a", -1),
    "read: _short(size)": lambda module: module.read("a", "0007"),
    "_short: len(str(value)) > 3": lambda module: module.read("a", "0007"),
    "parse: not size > 0": lambda module: module.parse({"size": 0}),
    "parse: others": lambda module: module.parse({"size": 1, "name": "a"}),
    "Box.open: not low > 0": lambda module: module.Box().open(0, 1),
    "Box.open: not high > 0": lambda module: module.Box().open(1, 0),
}
"""Every check of the module, and what only that one refuses."""


@pytest.fixture
def synthetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, imported."""
    (tmp_path / "synthetic.py").write_text(SYNTHETIC)
    spec = spec_from_file_location("synthetic", tmp_path / "synthetic.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "synthetic", module)
    return module


def found(name: str) -> Check:
    """One check of the synthetic module."""
    named = {check.name: check for check in workload_checks.checks("synthetic", SYNTHETIC)}
    return named[f"synthetic.{name}"]


def test_every_form_of_a_check_is_detected() -> None:
    """Each check of a module once; a conversion or another table is no check."""
    names = sorted(check.name for check in workload_checks.checks("synthetic", SYNTHETIC))
    assert names == sorted(f"synthetic.{name}" for name in REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_a_removed_check_refuses_nothing_until_it_is_back(name: str, synthetic: Any) -> None:
    """Without the check its value is accepted; afterwards it is refused again."""
    with found(name).removed():
        REFUSED[name](synthetic)
    with pytest.raises(ValueError, match=r"."):
        REFUSED[name](synthetic)


@pytest.mark.parametrize("name", ["_PATTERNS: NAME", "Box.open: not low > 0"])
def test_a_removed_check_is_back_after_an_error(name: str, synthetic: Any) -> None:
    """A row that fails leaves the workload as it was."""
    with pytest.raises(KeyError), found(name).removed():
        raise KeyError(name)
    with pytest.raises(ValueError, match=r"."):
        REFUSED[name](synthetic)


def test_only_one_check_is_removed(synthetic: Any) -> None:
    """The other half of the same condition still refuses."""
    with found("read: late and (not size)").removed(), pytest.raises(ValueError, match="UPPER"):
        synthetic.read("UPPER", 1)


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError",
        "match a:\n  case 1:\n   raise ValueError",
        "if a:\n  pass\n else:\n  raise ValueError",
        "if a:\n  b()\n  raise ValueError",
    ],
)
def test_a_refusal_of_another_form_is_an_error(body: str) -> None:
    """A `raise` that cannot be removed is an error."""
    with pytest.raises(AssertionError, match=r"^module\.f: `raise ValueError` is neither a check"):
        list(workload_checks.checks("module", f"def f(a, b):\n {body}\n"))


def module_of(name: str) -> tuple[str, Path]:
    """The module in which a dotted name is defined, and its file."""
    root = Path(workload.__path__[0]).parent
    parts = name.split(".")
    for length in range(len(parts), 1, -1):
        path = root.joinpath(*parts[:length]).with_suffix(".py")
        if path.is_file():
            return ".".join(parts[:length]), path
    raise LookupError(f"no module of the workload defines {name}")


@pytest.mark.parametrize("name", workload_checks.LATER)
def test_each_excluded_part_has_checks(name: str) -> None:
    """Each part that is excluded because it runs later exists, and has checks."""
    module, path = module_of(name)
    source = path.read_text(encoding="utf-8")
    assert any(check.name.startswith(name) for check in workload_checks.checks(module, source))


@pytest.mark.engine
@pytest.mark.timeout(900)  # each of some hundred checks is removed, and lies are told meanwhile
def test_each_check_of_the_workload_alone_stops_a_lie(target: Target) -> None:
    """Without it, some lie gets further."""

    def missed(each: Check) -> bool:
        # Rows about a module name it: they are played first.
        module = module_of(each.name.partition(":")[0])[1].stem
        rows = fleets.ROWS if each.name.startswith("workload.fleet.") else workloads.ROWS
        likely = sorted(rows, key=lambda row: module not in row.says)
        with each.removed():
            return any(judged.problem for row in likely for judged in judge(target, [row]))

    unnoticed = [each.name for each in workload_checks.guards() if not missed(each)]
    assert not unnoticed, (
        f"nobody notices that the workload no longer checks {unnoticed}; write a row in"
        " rehearsal/attacks/scenarios/ that only this check refuses, or delete the check"
    )
