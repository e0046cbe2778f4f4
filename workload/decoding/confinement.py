"""What a decoder process takes from itself before it sees a picture, and its parent from others.

Linux only, and without privileges. What counts is the filter of system calls (`seccomp`): a decoder
has the run's own user, whose processes may kill, trace and limit one another, and no other of these
locks keeps it from that. Behind it stand `landlock`, and limits that can't be raised again: no file
and no socket can be opened, however many are closed before; no process or thread can be started;
nothing can be written but what is open or mapped. Root is bound neither by the limit on processes
nor by the guard of its parent's memory, so a decoder that root starts becomes nobody first.
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
"""Whoever this is on a machine; in the image it is the workload's user anyway."""

_FORBIDDEN_LIMITS = ("RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CORE")
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38


def check() -> None:
    """Raises DECODERS_NOT_CONFINED where `confine` could not keep its promise."""
    try:
        seccomp.check()
    except OSError as error:
        raise WorkloadError(Failure.DECODERS_NOT_CONFINED) from error


def confine() -> None:
    """From here on this process can only compute, and use what it has open; OSError."""
    memory = _memory()
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    # After the change of user, which undoes it. It is told of the death of the *thread* that
    # started this process; where that is late, the end of the pipe ends it, too.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    hide()
    landlock.restrict()  # while a file can still be opened: its ruleset is one
    for name in _FORBIDDEN_LIMITS:
        resource.setrlimit(getattr(resource, name), (0, 0))
    most = memory + image_limits.MAX_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    seccomp.install()  # last: none of the calls above is allowed any more


def allow_cpu() -> None:
    """MAX_CPU_SECONDS from now; the kernel ends the process (SIGXCPU) that takes more."""
    used = int(time.process_time()) + 1
    resource.setrlimit(
        resource.RLIMIT_CPU, (used + image_limits.MAX_CPU_SECONDS, resource.RLIM_INFINITY)
    )


def end_with_parent(pid: int) -> None:
    """The kernel ends this process with its parent, even if that has ended meanwhile; OSError."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != pid:
        os.kill(os.getpid(), signal.SIGKILL)


def hide() -> None:
    """No other process of the same user can read or trace this one from here on; OSError."""
    _prctl(_PR_SET_DUMPABLE, 0)


def _memory() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  one import less
        pages = int(file.read().split()[0])
    return pages * resource.getpagesize()


def _prctl(option: int, value: int) -> None:
    unused = ctypes.c_ulong(0)
    if _libc.prctl(option, ctypes.c_ulong(value), unused, unused, unused):
        raise OSError(ctypes.get_errno(), f"prctl {option}")


_libc = ctypes.CDLL(None, use_errno=True)
