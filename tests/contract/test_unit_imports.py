"""Unit tests start in a moment: those that test no engine and no cloud import neither."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

UNIT = REPOSITORY / "tests" / "unit"
HEAVY = ("tensorflow", "ai_edge_litert", "pulumi", "pulumi_gcp", "rehearsal.attacks")
TESTS_THEM = {
    "infra/test_locations.py": "a move of a deployed stack is a Pulumi resource",
    "infra/test_workload_image.py": "the image is a Pulumi resource",
    "rehearsal/test_demo_progress.py": "the progress reads the Automation API's events",
    **{
        f"workload/engines/{path.name}": "it runs an engine"
        for path in (UNIT / "workload" / "engines").glob("*.py")
    },
    **{
        f"packing/{path.name}": "it packs models with TensorFlow"
        for path in (UNIT / "packing").glob("*.py")
    },
}
"""Files that may import what the others must not, and why."""

IMPORTER = """
import importlib.util, sys

heavy, files = sys.argv[1].split(","), sys.argv[2:]
sys.path.insert(0, ".")
for number, file in enumerate(files):
    spec = importlib.util.spec_from_file_location(f"test_{number}", file)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for each in heavy:
        assert each not in sys.modules, f"{file} imports {each}"
"""


def imported(*files: str) -> str:
    """The error of importing these files in one new process; empty if there is none."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORTER, ",".join(HEAVY), *files],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.rstrip().rpartition("\n")[2]


def test_unit_tests_import_no_engine_and_no_attack() -> None:
    """Except for those that test them, TESTS_THEM says which and why."""
    files = (str(path.relative_to(UNIT)) for path in sorted(UNIT.rglob("test_*.py")))
    assert imported(*(f"tests/unit/{file}" for file in files if file not in TESTS_THEM)) == ""


@pytest.mark.parametrize("module", ["pulumi", "rehearsal.attacks"])
def test_a_test_that_imports_one_of_them_is_named(module: str, tmp_path: Path) -> None:
    """The check can fail, also for a module inside of a package."""
    file = tmp_path / "test_it.py"
    file.write_text(f"import {module}\n")
    assert imported(str(file)) == f"AssertionError: {file} imports {module}"
