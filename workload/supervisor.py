"""Starts the run in a process of its own, and finds words for its death.

A model can crash the engine or take all memory, and then nobody is left in that process to say so.
This one holds neither model nor credentials and no library that could fail with them. It knows
neither the run nor where its end is told: both are passed in.
"""

from __future__ import annotations

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
"""Of 1000, beside the share of memory in use: the run and its decoders go before this process, and
before the launcher outside of the container. Everybody may raise it, and nobody lower it again."""

_BY_SIGNAL: Final[dict[int, Failure]] = {
    signal.SIGKILL: Failure.RUN_KILLED,
    signal.SIGTERM: Failure.RUN_STOPPED,
}
_ENDED: Final = "ended"
_BY_EXIT_CODE: Final = {failure.exit_code: failure for failure in Failure}


class Report:
    """What the run says of itself through a pipe, so that it is known after its death."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def results_written(self, generation: str) -> None:
        """The results in the bucket are this run's as long as they have this generation."""
        os.write(self._pipe, f"{generation}\n".encode())

    def ended(self) -> None:
        """How the run ended stands in the result bucket."""
        os.write(self._pipe, f"{_ENDED}\n".encode())


def supervise(
    run: Callable[[Report], int], report_death: Callable[[WorkloadError, str | None], None]
) -> int:
    """The exit code of a run, or of how it died.

    `run` reports as soon as its end stands in the result bucket; if it never does, `tell` is asked
    to write it there, and gets the last mark that the run reported.
    """
    read_end, write_end = os.pipe()
    oom_kills_before = _oom_kills()
    supervisor = os.getpid()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    pid = os.fork()
    if pid == 0:
        _prepare_run_process(supervisor)
        return run(Report(write_end))
    confinement.hide()
    os.close(write_end)
    # The first process of a container gets no signal that it does not ask for. A terminal's Ctrl-C
    # reaches the run by itself.
    signal.signal(signal.SIGTERM, lambda number, _: os.kill(pid, number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    # Its number is its own until `waitpid`: SIGTERM is handed on till here, and to nobody else.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with open(read_end, encoding="ascii") as lines:  # noqa: PTH123  a descriptor has no path
        messages = lines.read().splitlines()
    if _ENDED in messages:
        return code
    failure = _cause(code, memory=_oom_kills() > oom_kills_before)
    if code <= 0:
        sys.stdout.write(f"{failure}\n")
        sys.stdout.flush()
    with suppress(Exception):  # there is nowhere else to tell it
        report_death(failure, messages[-1] if messages else None)
    return failure.failure.exit_code


def _prepare_run_process(supervisor: int) -> None:
    with suppress(OSError):  # a container may not have it; then the largest is killed first anyway
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    confinement.hide()  # after that: the files about a hidden process are root's
    confinement.end_with_parent(supervisor)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _cause(code: int, *, memory: bool) -> WorkloadError:
    """What an exit code or a signal is called; a run that ends well has told it."""
    if code >= 0:
        return WorkloadError(_BY_EXIT_CODE.get(code, Failure.INTERNAL_ERROR))
    number = -code
    if number == signal.SIGKILL and memory:
        return WorkloadError(Failure.RUN_OUT_OF_MEMORY)
    # What is not in the table has no sentence; a real-time signal has no name to look for.
    details = [Detail[name] for name in Detail.__members__ if getattr(signal, name, 0) == number]
    return WorkloadError(_BY_SIGNAL.get(number, Failure.RUN_CRASHED), *details)


def _oom_kills() -> int:
    """How many processes the kernel has killed for that, since the machine's start."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0
