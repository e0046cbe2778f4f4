"""The set-up of the virtual environment shows its progress, and reports a failure."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from rehearsal import install_packages, progress_line
from rehearsal.progress_line import Progress

LOCK = """\
Numpy==2.4.1 ; python_full_version < '3.12' \\
    --hash=sha256:00
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:01
    # via tensorflow-cpu
tensorflow-cpu==2.21.0 \\
    --hash=sha256:02
wheel==0.46.3 \\
    --hash=sha256:03
"""
"""Of four entries three are for the machine of this pip."""

PIP = """#!/bin/sh
echo "$*" >> called
[ "$6" = --progress-bar ] || exit 0
echo "Looking in links: /wheels"
echo "Ignoring numpy: markers 'python_full_version >= \\"3.12\\"' don't match your environment"
echo "Collecting numpy==2.4.1 (from -r lock (line 1))"
echo "  Downloading numpy-2.4.1.whl (16 MB)"
echo "Requirement already satisfied: wheel==0.46.3 in ./site (from -r lock (line 9)) (0.46.3)"
echo "Collecting tensorflow-cpu==2.21.0 (from -r lock (line 7))"
[ -z "$PIP_FAILS" ] || { echo "ERROR: no space left" >&2; exit 1; }
echo "Installing collected packages: numpy, tensorflow-cpu"
mkdir -p site/numpy-2.4.1.dist-info site/tensorflow_cpu-2.21.0.dist-info
touch site/tensorflow_cpu-2.21.0.dist-info/INSTALLER
[ -z "$PIP_WAITS" ] || timeout 60 sh -c 'until [ -e seen ]; do sleep 0.01; done'
touch site/numpy-2.4.1.dist-info/INSTALLER
"""


class Terminal(io.StringIO):
    """A stream that says it is a terminal; after a text with `awaited`, there is a file `seen`."""

    awaited = "2 of 3 packages unpacked"

    def isatty(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Note that the text was shown."""
        if self.awaited in text:
            Path("seen").touch()
        return super().write(text)


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Python whose pip is scripted; one of three packages is there already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(install_packages, "LOOK_SECONDS", 0.01)
    (tmp_path / "lock").write_text(LOCK)
    (tmp_path / "site" / "wheel-0.46.3.dist-info").mkdir(parents=True)
    (tmp_path / "site" / "wheel-0.46.3.dist-info" / "INSTALLER").touch()
    path = tmp_path / "python"
    path.write_text(PIP)
    path.chmod(0o755)
    return str(path)


def install(python: str, out: io.StringIO) -> int:
    """Install the lock into the folder `site`."""
    return install_packages.install(python, "lock", Progress(out), Path("site"))


def test_a_terminal_counts_what_is_found_up_to_the_total(python: str) -> None:
    """What the machine's markers exclude is no part of it; what is there already is."""
    out = Terminal()
    assert install(python, out) == 0
    shown = [text.partition(", elapsed")[0].strip() for text in out.getvalue().split("\r\033[K")]
    assert [text for text in shown if "found" in text] == [
        "1 of 3 packages found: numpy==2.4.1",
        "2 of 3 packages found: wheel==0.46.3",
        "3 of 3 packages found: tensorflow-cpu==2.21.0",
    ]


@pytest.mark.timeout(20)  # the scripted pip waits for the text
def test_a_terminal_counts_what_is_unpacked_while_pip_says_nothing(
    python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package counts when its last file is there, however its name is written."""
    monkeypatch.setenv("PIP_WAITS", "yes")
    out = Terminal()
    assert install(python, out) == 0
    assert "\r\033[K  2 of 3 packages unpacked, elapsed 0:0" in out.getvalue()
    assert out.getvalue().endswith("\r\033[K  3 of 3 packages installed\n")


def test_a_log_gets_few_lines(python: str) -> None:
    """Not one for each package, and none of pip's own."""
    out = io.StringIO()
    install(python, out)
    assert out.getvalue() == "  3 of 3 packages installed\n"


def test_a_log_gets_a_line_every_fifteen_seconds(
    python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a reader sees that it still works."""
    monkeypatch.setattr(progress_line, "LINE_SECONDS", 0)
    out = io.StringIO()
    install(python, out)
    assert len([line for line in out.getvalue().splitlines() if "found" in line]) == 3


def test_the_hashes_of_the_lock_are_required(python: str, tmp_path: Path) -> None:
    """Only the locked files are installed."""
    install(python, io.StringIO())
    lock, _ = (tmp_path / "called").read_text().splitlines()
    assert lock.endswith("--require-hashes -r lock")


def test_the_console_script_is_installed_last_and_downloads_nothing(
    python: str, tmp_path: Path
) -> None:
    """Neither dependencies nor a build environment: the lock has installed both."""
    install(python, io.StringIO())
    _, script = (tmp_path / "called").read_text().splitlines()
    assert script.endswith("--no-deps --no-build-isolation --editable .")


def test_a_failure_has_pips_message_and_exit_code(
    python: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """So `make` stops, and no total is said to be reached."""
    monkeypatch.setenv("PIP_FAILS", "yes")
    out = io.StringIO()
    assert install(python, out) == 1
    assert "ERROR: no space left" in capfd.readouterr().err
    assert out.getvalue() == ""
