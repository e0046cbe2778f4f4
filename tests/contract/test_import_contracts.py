"""import-linter refuses code of a company that imports the rehearsal."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.repository import REPOSITORY

PACKAGES = ("infra", "workload", "ops", "packing", "policy", "rehearsal", "model", "bench")
CONTRACT = "what a company runs never imports the rehearsal"


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of pyproject.toml on the packages in a folder."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def _sources(package: Path) -> list[Path]:
    """The modules of a package; the policy pack's folder also has its virtual environment."""
    return [path for path in package.rglob("*.py") if ".venv" not in path.parts]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The source code of every package, in a folder that a test may change."""
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        for source in _sources(REPOSITORY / package):
            target = tmp_path / source.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "path"),
    [
        ("ops/launcher_log.py", ["ops.launcher_log -> rehearsal.repository"]),
        ("infra/wording.py", ["infra.wording", "infra.wording -> rehearsal.repository"]),
    ],
    ids=["directly", "through infra"],
)
def test_ops_that_imports_the_rehearsal_is_refused(
    copy: Path, module: str, path: list[str]
) -> None:
    """import-linter names each import on the way."""
    with (copy / module).open("a") as source:
        source.write("from rehearsal import repository\n")
    done = linted(copy)
    assert done.returncode == 1, done.stderr
    assert f"{CONTRACT} BROKEN" in done.stdout
    refused = done.stdout.partition("ops is not allowed to import rehearsal:")[2]
    assert all(step in refused for step in path)


def test_the_code_as_it_is_keeps_every_contract(copy: Path) -> None:
    """The copy is complete: nothing else breaks in it."""
    done = linted(copy)
    assert done.returncode == 0, done.stdout
    assert f"{CONTRACT} KEPT" in done.stdout
