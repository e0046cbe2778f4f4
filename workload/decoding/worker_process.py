"""The process of a decoder: this Python, started by exec, with a piece of memory and two pipes.

It is started before there is anything to be had, neither a model nor a credential nor a picture,
and is told later what to decode: it gets ready while the model is asked for.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workload.errors import PictureFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workload.manifest import Input

PROGRAM: Final = (
    "-c",
    "import gc; gc.disable(); from workload.decoding import decoder_worker as w; w.main()",
)
"""A sixth of the start would go into the search for garbage among what is imported."""

ALLOCATION: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024**2),
}
"""glibc keeps what is freed, or each picture's pages would be made anew: half of all time."""

_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class WorkerProcess:
    """One process, from its start until it is closed."""

    def __init__(self, program: Sequence[str] = PROGRAM) -> None:
        sealable = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        self._shared = os.fdopen(os.memfd_create("pictures", sealable), "rb+", buffering=0)
        shared = self._shared.fileno()
        # By exec, because a fork would take along what this process holds.
        self._process = subprocess.Popen(  # noqa: S603  this Python, and a module of this package
            [sys.executable, "-S", "-W", "ignore", *program, str(shared)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[shared],
            env=_environment(),
            cwd="/",
            bufsize=0,
        )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def answers(self) -> int:
        """What becomes readable when there is an answer, or none will come any more."""
        return _fd(self._process.stdout)

    def share(self, model_input: Input, size: int) -> mmap.mmap:
        """Says what is to be decoded, once; the memory that it then has, too."""
        self._shared.truncate(size)
        # Memory that became smaller would end the run at its next touch (SIGBUS).
        fcntl.fcntl(self._shared, fcntl.F_ADD_SEALS, _SEALS)
        self.send(json.dumps(asdict(model_input)).encode() + b"\n")
        return mmap.mmap(self._shared.fileno(), size)

    def send(self, message: bytes) -> None:
        """Writes what fits into its pipe."""
        try:
            os.write(_fd(self._process.stdin), message)
        except BrokenPipeError:
            return  # it is dead, which the end of its answers will tell

    def cause_of_death(self) -> PictureFailure:
        """What a picture that did this is called; waits for the end."""
        code = self._process.wait()
        if code == -signal.SIGXCPU:
            return PictureFailure.DECODER_TOO_SLOW
        return PictureFailure.DECODER_CRASHED

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        for file in (self._process.stdin, self._process.stdout, self._shared):
            if file is not None:
                file.close()
        self._process.wait()


def _fd(pipe: object) -> int:
    return pipe.fileno()  # type: ignore[attr-defined, no-any-return]


def _environment() -> dict[str, str]:
    """What Python needs to find the same modules; one thread, as no other could be started."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *(os.path.abspath(path) for path in sys.path if path)]  # noqa: PTH100  no links
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **ALLOCATION,
    }
