"""Installs a lock file and the console script into this Python's environment, with progress.

pip alone is silent for minutes, or prints hundreds of lines. Its errors are shown unchanged. This
runs in an environment that has pip only.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

from infra.wording import counted
from rehearsal.progress_line import Progress

PIP = (
    *("-u", "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"),
    *("--require-hashes", "-r"),
)

SCRIPT = (
    *("-m", "pip", "install", "--disable-pip-version-check", "--quiet"),
    *("--no-deps", "--no-build-isolation", "--editable", "."),
)
"""The lock holds everything that this needs: docs/adr/0026-the-console-script.md."""

LOCKED: Final = re.compile(r"^([\w.-]+)==([\w.+!-]+)", re.MULTILINE)
"""A package in a lock file."""

LOOK_SECONDS: Final = 0.5
"""How often to count what pip has unpacked."""


def install(python: str, lock: str, progress: Progress, packages: Path) -> int:
    """Run pip for the lock and then for the current folder's project; returns its exit code.

    `packages` is the folder into which that Python's pip installs.
    """
    locked = LOCKED.findall(Path(lock).read_text(encoding="utf-8"))
    wanted = {_directory(name, version) for name, version in locked}
    total, found = len(locked), 0
    with subprocess.Popen(  # noqa: S603  a fixed command
        [python, *PIP, lock], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as pip:
        for line in pip.stdout or ():
            what, _, rest = line.partition(" ")
            if what == "Ignoring":
                # Only pip knows the machine as the markers see it, and it says this first.
                total -= 1
            elif what == "Collecting" or line.startswith("Requirement already satisfied:"):
                found += 1
                name = rest.removeprefix("already satisfied: ").split()[0]
                progress.count(f"{found} of {counted(total, 'package')} found: {name}")
            elif what == "Installing":
                break
        while pip.poll() is None:
            unpacked = len(wanted & _installed(packages))
            progress.count(f"{unpacked} of {counted(total, 'package')} unpacked")
            _wait(pip)
    if pip.returncode:
        return pip.returncode
    progress.say(f"  {total} of {counted(total, 'package')} installed")
    return subprocess.run([python, *SCRIPT], stdin=subprocess.DEVNULL, check=False).returncode  # noqa: S603  a fixed command


def _wait(pip: subprocess.Popen[str]) -> None:
    """Return when pip ends, or after LOOK_SECONDS."""
    try:
        # It also reads the few lines that pip prints at its end, so that pip never waits.
        pip.communicate(timeout=LOOK_SECONDS)
    except subprocess.TimeoutExpired:
        return


def _installed(packages: Path) -> set[str]:
    """The metadata of every package whose files are there: pip writes INSTALLER after them.

    https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    return {_canonical(last.parent.name) for last in packages.glob("*.dist-info/INSTALLER")}


def _directory(name: str, version: str) -> str:
    return _canonical(f"{name}-{version}.dist-info")


def _canonical(directory: str) -> str:
    """Without the differences between two ways to write one name."""
    return re.sub(r"[-_.]+", "-", directory).lower()


if __name__ == "__main__":
    sys.exit(
        install(
            sys.executable,
            sys.argv[1],
            Progress(sys.stderr),
            Path(sysconfig.get_path("purelib")),
        )
    )
