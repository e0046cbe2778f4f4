"""`make demo` stopped in the middle: nothing of it keeps running, and nobody sees a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.engine,
    pytest.mark.usefixtures("pulumi_cli"),
    pytest.mark.timeout(90),  # also the bound of the polling below
]


def running_in(folder: Path) -> list[str]:
    """Every process whose command or environment names the folder, but for zombies."""
    listing = subprocess.run(
        ["ps", "axeww", "-o", "stat=,pid=,command="], capture_output=True, text=True, check=True
    )
    return [
        line
        for line in listing.stdout.splitlines()
        if str(folder) in line
        and not line.startswith("Z")
        and str(os.getpid()) not in line.split()[:2]
    ]


@pytest.mark.parametrize(
    ("stop", "moment"), [(signal.SIGINT, "Service"), (signal.SIGKILL, "Image")]
)
def test_nothing_keeps_running(tmp_path: Path, stop: signal.Signals, moment: str) -> None:
    """Stopped while something is being deployed: engine, plugins and program are gone."""
    with subprocess.Popen(
        [sys.executable, "-m", "rehearsal", "demo"],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        next(line for line in process.stdout if moment in line)
        assert running_in(tmp_path) != []
        process.send_signal(stop)
        errors = process.stderr.read()
    assert "Traceback" not in errors
    while running_in(tmp_path):
        pass
