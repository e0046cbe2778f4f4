"""Repeats the tests of isolation as the image's user: run and decoders are one normal user.

As root, decoders become another user than the run, which keeps the one from the other by itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.image_user import LAUNCHER, REPOSITORY, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")
"""Where Yama says who may trace whom: 0 any process of one user, 1 a parent its children."""


MODULES = ("decoding/test_confinement", "decoding/test_decoder_pool", "test_supervisor")


def scopes() -> list[str]:
    """The values that this machine allows; they are part of the tests' names."""
    if not SCOPE.exists():
        return ["this kernel has no Yama"]
    if os.access(SCOPE, os.W_OK):
        return ["0", "1"]
    return [f"{SCOPE.read_text().strip()}, which this user cannot set"]


@pytest.fixture(params=scopes(), ids=lambda scope: f"ptrace_scope {scope}")
def scope(request: pytest.FixtureRequest) -> Iterator[str]:
    """Sets Yama's ptrace_scope during a test."""
    model_input: str = request.param
    before = SCOPE.read_text() if model_input in ("0", "1") else ""
    if before:
        SCOPE.write_text(model_input)
    yield model_input
    if before:
        SCOPE.write_text(before)


def as_the_images_user(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """The output and exit code of a command."""
    environment = {**os.environ, "HOME": str(folder), "TMPDIR": str(folder)}
    return subprocess.run(
        [*LAUNCHER, *command],
        cwd=REPOSITORY,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_the_images_user_has_no_capabilities(tmp_path: Path) -> None:
    """Checks the set-up of the tests below."""
    done = as_the_images_user(["/bin/cat", "/proc/self/status"], tmp_path)
    status = dict(line.split(":\t", 1) for line in done.stdout.splitlines())
    user = str(os.getuid() or USER)
    assert status["Uid"].split() == [user] * 4
    assert [int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Amb")] == [0] * 4


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("scope")
@pytest.mark.parametrize("module", MODULES)
def test_isolation_holds_for_the_images_user(module: str, tmp_path: Path) -> None:
    """Every test of the module passes, and there is at least one."""
    file = f"tests/unit/workload/{module}.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
    done = as_the_images_user(command, tmp_path)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
