"""Starts the run in a separate process, and reports the cause if that process dies.

A model can crash the engine or use up all memory; then the run's process can't report it any more.
The supervisor holds no model, no credentials and no library that could crash with them. Both the
run and the function that reports its death are passed in.
"""

from __future__ import annotations

import mmap
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workload.decoding import confinement
from workload.errors import Detail, Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable

OOM_SCORE: Final = "500"
"""Out of 1000, added to the share of used memory: the kernel kills the run and its decoders before
this process and the launcher. Any process may raise its score; only root may lower it."""

_BY_SIGNAL: Final[dict[int, Failure]] = {
    signal.SIGKILL: Failure.RUN_KILLED,
    signal.SIGTERM: Failure.RUN_STOPPED,
}
_BY_EXIT_CODE: Final = {failure.exit_code: failure for failure in Failure}


class Report:
    """What the run leaves for its supervisor, in memory that they share; it survives the run."""

    def __init__(self) -> None:
        # Not a pipe: the supervisor waits, and a worker of a fleet may report for months.
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    def state(self, text: str) -> None:
        """What the run did last: ASCII, cut off at one page."""
        content = text.encode("ascii")[: mmap.PAGESIZE - 2]
        self._memory[1 : len(content) + 2] = content + b"\0"

    def ended(self) -> None:
        """The end of the run is in the result bucket."""
        self._memory[0] = 1

    @property
    def last(self) -> tuple[bool, str | None]:
        """Whether `ended` was called, and the last text of `state`."""
        text = self._memory[1:].partition(b"\0")[0].decode("ascii", errors="replace")
        return self._memory[0] == 1, text or None


def supervise(
    run: Callable[[Report], int], report_death: Callable[[WorkloadError, str | None], None]
) -> int:
    """Executes `run` in a child process; returns its exit code, or the code for how it died.

    If the run dies before it reports `ended`, calls `report_death` with the failure and the last
    state that the run reported.
    """
    report = Report()
    oom_kills_before = _oom_kills()
    supervisor = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pid = os.fork()
    if pid == 0:
        _prepare_run_process(supervisor)
        code = run(report)
        sys.stdout.flush()
        # Not `return`: Python would wait for a thread in which a model still computes.
        os._exit(code)
    confinement.hide()
    # PID 1 of a container receives only signals for which it has a handler. Ctrl-C of a terminal
    # reaches the run directly.
    signal.signal(signal.SIGTERM, lambda number, _: os.kill(pid, number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    # The PID can't be reused before `waitpid`: until here SIGTERM is forwarded only to the run.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ended, state = report.last
    if ended:
        return code
    failure = _cause(code, memory=_oom_kills() > oom_kills_before)
    if code <= 0:
        sys.stdout.write(f"{failure}\n")
        sys.stdout.flush()
    with suppress(Exception):  # there is no other place to report it
        report_death(failure, state)
    return failure.failure.exit_code


def _prepare_run_process(supervisor: int) -> None:
    with suppress(OSError):  # not in every container; then the kernel kills the largest process
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    confinement.hide()  # after the write: /proc files of a hidden process belong to root
    confinement.end_with_parent(supervisor)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _cause(code: int, *, memory: bool) -> WorkloadError:
    """The failure for an exit code or a signal; 0 without a report is an internal error."""
    if code >= 0:
        return WorkloadError(_BY_EXIT_CODE.get(code, Failure.INTERNAL_ERROR))
    number = -code
    if number == signal.SIGKILL and memory:
        return WorkloadError(Failure.RUN_OUT_OF_MEMORY)
    # A signal without a Detail has no sentence of its own; real-time signals have no names.
    details = [Detail[name] for name in Detail.__members__ if getattr(signal, name, 0) == number]
    return WorkloadError(_BY_SIGNAL.get(number, Failure.RUN_CRASHED), *details)


def _oom_kills() -> int:
    """How many processes the kernel killed for lack of memory since the machine's start."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0
