"""What a compromised decoder can do: attempts from inside a real decoder process."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import select
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from rehearsal.repository import REPOSITORY
from workload.decoding import confinement, landlock, seccomp
from workload.decoding.confinement import NOBODY
from workload.decoding.decoder_pool import DecoderPool
from workload.decoding.worker_client import Task, WorkerClient
from workload.decoding.worker_process import WorkerProcess
from workload.errors import WorkloadError
from workload.manifest import Input
from workload.records import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

INPUT = Input(width=2, height=2, channels="RGB", low=0.0, high=255.0, resize="bilinear")
COMPROMISED = (str(REPOSITORY / "tests" / "fixtures" / "compromised_decoder.py"),)

REFUSED = dict.fromkeys(
    (
        "write-a-file",
        "open-instead-of-stdin",
        "open-the-parents-memory",
        "make-a-file-in-memory",
        "connect",
        "connect-to-a-process",
        "make-a-pipe",
        "fork",
        "read-the-parent",
        "become-root",
        "allow-files",
        "allow-processes",
        "allow-large-files",
        "allow-a-core-dump",
        "gain-privileges",
        "run-a-program",
        "outlive-its-time",
        "map-a-program",
        "make-memory-a-program",
        "make-a-namespace",
        "ask-for-a-ring",
        "share-memory",
        "leave-a-message",
        "type-for-its-operator",
        "resize-a-pipe",
        "any-other-call",
        "read {file}",
        "reach {host} {port}",
        "kill {sibling}",
        "signal {run}",
        "signal-by-a-pipe {sibling}",
        "signal-by-a-pipe {run}",
        "trace {sibling}",
        "trace {run}",
        "limit {sibling}",
        "limit {run}",
        "see-limits {run}",
        "bind {sibling}",
        "bind {run}",
        "slow-down {sibling}",
        "slow-down {run}",
        "hold {run}",
        "see-time {run}",
    ),
    errno.EPERM,
) | {"thread": errno.EAGAIN, "allocate": errno.ENOMEM, "see-the-environment": errno.ENOENT}
"""Attempt: expected errno. For a refused thread, Python has no other errno."""
if os.uname().machine == "x86_64":
    REFUSED["call-as-i386"] = errno.EPERM

BEHIND = {
    "write-a-file": errno.EMFILE,
    "open-instead-of-stdin": errno.EMFILE,
    "open-the-parents-memory": errno.EMFILE,
    "make-a-file-in-memory": errno.EMFILE,
    "connect": errno.EMFILE,
    "connect-to-a-process": errno.EMFILE,
    "make-a-pipe": errno.EMFILE,
    "fork": errno.EAGAIN,
    "thread": errno.EAGAIN,
    "trace {sibling}": errno.EPERM,
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
"""What the limits refuse without the filter."""
NOT_BEHIND = (
    "signal-by-a-pipe {sibling}",
    "limit {sibling}",
    "bind {sibling}",
    "slow-down {sibling}",
    "see-time {sibling}",
    "map-a-program",
    "outlive-its-time",
    "kill {sibling}",
)
"""What the limits allow between processes of one user."""
LANDLOCK = {
    "read {file}": (errno.EACCES, 1),
    "trace {sibling}": (errno.EPERM, 1),
    "reach {host} {port}": (errno.EACCES, 4),
    "signal {sibling}": (errno.EPERM, 6),
}
"""What Landlock refuses without the filter, and since which version."""
VERSION = max(
    0, landlock._libc.syscall(ctypes.c_long(landlock._CREATE), None, ctypes.c_size_t(0), 1)
)


@pytest.fixture
def hidden() -> Iterator[None]:
    """Hides the test's process, as a run does."""
    confinement.hide()
    yield
    confinement._prctl(confinement._PR_SET_DUMPABLE, 1)


