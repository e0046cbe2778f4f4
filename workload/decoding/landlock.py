"""A second lock behind `seccomp`, where the kernel has it: no file, no network, no signal outwards.

It needs no table of system calls and is enforced where objects are reached, so a mistake in the one
is none in the other. https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

_CREATE, _RESTRICT_SELF = 444, 446
"""On every architecture."""
_ASK_VERSION = 1

FILES: Final = {1: 13, 2: 14, 3: 15, 5: 16}
"""From which version on how many rights to files there are, a bit for each."""
NETWORK: Final = {4: 2}
SCOPES: Final = {6: 2}
"""Abstract sockets, and signals, to whoever is not restricted with this process."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


def restrict() -> bool:
    """From here on this process reaches nothing by these ways; false, where there is no Landlock.

    Needs a free file descriptor, and that no privileges can be gained; OSError.
    """
    version = _libc.syscall(ctypes.c_long(_CREATE), None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    # A ruleset without a rule allows nothing of what it handles.
    handled = _Ruleset(*(_bits(version, rights) for rights in (FILES, NETWORK, SCOPES)))
    size = ctypes.c_size_t(ctypes.sizeof(handled))
    ruleset = _checked(_libc.syscall(ctypes.c_long(_CREATE), ctypes.byref(handled), size, 0))
    _checked(_libc.syscall(ctypes.c_long(_RESTRICT_SELF), ruleset, 0))
    os.close(ruleset)
    return True


def _bits(version: int, rights: dict[int, int]) -> int:
    """All rights of one kind that this version knows."""
    return (1 << max((count for since, count in rights.items() if since <= version), default=0)) - 1


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result


_libc = ctypes.CDLL(None, use_errno=True)
