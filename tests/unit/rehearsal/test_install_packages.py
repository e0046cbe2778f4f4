"""The set-up of the virtual environment shows its progress, and reports a failure."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from rehearsal import progress_line
from rehearsal.install_packages import install
from rehearsal.progress_line import Progress

if TYPE_CHECKING:
    from pathlib import Path

PIP = """#!/bin/sh
echo "$*" >> called
echo "Collecting numpy==2.4.1 (from -r lock (line 1))"
echo "  Downloading numpy-2.4.1.whl (16 MB)"
echo "Collecting tensorflow-cpu==2.21.0 (from -r lock (line 9))"
[ -z "$PIP_FAILS" ] || { echo "ERROR: no space left" >&2; exit 1; }
echo "Installing collected packages: numpy, tensorflow-cpu"
"""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Always."""
        return True


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Python whose pip is scripted."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "python"
    path.write_text(PIP)
    path.chmod(0o755)
    return str(path)


def test_a_terminal_shows_the_current_package(python: str) -> None:
    """On one line, and then one that says that the rest takes a while."""
    out = Terminal()
    assert install(python, "lock", Progress(out)) == 0
    assert "\r\033[K  fetching package 2: tensorflow-cpu==2.21.0, elapsed 0:0" in out.getvalue()
    assert out.getvalue().endswith("\r\033[K  unpacking 2 packages: a minute or two\n")


def test_a_log_gets_few_lines(python: str) -> None:
    """Not one for each package, and none of pip's own."""
    out = io.StringIO()
    install(python, "lock", Progress(out))
    assert out.getvalue() == "  unpacking 2 packages: a minute or two\n"


def test_a_log_gets_a_line_every_fifteen_seconds(
    python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a reader sees that it still works."""
    monkeypatch.setattr(progress_line, "LINE_SECONDS", 0)
    out = io.StringIO()
    install(python, "lock", Progress(out))
    assert len(out.getvalue().splitlines()) == 3


def test_the_hashes_of_the_lock_are_required(python: str, tmp_path: Path) -> None:
    """Only the locked files are installed."""
    install(python, "lock", Progress(io.StringIO()))
    lock, _ = (tmp_path / "called").read_text().splitlines()
    assert lock.endswith("--require-hashes -r lock")


def test_the_console_script_is_installed_last_and_downloads_nothing(
    python: str, tmp_path: Path
) -> None:
    """Neither dependencies nor a build environment: the lock has installed both."""
    install(python, "lock", Progress(io.StringIO()))
    _, script = (tmp_path / "called").read_text().splitlines()
    assert script.endswith("--no-deps --no-build-isolation --editable .")


def test_a_failure_has_pips_message_and_exit_code(
    python: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """So `make` stops."""
    monkeypatch.setenv("PIP_FAILS", "yes")
    assert install(python, "lock", Progress(io.StringIO())) == 1
    assert "ERROR: no space left" in capfd.readouterr().err
