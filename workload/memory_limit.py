"""Limits the memory of the run's process before a model is loaded.

A few bytes of a graph can ask for terabytes. With a limit the engine gets an error in place of the
memory, and the run reports it; without one the machine would first use all of its memory, and the
kernel would kill the run.
"""

from __future__ import annotations

import resource
from pathlib import Path


def apply() -> None:
    """Lets this process take what it has, and the memory that the machine has available now."""
    limit = _bytes("/proc/self/status", "VmData:") + _bytes("/proc/meminfo", "MemAvailable:")
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _bytes(file: str, key: str) -> int:
    lines = Path(file).read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))
