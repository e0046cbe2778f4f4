"""Installs the packages of a lock file into the virtual environment of this Python, with progress.

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


def install(python: str, lock: str, progress: Progress) -> int:
    """Run pip; returns its exit code."""
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
    return pip.returncode


if __name__ == "__main__":
    sys.exit(install(sys.executable, sys.argv[1], Progress(sys.stderr)))
