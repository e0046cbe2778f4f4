"""What a picture that has taken over its decoder can do, tried from inside a real one."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from workload.confinement import NOBODY
from workload.decoders import Decoders
from workload.manifest import Input
from workload.process import Process
from workload.records import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

WANTED = Input(width=2, height=2, channels="RGB", low=0.0, high=255.0, resize="bilinear")
TAKEN_OVER = (str(Path(__file__).parents[1] / "pictures" / "taken_over.py"),)

REFUSED = {
    "read-a-file": errno.EMFILE,
    "write-a-file": errno.EMFILE,
    "open-instead-of-stdin": errno.EMFILE,
    "open-the-parents-memory": errno.EMFILE,
    "make-a-file-in-memory": errno.EMFILE,
    "connect": errno.EMFILE,
    "connect-to-a-process": errno.EMFILE,
    "make-a-pipe": errno.EMFILE,
    "fork": errno.EAGAIN,
    "thread": errno.EAGAIN,
    "trace-the-parent": errno.EPERM,
    "read-the-parent": errno.EPERM,
    "become-root": errno.EPERM,
    "allow-files": errno.EPERM,
    "allow-processes": errno.EPERM,
    "allow-large-files": errno.EPERM,
    "allow-a-core-dump": errno.EPERM,
    "gain-privileges": errno.EPERM,
    "allocate": errno.ENOMEM,
    "see-the-environment": errno.ENOENT,
}


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoders]:
    """One decoder that does what pictures say, of a run that has a secret in its environment."""
    monkeypatch.setenv("SECRET", "secret")
    start = partial(Process, TAKEN_OVER)
    started = Decoders(WANTED, [start()], start)
    yield started
    started.close()


@pytest.mark.parametrize("attempt", REFUSED)
def test_a_decoder_gets_at_nothing(attempt: str, decoder: Decoders) -> None:
    """The attempt is made, and refused by the kernel for the reason that was meant."""
    picture = Picture(name=attempt, generation="1")
    ((_, result),) = decoder.decode([(picture, attempt.encode())])
    np.testing.assert_array_equal(result, np.full((2, 2, 3), REFUSED[attempt], np.float32))


def test_a_decoder_goes_on_after_its_attempts(decoder: Decoders) -> None:
    """None of them costs more than itself: the same process does all of it."""
    # But for the one that closes the pipe through which further pictures would come.
    words = [word for word in REFUSED if word != "open-instead-of-stdin"]
    pictures = [(Picture(name=word, generation="1"), word.encode()) for word in words]
    before = decoder._children[0]
    results = {picture.name: result for picture, result in decoder.decode(pictures)}
    assert all(isinstance(result, np.ndarray) for result in results.values()), results
    assert decoder._children == [before]


SPY = """
import ctypes, os, sys
sys.path[:0] = {path!r}
from workload import confinement
libc = ctypes.CDLL(None, use_errno=True)
if os.getuid() == 0:
    os.setgroups([])
    os.setresgid({nobody}, {nobody}, {nobody})
    os.setresuid({nobody}, {nobody}, {nobody})
confinement._prctl(4, 1)  # as any process is that was started by its own user
secret = ctypes.create_string_buffer(b"secret")
{hide}
pid = os.fork()
if not pid:
    read = ctypes.create_string_buffer(6)
    here = (ctypes.c_void_p * 2)(ctypes.addressof(read), 6)
    there = (ctypes.c_void_p * 2)(ctypes.addressof(secret), 6)
    size = libc.process_vm_readv(os.getppid(), here, 1, there, 1, 0)
    os.write(1, os.strerror(ctypes.get_errno()).encode() if size < 0 else read.raw)
    os._exit(0)
os.waitpid(pid, 0)
"""


def spied(hide: str) -> str:
    """What another process of the same user reads of a process that does this first."""
    script = SPY.format(path=[p for p in sys.path if p], nobody=NOBODY, hide=hide)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd="/"
    )
    return done.stdout


@pytest.mark.skipif(
    Path("/proc/sys/kernel/yama/ptrace_scope").exists(), reason="this kernel refuses it anyway"
)
def test_a_process_of_the_same_user_could_read_the_run() -> None:
    """The next test can fail: a secret in memory is read where nothing is done about it."""
    assert spied("") == "secret"


def test_a_run_that_hides_is_not_read() -> None:
    """In the image, run and decoders are of one user; the run's memory is closed to them."""
    assert spied("confinement.hide()") == os.strerror(errno.EPERM)
