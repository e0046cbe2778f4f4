"""What an installation takes, in seconds and MB: `python -m bench.installation`.

Each goes into a new virtual environment in a temporary folder, with every package downloaded. The
seconds depend on the network, the MB do not. It needs the package registry.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from ops.terminal import Table, standard_output
from rehearsal.repository import REPOSITORY

INSTALLATIONS = {
    "`pulumi up` alone": ("requirements.txt",),
    "`pulumi up`, `results`, `why`": ("requirements.txt", "requirements-ops.txt"),
    "everything: demo, tests": ("requirements-dev.txt",),
}
PIP = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-cache-dir")
MB = 1_000_000


class Cost(NamedTuple):
    """What one installation took."""

    packages: int
    seconds: float
    megabytes: float


def measured(locks: tuple[str, ...]) -> Cost:
    """Install lock files into a new environment; CalledProcessError if pip fails."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "bin", "python")
        _run(sys.executable, "-m", "venv", folder)
        before = _installed(folder)
        started = time.monotonic()
        for lock in locks:
            _run(str(python), *PIP, "--require-hashes", "-r", lock)
        seconds = time.monotonic() - started
        size = sum(file.lstat().st_size for file in Path(folder).rglob("*") if file.is_file())
        return Cost(len(_installed(folder) - before), seconds, size / MB)


def _installed(folder: str) -> set[str]:
    return {each.name for each in Path(folder).glob("lib/python*/site-packages/*.dist-info")}


def _run(*command: str) -> None:
    subprocess.run(command, cwd=REPOSITORY, check=True)  # noqa: S603  fixed commands


def main() -> None:
    """Measure each installation and print a table."""
    table = Table("installation", "packages", "seconds", "MB")
    for name, locks in INSTALLATIONS.items():
        cost = measured(locks)
        table.add_row(name, str(cost.packages), f"{cost.seconds:.0f}", f"{cost.megabytes:.0f}")
    standard_output().print(table)


if __name__ == "__main__":
    main()