class Target:
    """A decoder that executes the text of pictures, and the targets of its attempts."""

    def __init__(self, tmp_path: Path, without: tuple[str, ...] = ()) -> None:
        program = (*COMPROMISED, *(f"--without={lock}" for lock in without))
        start = partial(WorkerProcess, program)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.sibling = WorkerClient(INPUT, WorkerProcess(COMPROMISED))
        ready(self.sibling)
        self.decoders = DecoderPool(INPUT, [start()], start)
        file = tmp_path / "token"
        file.write_text("secret")
        host, port = self._server.getsockname()
        self._aims = {
            "file": file,
            "host": host,
            "port": port,
            "sibling": self.sibling._process.pid,
            "run": os.getpid(),
        }

    def attempt(self, *attempts: str) -> list[int]:
        """The errno of each attempt; 0 means that it succeeded."""
        words = [attempt.format(**self._aims) for attempt in attempts]
        pictures = [(Picture(name=word, generation="1"), word.encode()) for word in words]
        results = [result for _, result in self.decoders.decode(pictures)]
        assert all(isinstance(result, np.ndarray) for result in results), results
        return [int(result.min()) for result in results if isinstance(result, np.ndarray)]

    def close(self) -> None:
        """Ends all of it."""
        self.decoders.close()
        self.sibling.close()
        self._server.close()


def ready(child: WorkerClient) -> None:
    """Waits for a decoder to be confined."""
    answers = select.poll()
    answers.register(child.answers, select.POLLIN)
    while not child.ready:
        child.receive(answered=bool(answers.poll()))


@pytest.fixture(scope="module")
def target(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Target]:
    """A decoder without the locks that the test names; the run has a secret in its environment."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SECRET", "secret")
        begun = Target(tmp_path_factory.mktemp("target"), getattr(request, "param", ()))
        yield begun
        begun.close()


ALL_LOCKS = pytest.mark.parametrize("target", [()], indirect=True, ids=["all locks"])


@ALL_LOCKS
@pytest.mark.parametrize("attempt", REFUSED)
def test_every_attempt_of_a_compromised_decoder_fails(attempt: str, target: Target) -> None:
    """The kernel refuses the attempt, even though the run is not hidden here."""
    assert target.attempt(attempt) == [REFUSED[attempt]]
    assert target.sibling._process._process.poll() is None


@ALL_LOCKS
def test_a_decoder_still_works_after_its_attempts(target: Target) -> None:
    """One process makes all attempts and still decodes."""
    before = target.decoders._clients[0]
    assert target.attempt(*REFUSED) == list(REFUSED.values())
    assert target.decoders._clients == [before]


WITHOUT_FILTER = pytest.mark.parametrize(
    "target", [("seccomp", "landlock")], indirect=True, ids=["limits alone"]
)


@WITHOUT_FILTER
@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("attempt", BEHIND)
def test_the_limits_refuse_without_the_filter(attempt: str, target: Target) -> None:
    """Defense in depth: they work independently of the filter."""
    assert target.attempt(attempt) == [BEHIND[attempt]]


@WITHOUT_FILTER
@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("attempt", NOT_BEHIND)
def test_without_the_filter_attempts_succeed(attempt: str, target: Target) -> None:
    """The tests above can fail: without it, one process of a user can do this to another."""
    assert target.attempt(attempt) == [0]


@pytest.mark.parametrize(
    "target", [("seccomp", "limits")], indirect=True, ids=[f"Landlock {VERSION or 'is absent'}"]
)
@pytest.mark.usefixtures("hidden")
@pytest.mark.parametrize("attempt", LANDLOCK)
def test_landlock_refuses_without_the_filter(attempt: str, target: Target) -> None:
    """As far as this kernel's version does; without Landlock, the attempts succeed."""
    error, since = LANDLOCK[attempt]
    hides = attempt.startswith("trace")
    assert target.attempt(attempt) == [error if since <= VERSION or hides else 0]


