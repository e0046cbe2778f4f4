"""Runs a command in a new process, and measures its time and memory, children included.

Linux only: it reads /proc.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROC = Path("/proc")
EVERY_SECONDS = 0.1
"""How often memory is read; VmHWM is a maximum, so little is missed in between."""
DEADLINE_SECONDS = 1800.0
KIB = 1024


class FailedError(Exception):
    """A measured process failed; the message holds its output."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A process that ended with exit code 0."""

    started: float
    """On the machine's monotonic clock."""
    seconds: float
    cpu: float
    """Seconds of processor time, children included."""
    peak: int
    """Bytes: maximum of the sum of VmHWM of the process and its children."""
    printed: str


def run(
    command: Sequence[str],
    env: Mapping[str, str],
    folder: Path,
    deadline: float = DEADLINE_SECONDS,
    watch: Callable[[int], None] = lambda _: None,
) -> Finished:
    """Runs a command to its end; FailedError unless it exits with 0.

    Calls `watch` with the process ID, again and again.
    """
    peak, forked = 0, set[int]()
    with tempfile.TemporaryFile("w+") as printed:
        started = time.monotonic()
        process = subprocess.Popen(  # noqa: S603  our own command
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while True:
                pid, status, used = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if time.monotonic() - started > deadline:
                    raise FailedError(f"{' '.join(command)}: got no end within {deadline:.0f} s")
                peak = max(peak, memory(process.pid, forked))
                watch(process.pid)
                time.sleep(EVERY_SECONDS)
            finished = time.monotonic()
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            # Kill its whole session if the measurement was interrupted.
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        printed.seek(0)
        output = printed.read()
    if process.returncode != 0:
        raise FailedError(f"{' '.join(command)}: got exit code {process.returncode}: {output}")
    return Finished(
        started=started,
        seconds=finished - started,
        cpu=used.ru_utime + used.ru_stime,
        peak=peak,
        printed=output,
    )


def memory(root: int, forked: set[int]) -> int:
    """Bytes: the sum of the peaks so far of a process and its descendants.

    `forked` gets those that are no program of their own yet. One that still is none at the next
    call counts: it is a process that works without calling exec, as the run of the workload.
    """
    parents = _parents()
    members = family(root, parents)
    new = {pid for pid in members - {root} - forked if _not_yet_itself(pid, parents[pid])}
    forked |= new
    return sum(map(_peak, members - new))


def cpu(root: int) -> float:
    """Seconds of processor time of a process that runs, and of its descendants, also ended ones.

    When it ends, only the time of those that were waited for is known.
    """
    ticks = 0
    for pid in family(root):
        with suppress(OSError):
            # The program's name, in brackets, may hold any text; parse behind it.
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def family(root: int, parents: Mapping[int, int] | None = None) -> set[int]:
    """A process and all its descendants."""
    parents = _parents() if parents is None else parents
    found, before = {root}, 0
    while len(found) != before:
        before = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found


def _parents() -> dict[int, int]:
    parents = {}
    for folder in PROC.iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                # The program's name, in brackets, may hold any text; parse behind it.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                parents[int(folder.name)] = int(fields[1])
    return parents


def _peak(pid: int) -> int:
    with suppress(OSError):
        for line in (PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * KIB
    return 0  # it has ended


def _not_yet_itself(pid: int, parent: int) -> bool:
    """Whether a process is forked and has not called exec yet.

    It shares its parent's memory, which would be counted twice.
    """
    with suppress(OSError):
        lines = [(PROC / str(each) / "cmdline").read_bytes() for each in (pid, parent)]
        return lines[0] == lines[1]
    return False
