"""Confines a decoder process before it reads a picture, and protects the run's memory.

Linux only; needs no privileges. The main protection is the filter of system calls (`seccomp`): a
decoder runs as the same user as the run, whose processes may kill, trace and limit each other, and
only the filter prevents that. Defense in depth: `landlock`, and resource limits that the process
can't raise again. It can open no file and no socket, even after it closes others; it can start no
process and no thread; it can write only to what is open or mapped. Root ignores the limit on
processes and can read the memory of its parent, so a decoder that root starts becomes nobody first.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import time
from typing import Final

from workload.decoding import image_limits, landlock, seccomp
from workload.errors import Failure, WorkloadError

NOBODY: Final = 65532
"""An unprivileged user; in the image it is the workload's user anyway."""

_FORBIDDEN_LIMITS = ("RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CORE")
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


def check() -> None:
    """Raises DECODERS_NOT_CONFINED if this kernel does not support `confine`."""
    try:
        seccomp.check()
    except OSError as error:
        raise WorkloadError(Failure.DECODERS_NOT_CONFINED) from error


def confine() -> None:
    """Confines this process: it can only compute and use its open pipes; OSError."""
    memory = _memory()
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    # After the change of user, which resets it. The kernel sends the signal when the *thread* that
    # started this process ends; if that is late, the end of the pipe ends this process, too.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    hide()
    landlock.restrict()  # before the limits: its ruleset needs a file descriptor
    for name in _FORBIDDEN_LIMITS:
        resource.setrlimit(getattr(resource, name), (0, 0))
    limit = memory + image_limits.MAX_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    seccomp.install()  # last: the filter forbids all calls above


def allow_cpu() -> None:
    """Allows MAX_CPU_SECONDS from now; beyond it the kernel kills the process (SIGXCPU)."""
    used = int(time.process_time()) + 1
    resource.setrlimit(
        resource.RLIMIT_CPU, (used + image_limits.MAX_CPU_SECONDS, resource.RLIM_INFINITY)
    )


def end_with_parent(pid: int) -> None:
    """Ends this process when its parent ends, or at once if it already has; OSError."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != pid:
        os.kill(os.getpid(), signal.SIGKILL)


def hide() -> None:
    """Forbids other processes of the same user to read or trace this one; OSError."""
    _prctl(_PR_SET_DUMPABLE, 0)


def _memory() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  saves an import
        pages = int(file.read().split()[0])
    return pages * resource.getpagesize()


def _prctl(option: int, value: int) -> None:
    unused = ctypes.c_ulong(0)
    if _libc.prctl(option, ctypes.c_ulong(value), unused, unused, unused):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


_libc = ctypes.CDLL(None, use_errno=True)
