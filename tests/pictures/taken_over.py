"""A decoder that its pictures have taken over: each says what is done, from inside the process.

A program in place of `workload.decoder`, which it runs but for the decoding itself. A picture is
words of text. What comes of an attempt leaves as the value of every pixel: 0 if it succeeded, else
the number of the error.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np

from workload import confinement, decoder, pixels

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from workload.manifest import Input

MESSAGE = 1
"""Where a decoder writes its outcomes."""
PTRACE_ATTACH = 16
PR_GET_NO_NEW_PRIVS = 39
libc = ctypes.CDLL(None, use_errno=True)
parent = os.getppid()
poisoned: list[bool] = []


def checked(result: int) -> int:
    """A result of the C library; OSError if it is a failure."""
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def read_parent() -> None:
    """Reads a byte of the parent's memory, wherever: only the refusal matters."""
    byte = ctypes.create_string_buffer(1)
    here = (ctypes.c_void_p * 2)(ctypes.addressof(byte), 1)
    there = (ctypes.c_void_p * 2)(id(None), 1)
    checked(libc.process_vm_readv(parent, here, 1, there, 1, 0))


def fork() -> None:
    """Starts a process."""
    if not os.fork():
        os._exit(0)


def thread() -> None:
    """Starts a thread; Python tells no number for it."""
    try:
        threading.Thread(target=int).start()
    except RuntimeError as error:
        raise OSError(errno.EAGAIN, "") from error


def instead_of_stdin() -> None:
    """Opens a file in the place of one that was open."""
    os.close(0)
    os.open("/dev/null", os.O_RDONLY)


def more(limit: int) -> None:
    """Sets a limit higher; Python tells no number for it."""
    try:
        resource.setrlimit(limit, (64, 64))
    except ValueError as error:
        raise OSError(errno.EPERM, "") from error


def gain_privileges() -> None:
    """Starts a program that belongs to root: it would gain nothing, so this says so instead."""
    if libc.prctl(PR_GET_NO_NEW_PRIVS, *[ctypes.c_ulong(0)] * 4) == 1:
        raise OSError(errno.EPERM, "")


def allocate() -> None:
    """Takes more memory than a decoder may have."""
    try:
        bytearray(2 * confinement.MEMORY)
    except MemoryError as error:
        raise OSError(errno.ENOMEM, "") from error


ATTEMPTS: dict[str, Callable[[], object]] = {
    "read-a-file": lambda: os.open(__file__, os.O_RDONLY),
    "write-a-file": lambda: os.open("/tmp/stolen", os.O_WRONLY | os.O_CREAT),  # noqa: S108
    "open-instead-of-stdin": instead_of_stdin,
    "open-the-parents-memory": lambda: os.open(f"/proc/{parent}/mem", os.O_RDONLY),
    "make-a-file-in-memory": lambda: os.memfd_create("stolen"),
    "connect": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "connect-to-a-process": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "make-a-pipe": os.pipe,
    "fork": fork,
    "thread": thread,
    "trace-the-parent": lambda: checked(libc.ptrace(PTRACE_ATTACH, parent, 0, 0)),
    "read-the-parent": read_parent,
    "become-root": lambda: os.setuid(0),
    "allow-files": lambda: more(resource.RLIMIT_NOFILE),
    "allow-processes": lambda: more(resource.RLIMIT_NPROC),
    "allow-large-files": lambda: more(resource.RLIMIT_FSIZE),
    "allow-a-core-dump": lambda: more(resource.RLIMIT_CORE),
    "gain-privileges": gain_privileges,
    "allocate": allocate,
    "see-the-environment": lambda: os.environ["SECRET"],
}


def compute() -> None:
    """Never ends."""
    while True:
        pass


DEEDS: dict[str, Callable[[], object]] = {
    "crash": os.abort,
    "compute": compute,
    "hang": signal.pause,
    "poison": lambda: poisoned.append(True),
    "answer-too-much": lambda: os.write(MESSAGE, bytes(99)),
    "answer-wrongly": lambda: os.write(MESSAGE, b"\xee"),
}
VALUES = {"give-no-number": np.nan, "give-infinity": np.inf, "give-less": -1.0}


def attempted(word: str) -> int:
    """What comes of an attempt."""
    try:
        ATTEMPTS[word]()
    except OSError as error:
        return error.errno or -1
    except KeyError:
        return errno.ENOENT
    return 0


def decode(
    data: bytes,
    wanted: Input,
    room: pixels.Room,  # noqa: ARG001  as the real one
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    """Does what the picture says; where that is nothing, its last byte is its colour."""
    word = data[:99].decode()
    if poisoned:
        os.abort()
    if word in DEEDS:
        DEEDS[word]()
    value = attempted(word) if word in ATTEMPTS else VALUES.get(word, data[-1])
    result = np.full((wanted.height, wanted.width, 3), value, np.float32)
    if out is not None:
        out[:] = result
    return result


if __name__ == "__main__":
    pixels.decode = decode
    vars(confinement)["CPU_SECONDS"] = 0  # which makes one: no test waits for more
    sys.argv[1:] = sys.argv[-1:]
    decoder.main()