def test_a_decoder_cannot_trace_a_process_that_starts() -> None:
    """Between exec and hiding, a process of the same user could otherwise attach to it."""
    spy = WorkerClient(INPUT, WorkerProcess(COMPROMISED))
    ready(spy)
    task = Task(picture=Picture(name="spy", generation="1"), data=b"trace-what-starts 0.5")
    spy.send([task])
    started = [WorkerProcess() for _ in range(5)]
    answers = select.poll()
    answers.register(spy.answers, select.POLLIN)
    while spy.chunks:
        spy.receive(answered=bool(answers.poll()))
    spy.close()  # first: who is traced is not seen to end
    for each in started:
        each.close()
    assert isinstance(task.outcome, np.ndarray)
    assert task.outcome.min() == errno.EPERM


def test_a_decoder_cannot_resize_the_shared_memory() -> None:
    """Otherwise the run would crash at its next access."""
    process = WorkerProcess()
    process.share(INPUT, mmap.PAGESIZE)
    for size in (0, 2 * mmap.PAGESIZE):
        with pytest.raises(PermissionError):
            os.ftruncate(process._shared.fileno(), size)
    process.close()


@pytest.mark.parametrize("lock", ["seccomp", "landlock"])
def test_a_kernel_that_refuses_confinement_ends_the_run(lock: str) -> None:
    """No picture is decoded without confinement, and no picture gets a code."""
    program = (*COMPROMISED, f"--refused={lock}")
    decoders = DecoderPool(INPUT, [WorkerProcess(program)], partial(WorkerProcess, program))
    with pytest.raises(WorkloadError, match="decoders_not_confined: "):
        list(decoders.decode([(Picture(name="a", generation="1"), b"x")]))
    decoders.close()


def test_an_architecture_without_a_table_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the model is requested; a decoder would fail, too."""
    confinement.check()
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="riscv64"))
    with pytest.raises(WorkloadError, match="decoders_not_confined: "):
        confinement.check()
    with pytest.raises(OSError, match="no table of system calls for riscv64"):
        seccomp.install()


def test_a_kernel_without_filters_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test simulates the answer of such a kernel."""
    monkeypatch.setattr(
        seccomp, "_libc", SimpleNamespace(syscall=lambda *_: ctypes.set_errno(errno.ENOSYS) or -1)
    )
    with pytest.raises(WorkloadError, match="decoders_not_confined: "):
        confinement.check()


def test_a_thread_that_is_not_synchronised_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel then returns the thread's ID, which is positive."""
    monkeypatch.setattr(seccomp, "_libc", SimpleNamespace(syscall=lambda *_: 4711))
    with pytest.raises(OSError, match="seccomp"):
        seccomp.install()


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_each_architecture_has_a_number_for_each_call(machine: str) -> None:
    """A missing number would end each decoder on that machine."""
    numbers = seccomp.ARCHITECTURES[machine].numbers
    assert set(numbers) == {*seccomp.ALLOWED, "seccomp"}
    assert len(set(numbers.values())) == len(numbers)


SPY = """
import ctypes, os, sys
sys.path[:0] = {path!r}
from rehearsal.repository import REPOSITORY
from workload.decoding import confinement
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
    """What another process of the same user can read of a process that runs this code first."""
    script = SPY.format(path=[p for p in sys.path if p], nobody=NOBODY, hide=hide)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd="/"
    )
    return done.stdout


def test_a_process_of_the_same_user_could_read_the_run() -> None:
    """The next test can fail: a secret in memory is read where nothing is done about it.

    Unless Yama is there, and allows it to nobody but a process' own parent.
    """
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    allowed = not scope.exists() or int(scope.read_text()) == 0
    assert spied("") == ("secret" if allowed else os.strerror(errno.EPERM))


def test_a_hidden_run_cannot_be_read() -> None:
    """In the image, run and decoders are of one user; the run's memory is closed to them."""
    assert spied("confinement.hide()") == os.strerror(errno.EPERM)
