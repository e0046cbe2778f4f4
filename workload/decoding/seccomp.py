"""The system calls that a decoder may make, as a program that the kernel runs before each of them.

Whatever is not in the table is refused, and so is a call of the table with other arguments: the
table is what `strace` shows of a confined decoder, for all formats, and what glibc may need once in
a while (`mremap`, `futex`). Refused means EPERM and not death: a library may ask for more in a
picture that nobody has tried, and goes on without; a decoder that was taken over gains nothing by
such an answer.

The program is small and its libraries are not, so it is written here
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
    # Of this process only, and only these: the clock of another tells what it is doing, and a limit
    # of another can end it. The run's own deadline is above any limit of time that is set here.
    "clock_gettime": {0: time.CLOCK_PROCESS_CPUTIME_ID},
    "prlimit64": {0: 0, 1: resource.RLIMIT_CPU},
    "read": {0: STDIN},
    "write": {0: STDOUT},
    # Memory of its own that is no program: nothing that is mapped later can be executed, and
    # nothing that is mapped can be made so, as there is no `mprotect`.
    "brk": {},
    "mmap": {2: _PROT_READ_WRITE, 3: _MAP_PRIVATE_ANONYMOUS},
    "mremap": {3: _MREMAP_MAYMOVE},
    "munmap": {},
    "madvise": {2: _MADV_HUGEPAGE},
    # After something was made ready once; nobody waits, as there is one thread.
    "futex": {1: _FUTEX_WAKE_PRIVATE},
    "exit_group": {},
}
"""Names, and for each the arguments, by position, that must have one value."""


class Architecture(NamedTuple):
    """What a machine calls itself in the kernel's data, and how it numbers system calls."""

    audit: int
    numbers: dict[str, int]


ARCHITECTURES: Final = {
    # The numbers of x32, a second set on the same machine, begin at 2 ** 30: none is in the table.
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
    """Whether the kernel would take a filter; OSError, if not. It changes nothing."""
    action = ctypes.c_uint32(_REFUSE & 0x7FFF0000)
    _seccomp(_GET_ACTION_AVAIL, 0, ctypes.byref(action))


def install() -> None:
    """From here on this process, every thread of it, makes no other calls; OSError."""
    instructions = program(_architecture())
    filter_program = _Program(len(instructions) // 8, instructions)
    _seccomp(_SET_MODE_FILTER, _TSYNC, ctypes.byref(filter_program))


def program(architecture: Architecture) -> bytes:
    """The filter; a call of another architecture than this, such as i386's, is refused, too."""
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
    """Refuses, unless there is this value."""
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
    # A positive number is a thread that could not be bound.
    if result := _libc.syscall(number, ctypes.c_ulong(operation), ctypes.c_ulong(flags), pointer):
        raise OSError(ctypes.get_errno() if result < 0 else errno.EBUSY, f"seccomp {operation}")


_libc = ctypes.CDLL(None, use_errno=True)
