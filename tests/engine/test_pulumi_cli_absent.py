"""A test run without a Pulumi CLI or a browser reports the tests that did not run."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


TESTS = """
import pytest

@pytest.mark.engine
def test_needs_the_engine():
    raise AssertionError("ran without an engine")

@pytest.mark.engine
@pytest.mark.parametrize("company", ["primus", "secundus"])
def test_deploys(company):
    raise AssertionError("ran without an engine")

@pytest.mark.browser
def test_draws():
    raise AssertionError("ran without a browser")

def test_pure():
    pass
"""

PYTEST = (sys.executable, "-m", "pytest", "-c", str(REPOSITORY / "pyproject.toml"), "test_some.py")


@pytest.fixture
def run_tests(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs TESTS with the conftest of all tests, on a machine with this PATH and no cache."""
    conftest = REPOSITORY / "tests" / "conftest.py"
    (tmp_path / "conftest.py").write_text(conftest.read_text())
    (tmp_path / "test_some.py").write_text(TESTS)

    def run(*arguments: str, path: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PYTEST, f"--rootdir={tmp_path}", *arguments],
            cwd=tmp_path,
            env={
                "PATH": str(path),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONPATH": str(REPOSITORY),
                "XDG_CACHE_HOME": str(tmp_path / "cache"),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_each_engine_test_is_reported_as_not_run_and_the_others_pass(
    run_tests: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """With the reason why there is no CLI."""
    done = run_tests()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 4 deselected" in done.stdout
    assert "3 TESTS NOT RUN: no Pulumi engine" in done.stdout
    named = [line.split("::")[1] for line in done.stdout.splitlines() if "NOT RUN test" in line]
    assert named[:3] == ["test_needs_the_engine", "test_deploys[primus]", "test_deploys[secundus]"]
    assert "on PATH: pulumi is not on PATH" in done.stdout
    assert "`python -m rehearsal.pulumi_cli` gets it." in done.stdout


def test_each_test_of_a_page_is_reported_as_not_run(
    run_tests: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Where there is no browser, with the command that installs one."""
    done = run_tests()
    assert "1 TESTS NOT RUN: no browser" in done.stdout
    assert "NOT RUN test_some.py::test_draws" in done.stdout
    assert "apt-get install chromium" in done.stdout


def test_only_selected_tests_are_reported(
    run_tests: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """A test that `-k` excludes is not reported as not run."""
    done = run_tests("-k", "pure or needs")
    assert "1 TESTS NOT RUN" in done.stdout
    assert "NOT RUN test_some.py::test_deploys" not in done.stdout


def test_with_a_cli_the_engine_tests_run(
    run_tests: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """With everything on PATH no test is removed: all run (and here, all but one fail)."""
    for name in ("pulumi", "pulumi-language-python", "chromium"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho v3.259.0\n")
        program.chmod(0o755)
    done = run_tests()
    assert "4 failed, 1 passed" in done.stdout
    assert "NOT RUN" not in done.stdout
