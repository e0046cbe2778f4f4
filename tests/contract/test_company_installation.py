"""What a company installs for the commands: few packages, all of them locked, and no others."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
import tomllib
from importlib.util import resolve_name
from typing import TYPE_CHECKING, Any

import grimp
import pytest
from setuptools import find_packages  # type: ignore[import-untyped]  # publishes no types

from ops.exit_codes import BROKEN
from rehearsal.repository import REPOSITORY
from tests.fixtures.locked import link, requirements, versions
from tests.fixtures.tokens import genuine, policy, unsigned

if TYPE_CHECKING:
    from pathlib import Path

PULUMI, OPS, PACK, DEV = (
    "requirements.txt",
    "requirements-ops.txt",
    "requirements-pack.txt",
    "requirements-dev.txt",
)
FIRST_PARTY = ("infra", "ops", "packing", "policy", "workload")
LATE = ("packing.pack",)
"""What a command imports only when it runs, and reports if it is not installed."""
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
MOST = 28
"""Three of them are for the report of `results --html`: Jinja2, MarkupSafe and Pillow."""
FORBIDDEN = {
    *("ai-edge-litert", "keras", "mypy", "numpy", "pytest", "simplejpeg", "starlette"),
    *("tensorflow", "tensorflow-cpu", "uvicorn", "pulumi", "pulumi-gcp", "pulumi-docker"),
}
HEADER = "eyJhbGciOiJSUzI1NiJ9"
"""Of a token: that it is signed, and how."""
RUN = f"""
import sys
sys.path += [{str(REPOSITORY)!r}, sys.argv[1]]
sys.argv[1:] = sys.argv[2:]
"""


def company_python(packages: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code with the standard library, this repository and the linked packages alone."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUN + code, packages, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=packages,
    )


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of the company's lock, and no other."""
    folder = tmp_path_factory.mktemp("packages")
    link((r.name for r in requirements(OPS) if r.marker is None or r.marker.evaluate()), folder)
    return folder


def test_the_commands_need_fewer_than_28_packages_beside_pulumis() -> None:
    """Beside those of requirements.txt."""
    assert 10 < len(versions(OPS).keys() - versions(PULUMI).keys()) < MOST


def test_the_commands_need_no_engine_no_web_server_and_no_type_checker() -> None:
    """None of the large packages, and nothing that only the rehearsal needs."""
    assert versions(OPS).keys() & FORBIDDEN == set()


@pytest.mark.parametrize("lock", [PULUMI, OPS, PACK])
def test_a_company_installs_the_versions_that_the_tests_run_with(lock: str) -> None:
    """So the two locks of a company agree with each other, too."""
    assert versions(lock).items() <= versions(DEV).items()


def third_party_imports(package: str, *late: str) -> set[str]:
    """Every module that a package, or a module that it reaches, imports from a package of others.

    `late` are modules at which the search ends.
    """
    graph = grimp.build_graph(*FIRST_PARTY, cache_dir=None)
    for module in late:
        graph.remove_module(module)
    reached = {package} | graph.find_descendants(package)
    reached |= {module for each in sorted(reached) for module in graph.find_upstream_modules(each)}
    found = set()
    for module in reached:
        path = REPOSITORY.joinpath(*module.split("."))
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(resolve_name("." * node.level + (node.module or ""), module))
    ours = {*FIRST_PARTY, *sys.stdlib_module_names}
    return {name for name in found if name.partition(".")[0] not in ours}


def test_every_import_of_the_commands_is_locked(packages: Path) -> None:
    """Also those of `infra` and `workload` that the commands reach, and those in functions."""
    imports = third_party_imports("ops", *LATE)
    assert {"cel_expr_python", "google.cloud", "requests", "rich.table"} <= imports
    done = company_python(packages, "\n".join(f"import {name}" for name in sorted(imports)))
    assert done.returncode == 0, done.stderr


def test_every_import_of_pack_is_locked() -> None:
    """Beside the commands' lock a company installs requirements-pack.txt for this command."""
    locked = {name.replace("-", "_") for name in versions(PACK)} | {"google", "PIL", "tensorflow"}
    imports = {name.partition(".")[0] for name in third_party_imports("packing")}
    assert {"tensorflow", "keras", "ai_edge_litert", "numpy", "PIL", "flatbuffers"} <= imports
    assert imports <= locked


def test_pack_without_its_packages_says_what_to_install(packages: Path) -> None:
    """The other commands do not need them."""
    command = "from ops.cli import main; sys.exit(main())"
    done = company_python(packages, command, "pack", "model.keras", "--output", "x")
    assert done.returncode == 2
    assert "pip install --require-hashes -r requirements-pack.txt" in done.stderr


def test_a_package_outside_the_lock_cannot_be_imported(packages: Path) -> None:
    """The folder of links hides what the development environment has besides."""
    assert "No module named 'numpy'" in company_python(packages, "import numpy").stderr


def test_why_explains_a_refusal_with_the_companys_packages_alone(
    packages: Path, tmp_path: Path
) -> None:
    """The whole command: a token, its clauses, Google's CEL engine, the table."""
    now = int(time.time())
    claims = genuine() | {"dbgstat": "enabled", "iat": now, "nbf": now, "exp": now + 3600}
    (tmp_path / "token").write_text(f"{HEADER}{unsigned(claims).removeprefix('e30')}")
    (tmp_path / "condition.cel").write_text(policy().condition)
    files = [str(tmp_path / name) for name in ("token", "condition.cel")]
    command = "from ops.cli import main; sys.exit(main())"
    done = company_python(packages, command, "why", files[0], "--condition", files[1])
    assert done.returncode == BROKEN, done.stderr
    count = len(policy().clauses)
    assert f"Refused by the condition: 1 of {count} clauses is not met." in done.stdout


def test_the_installed_package_adds_no_name_that_is_not_the_commands() -> None:
    """`tests`, `bench`, `model` and `rehearsal` stay out of site-packages."""
    find = PROJECT["tool"]["setuptools"]["packages"]["find"]
    found = find_packages(str(REPOSITORY), include=find["include"])
    assert {name.partition(".")[0] for name in found} == set(FIRST_PARTY)


def test_the_package_is_built_by_the_locked_setuptools() -> None:
    """So `pip install --no-build-isolation` has all that it needs, without a download."""
    assert PROJECT["build-system"]["requires"] == [f"setuptools{versions(OPS)['setuptools']}"]


def test_the_console_script_runs_the_same_function_as_the_module() -> None:
    """`confidential-inference` and `python -m ops` are one command."""
    assert PROJECT["project"]["scripts"] == {"confidential-inference": "ops.cli:main"}
    assert "from ops.cli import main" in (REPOSITORY / "ops" / "__main__.py").read_text()
