"""Every Python that the program is for gets all of it, and every other one is told so."""

from __future__ import annotations

import ast
import sys
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from infra import python_version
from rehearsal.repository import REPOSITORY

LOCKS = (
    "requirements.txt",
    "requirements-ops.txt",
    "requirements-pack.txt",
    "requirements-dev.txt",
)
ON_WORKLOAD = ("workload/requirements.txt", "workload/requirements-litert.txt")
VERSIONS = [f"3.{minor}" for minor in range(11, 17)]
"""Those that are supported, and some that will be `python3` on somebody's machine."""


def locked(text: str, version: str) -> set[str]:
    """The packages that pip would install from a lock, on Linux with that Python."""
    lines = [line.removesuffix("\\").strip() for line in text.splitlines()]
    found = [Requirement(line) for line in lines if line[:1].isalnum()]
    here = {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    return {each.name for each in found if each.marker is None or each.marker.evaluate(here)}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("lock", [*LOCKS, *ON_WORKLOAD])
def test_no_marker_of_a_lock_leaves_a_python_without_a_package(lock: str, version: str) -> None:
    """Pip installs an empty lock without an error; with a missing wheel it fails."""
    text = (REPOSITORY / lock).read_text()
    assert locked(text, version) == locked(text, "3.13")
    assert len(locked(text, version)) > 10


def test_a_marker_that_empties_a_lock_is_detected() -> None:
    """The marker of the locks until 2026-11: pip installed nothing on 3.14, and exited with 0."""
    old = "pulumi==3.272.0 ; python_full_version < '3.14' \\\n    --hash=sha256:00\n"
    assert locked(old, "3.13") == {"pulumi"}
    assert locked(old, "3.14") == set()


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_a_supported_python_is_accepted(version: tuple[int, int]) -> None:
    """Without output."""
    python_version.require(version)


@pytest.mark.parametrize("version", [(3, 9), (3, 10), (3, 14), (3, 15), (4, 0)])
def test_an_unsupported_python_is_refused(version: tuple[int, int]) -> None:
    """With got, expected, consequence and command, without a stack trace."""
    got = ".".join(map(str, version))
    told = rf"^error: got Python {got} \(.*\), expected 3\.11 to 3\.13: .*nothing was changed.*venv"
    with pytest.raises(SystemExit, match=told):
        python_version.require(version)


def test_the_program_checks_the_version_before_any_other_import() -> None:
    """The first two statements after the docstring are the check."""
    _, first, second, *_ = ast.parse((REPOSITORY / "__main__.py").read_text()).body
    assert ast.unparse(first) == "from infra import python_version"
    assert ast.unparse(second) == "python_version.require()"


def test_the_version_check_imports_the_standard_library_only() -> None:
    """A missing package must not hide the error."""
    module = ast.parse((REPOSITORY / "infra" / "python_version.py").read_text())
    imported = {
        alias.name if isinstance(node, ast.Import) else str(node.module)
        for node in ast.walk(module)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= sys.stdlib_module_names
    assert (REPOSITORY / "infra" / "__init__.py").read_text().count("import") == 0


def test_the_versions_are_those_of_the_project() -> None:
    """One decision, in pyproject.toml."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    allowed = SpecifierSet(project["requires-python"])
    for minor in range(8, 20):
        inside = python_version.OLDEST <= (3, minor) <= python_version.NEWEST
        assert allowed.contains(f"3.{minor}") is inside
