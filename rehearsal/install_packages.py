"""Installs a lock file and the console script into this Python's environment, with progress.

pip alone is silent for minutes, or prints hundreds of lines. Its errors are shown unchanged.
"""

from __future__ import annotations

import subprocess
import sys

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


def install(python: str, lock: str, progress: Progress) -> int:
    """Run pip for the lock and then for the current folder's project; returns its exit code."""
    fetched = 0
    with subprocess.Popen(  # noqa: S603  a fixed command
        [python, *PIP, lock], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as pip:
        for line in pip.stdout or ():
            what, _, rest = line.partition(" ")
            if what == "Collecting":
                fetched += 1
                progress.count(f"fetching package {fetched}: {rest.split()[0]}")
            elif what == "Installing":
                progress.say(f"  unpacking {counted(fetched, 'package')}: a minute or two")
    if pip.returncode:
        return pip.returncode
    return subprocess.run([python, *SCRIPT], stdin=subprocess.DEVNULL, check=False).returncode  # noqa: S603  a fixed command


if __name__ == "__main__":
    sys.exit(install(sys.executable, sys.argv[1], Progress(sys.stderr)))
