"""A decoder that its pictures have taken over: each says what is done, from inside the process.

A program in place of `decoder_worker`, which it runs but for the decoding itself. A picture is a
word, and what is to be attempted with it. What comes of an attempt leaves as the value of every
pixel: 0 if it succeeded, else the number of the error. `--without=LOCK` leaves one out of what
confines a decoder, `--refused=LOCK` has the kernel refuse it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import sys
import termios
import threading
import time
from typing import TYPE_CHECKING

import numpy as np

from workload.decoding import confinement, decoder_worker, image_limits, landlock, pixels, seccomp

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from workload.manifest import Input

WORDS = 999
"""Bytes: a longer picture says nothing."""
MESSAGE = 1
"""Where a decoder writes its outcomes."""
PTRACE_ATTACH, PTRACE_SEIZE = 16, 0x4206
PR_GET_NO_NEW_PRIVS = 39
CLONE_NEWUSER = 0x10000000
IO_URING_SETUP = 425
X32 = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
parent = os.getppid()
poisoned: list[bool] = []
code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
"""What was executable before the process was confined stays so."""
code.write(bytes.fromhex("b814000000cd80c3"))  # mov eax, 20 (i386's getpid); int 0x80; ret


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


def trace_what_starts(seconds: float) -> None:
    """Attaches to any process that has, or will have, one of the next numbers; lets it go again."""
    end, refused = time.process_time() + seconds, False
    while time.process_time() < end:
        for pid in range(os.getpid() + 1, os.getpid() + 500):
            if not libc.ptrace(PTRACE_SEIZE, pid, 0, 0):
                return
            if ctypes.get_errno() == errno.EPERM:
                refused = True
    if refused:
        raise OSError(errno.EPERM, "")


def signal_by_a_pipe(target: int) -> None:
    """Has the kernel kill another process when something can be read."""
    fcntl.fcntl(0, fcntl.F_SETOWN, target)
    fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)


def reach(host: str, port: int) -> None:
    """Connects to a server."""
    socket.socket(socket.AF_INET, socket.SOCK_STREAM).connect((host, port))


def any_other_call() -> None:
    """Every number there is and some that may come, x32's, too; which others do anything at all."""
    allowed = {seccomp.ARCHITECTURES[os.uname().machine].numbers[name] for name in seccomp.ALLOWED}
    for number in (*range(1024), *range(X32, X32 + 1024)):
        if number not in allowed:
            ctypes.set_errno(0)
            libc.syscall(ctypes.c_long(number), *[ctypes.c_long(0)] * 6)
            if ctypes.get_errno() != errno.EPERM:
                return
    raise OSError(errno.EPERM, "")


def call_as_i386() -> None:
    """A system call of the other architecture that this machine's processes can make."""
    here = ctypes.addressof(ctypes.c_char.from_buffer(code))
    result = ctypes.CFUNCTYPE(ctypes.c_int)(here)()
    if result < 0:
        raise OSError(-result, "")


