"""`make cloud`: it says how to use it, refuses a taken port, and is gone when it is stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.engine,
    pytest.mark.usefixtures("pulumi_cli"),
    pytest.mark.timeout(60),  # a command that never says that it is up must not hold everything
]

COMMAND = [sys.executable, "-m", "rehearsal", "cloud"]
UP = "Ctrl-C stops the cloud and deletes the folder."


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A started `make cloud` whose scratch folders lie under tmp_path."""
    with subprocess.Popen(
        COMMAND,
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def said(process: subprocess.Popen[str]) -> list[str]:
    """What it prints until it is up."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.strip())
        if line.strip().endswith(UP):
            return lines
    raise AssertionError(f"it ended before it was up: {lines}")


def test_the_printed_folder_and_environment_work(cloud: subprocess.Popen[str]) -> None:
    """In the printed folder, with the printed file sourced, `pulumi` finds the company's stack."""
    lines = said(cloud)
    (folder,) = {line.removeprefix("cd ") for line in lines if line.startswith("cd ")}
    for company in ("primus", "secundus"):
        (source,) = (line for line in lines if line.endswith(f"/{company}.env"))
        done = subprocess.run(
            ["bash", "-c", f"{source} && pulumi stack --show-name"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == company, done.stderr


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_and_takes_everything_with_it(
    cloud: subprocess.Popen[str], tmp_path: Path, stop: signal.Signals
) -> None:
    """Ctrl-C or SIGTERM ends it with exit code 0, and its folders are gone."""
    said(cloud)
    assert list(tmp_path.iterdir()) != []
    cloud.send_signal(stop)
    assert cloud.wait() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_an_error_that_says_which() -> None:
    """A port in use ends it with exit code 2, the port's number and what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*COMMAND, "--port", port], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert f"port {port} cannot be used" in done.stdout
    assert "--port" in done.stdout
