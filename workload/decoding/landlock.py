"""Defense in depth behind `seccomp`, if the kernel supports it: no file, no network, no signals.

Landlock checks access to objects, not system calls, so a mistake in the table of system calls does
not affect it. https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

_CREATE, _RESTRICT_SELF = 444, 446
"""The same on every architecture."""
_ASK_VERSION = 1

FILES: Final = {1: 13, 2: 14, 3: 15, 5: 16}
"""Version: number of access rights to files since then, one bit each."""
NETWORK: Final = {4: 2}
SCOPES: Final = {6: 2}
"""Abstract sockets and signals to processes outside this one's domain."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


def restrict() -> bool:
    """Restricts this process; False if the kernel has no Landlock.

    Needs a free file descriptor and PR_SET_NO_NEW_PRIVS; OSError.
    """
    version = _libc.syscall(ctypes.c_long(_CREATE), None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    # A ruleset without rules forbids everything that it handles.
    handled = _Ruleset(*(_bits(version, rights) for rights in (FILES, NETWORK, SCOPES)))
    size = ctypes.c_size_t(ctypes.sizeof(handled))
    ruleset = _checked(_libc.syscall(ctypes.c_long(_CREATE), ctypes.byref(handled), size, 0))
    _checked(_libc.syscall(ctypes.c_long(_RESTRICT_SELF), ruleset, 0))
    os.close(ruleset)
    return True


def _bits(version: int, rights: dict[int, int]) -> int:
    """All access rights of one kind in this version."""
    return (1 << max((count for since, count in rights.items() if since <= version), default=0)) - 1


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result


_libc = ctypes.CDLL(None, use_errno=True)
