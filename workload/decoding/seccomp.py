"""The system calls that a decoder may make, as a filter that the kernel runs before each call.

Any call that is not in the table, or has other arguments, fails. The table is what `strace` shows
for a confined decoder with all formats, and what glibc needs occasionally (`mremap`, `futex`).
Forbidden calls return EPERM and do not kill the process: with some untested picture a library may
try another call and continue without it. A compromised decoder gains nothing from EPERM.

The filter is short and libraries for it are large, so it is written here
(https://docs.kernel.org/userspace-api/seccomp_filter.html, docs/adr/0009).
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import struct
import time
from typing import Final, NamedTuple

STDIN, STDOUT = 0, 1
_PROT_READ_WRITE, _MAP_PRIVATE_ANONYMOUS = 0x3, 0x22
_MREMAP_MAYMOVE, _MADV_HUGEPAGE, _FUTEX_WAKE_PRIVATE = 1, 14, 129

ALLOWED: Final[dict[str, dict[int, int]]] = {
    # Only of this process: the clock of another process shows its activity, and a limit could kill
    # it. A decoder may raise its own CPU limit; the run's deadline still ends it.
    "clock_gettime": {0: time.CLOCK_PROCESS_CPUTIME_ID},
    "prlimit64": {0: 0, 1: resource.RLIMIT_CPU},
    "read": {0: STDIN},
    "write": {0: STDOUT},
    # Private memory that is not executable: new mappings can't be executable, and without
    # `mprotect` no mapping can become so.
    "brk": {},
    "mmap": {2: _PROT_READ_WRITE, 3: _MAP_PRIVATE_ANONYMOUS},
    "mremap": {3: _MREMAP_MAYMOVE},
    "munmap": {},
    "madvise": {2: _MADV_HUGEPAGE},
    # glibc wakes waiters after one-time initialisation; there are none, with one thread.
    "futex": {1: _FUTEX_WAKE_PRIVATE},
    "exit_group": {},
}
"""Name: required values of arguments, by position."""


class Architecture(NamedTuple):
    """The kernel's audit value of an architecture, and its numbers of system calls."""

    audit: int
    numbers: dict[str, int]


ARCHITECTURES: Final = {
    # Numbers of x32, the second ABI of this architecture, begin at 2 ** 30: none is allowed.
    "x86_64": Architecture(
        0xC000003E,
        {
            "read": 0,
            "write": 1,
            "mmap": 9,
            "munmap": 11,
            "brk": 12,
            "mremap": 25,
            "madvise": 28,
            "futex": 202,
            "clock_gettime": 228,
            "exit_group": 231,
            "prlimit64": 302,
            "seccomp": 317,
        },
    ),
    "aarch64": Architecture(
        0xC00000B7,
        {
            "read": 63,
            "write": 64,
            "exit_group": 94,
            "futex": 98,
            "clock_gettime": 113,
            "brk": 214,
            "munmap": 215,
            "mremap": 216,
            "mmap": 222,
            "madvise": 233,
            "prlimit64": 261,
            "seccomp": 277,
        },
    ),
}
"""https://github.com/torvalds/linux/blob/v6.12/arch/x86/entry/syscalls/syscall_64.tbl and
https://github.com/torvalds/linux/blob/v6.12/include/uapi/asm-generic/unistd.h"""

_SET_MODE_FILTER, _GET_ACTION_AVAIL, _TSYNC = 1, 2, 1
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def check() -> None:
    """OSError if the kernel does not support the filter; changes nothing."""
    action = ctypes.c_uint32(_REFUSE & 0x7FFF0000)
    _seccomp(_GET_ACTION_AVAIL, 0, ctypes.byref(action))


def install() -> None:
    """Installs the filter for all threads of this process; OSError."""
    instructions = program(_architecture())
    filter_program = _Program(len(instructions) // 8, instructions)
    _seccomp(_SET_MODE_FILTER, _TSYNC, ctypes.byref(filter_program))


def program(architecture: Architecture) -> bytes:
    """The filter's code; it also forbids calls of other architectures, such as i386."""
    code = _require(_ARCHITECTURE_AT, architecture.audit) + _instruction(_LOAD, _NUMBER_AT)
    for name, arguments in ALLOWED.items():
        block = b"".join(
            _require(_ARGUMENTS_AT + 8 * position + half, value if half == 0 else 0)
            for position, value in arguments.items()
            for half in (0, 4)
        ) + _instruction(_RETURN, _ALLOW)
        code += _instruction(_JUMP_IF_EQUAL, architecture.numbers[name], 0, len(block) // 8) + block
    return code + _instruction(_RETURN, _REFUSE)


def _require(at: int, value: int) -> bytes:
    """Forbids the call unless the word at `at` has this value."""
    return (
        _instruction(_LOAD, at)
        + _instruction(_JUMP_IF_EQUAL, value, 1, 0)
        + _instruction(_RETURN, _REFUSE)
    )


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, operand)


def _architecture() -> Architecture:
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no table of system calls for {machine}")
    return ARCHITECTURES[machine]


def _seccomp(operation: int, flags: int, pointer: object) -> None:
    number = ctypes.c_long(_architecture().numbers["seccomp"])
    # A positive result is the ID of a thread that could not be synchronised.
    if result := _libc.syscall(number, ctypes.c_ulong(operation), ctypes.c_ulong(flags), pointer):
        raise OSError(ctypes.get_errno() if result < 0 else errno.EBUSY, f"seccomp {operation}")


_libc = ctypes.CDLL(None, use_errno=True)