def make_executable(protection: int) -> None:
    """Makes memory that is there executable."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    here = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    checked(libc.mprotect(here, ctypes.c_size_t(mmap.PAGESIZE), protection))


def more(limit: int) -> None:
    """Sets a limit higher; Python tells no number for it."""
    try:
        resource.setrlimit(limit, (64, 64))
    except ValueError as error:
        raise OSError(errno.EPERM, "") from error


def gain_privileges() -> None:
    """Starts a program that belongs to root: it would gain nothing, so this says so instead."""
    if checked(libc.prctl(PR_GET_NO_NEW_PRIVS, *[ctypes.c_ulong(0)] * 4)) == 1:
        raise OSError(errno.EPERM, "")


def allocate() -> None:
    """Takes more memory than a decoder may have."""
    try:
        bytearray(2 * image_limits.MAX_MEMORY_BYTES)
    except MemoryError as error:
        raise OSError(errno.ENOMEM, "") from error


ATTEMPTS: dict[str, Callable[[], object]] = {
    "write-a-file": lambda: os.open("/tmp/stolen", os.O_WRONLY | os.O_CREAT),  # noqa: S108
    "open-instead-of-stdin": instead_of_stdin,
    "open-the-parents-memory": lambda: os.open(f"/proc/{parent}/mem", os.O_RDONLY),
    "make-a-file-in-memory": lambda: os.memfd_create("stolen"),
    "connect": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "connect-to-a-process": lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "make-a-pipe": os.pipe,
    "fork": fork,
    "thread": thread,
    "read-the-parent": read_parent,
    "become-root": lambda: os.setuid(0),
    "allow-files": lambda: more(resource.RLIMIT_NOFILE),
    "allow-processes": lambda: more(resource.RLIMIT_NPROC),
    "allow-large-files": lambda: more(resource.RLIMIT_FSIZE),
    "allow-a-core-dump": lambda: more(resource.RLIMIT_CORE),
    "gain-privileges": gain_privileges,
    "allocate": allocate,
    "see-the-environment": lambda: os.environ["SECRET"],
    "run-a-program": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606  it is refused
    "outlive-its-time": lambda: signal.signal(signal.SIGXCPU, signal.SIG_IGN),
    "map-a-program": lambda: mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_EXEC | mmap.PROT_READ),
    "make-memory-a-program": lambda: make_executable(mmap.PROT_EXEC | mmap.PROT_READ),
    "make-a-namespace": lambda: checked(libc.unshare(CLONE_NEWUSER)),
    "ask-for-a-ring": lambda: checked(libc.syscall(ctypes.c_long(IO_URING_SETUP), 0, None)),
    "share-memory": lambda: checked(libc.shmget(0, mmap.PAGESIZE, 0o1600)),
    "leave-a-message": lambda: checked(libc.msgget(0, 0o1600)),
    "type-for-its-operator": lambda: fcntl.ioctl(0, termios.TIOCSTI, b"x"),
    "resize-a-pipe": lambda: fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, mmap.PAGESIZE),
    "any-other-call": any_other_call,
    "call-as-i386": call_as_i386,
}
AIMED: dict[str, Callable[..., object]] = {
    "read": lambda path: os.open(path, os.O_RDONLY),
    "reach": lambda host, port: reach(host, int(port)),
    "kill": lambda pid: os.kill(int(pid), signal.SIGKILL),
    "signal": lambda pid: os.kill(int(pid), 0),
    "signal-by-a-pipe": lambda pid: signal_by_a_pipe(int(pid)),
    "trace": lambda pid: checked(libc.ptrace(PTRACE_ATTACH, int(pid), 0, 0)),
    "trace-what-starts": lambda seconds: trace_what_starts(float(seconds)),
    "limit": lambda pid: resource.prlimit(int(pid), resource.RLIMIT_NOFILE, (0, 0)),
    "see-limits": lambda pid: resource.prlimit(int(pid), resource.RLIMIT_NOFILE),
    "bind": lambda pid: os.sched_setaffinity(int(pid), os.sched_getaffinity(0)),
    "slow-down": lambda pid: os.setpriority(os.PRIO_PROCESS, int(pid), 19),
    "hold": lambda pid: os.pidfd_open(int(pid)),
    "see-time": lambda pid: time.clock_gettime(~int(pid) << 3 | 2),
}
"""At a process, a file or a server, which stands behind the word."""


def compute() -> None:
    """Never ends."""
    while True:
        pass


def hang() -> None:
    """Waits for what never comes, and computes nothing."""
    while True:
        os.read(0, WORDS)


DEEDS: dict[str, Callable[[], object]] = {
    "crash": os.abort,
    "compute": compute,
    "hang": hang,
    "poison": lambda: poisoned.append(True),
    "answer-too-much": lambda: os.write(MESSAGE, bytes(99)),
    "answer-wrongly": lambda: os.write(MESSAGE, b"\xee"),
}
VALUES = {"give-no-number": np.nan, "give-infinity": np.inf, "give-less": -1.0}


def attempted(word: str, *aim: str) -> int:
    """What comes of an attempt."""
    try:
        (AIMED if aim else ATTEMPTS)[word](*aim)
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
    word, *aim = data.decode().split() if len(data) < WORDS else ["x"]
    if poisoned:
        os.abort()
    if word in DEEDS:
        DEEDS[word]()
    known = word in (AIMED if aim else ATTEMPTS)
    value = attempted(word, *aim) if known else VALUES.get(word, data[-1])
    result = np.full((wanted.height, wanted.width, 3), value, np.float32)
    if out is not None:
        out[:] = result
    return result


def refused() -> None:
    """What a kernel does that does not take a lock."""
    raise PermissionError


if __name__ == "__main__":
    pixels.decode = decode
    vars(confinement)["CPU_SECONDS"] = 0  # which makes one: no test waits for more
    LOCKS = {
        "seccomp": (vars(seccomp), "install", lambda: None),
        "landlock": (vars(landlock), "restrict", lambda: False),
        "limits": (vars(confinement), "_NEVER", ()),
    }
    for word in sys.argv[1:-1]:
        what, _, lock = word.partition("=")
        where, name, nothing = LOCKS[lock]
        where[name] = nothing if what == "--without" else refused
    sys.argv[1:] = sys.argv[-1:]
    decoder_worker.main()
