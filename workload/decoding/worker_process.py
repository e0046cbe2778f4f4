"""The process of a decoder: this Python, started by exec, with shared memory and two pipes.

It starts before the run has a model, a credential or a picture, and imports its libraries while the
run requests the model. `share` tells it the model's input later.
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
"""Without garbage collection: it would take a sixth of the start."""

ALLOCATION: Final = {
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024**2),
}
"""Make glibc keep freed memory: new pages for each picture would take half of the time."""

_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class WorkerProcess:
    """One process; starts at once, ends with `close`."""

    def __init__(self, program: Sequence[str] = PROGRAM) -> None:
        sealable = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
        self._shared = os.fdopen(os.memfd_create("pictures", sealable), "rb+", buffering=0)
        shared = self._shared.fileno()
        # By exec: a fork would inherit the memory of this process.
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
        """Process ID."""
        return self._process.pid

    @property
    def answers(self) -> int:
        """Readable when there is an answer or the process has ended."""
        return _fd(self._process.stdout)

    def share(self, model_input: Input, size: int) -> mmap.mmap:
        """Sends the model's input, once; returns the shared memory."""
        self._shared.truncate(size)
        # A decoder that could shrink the memory could crash the run (SIGBUS).
        fcntl.fcntl(self._shared, fcntl.F_ADD_SEALS, _SEALS)
        self.send(json.dumps(asdict(model_input)).encode() + b"\n")
        return mmap.mmap(self._shared.fileno(), size)

    def send(self, message: bytes) -> None:
        """Writes a message, which must fit into the pipe."""
        try:
            os.write(_fd(self._process.stdin), message)
        except BrokenPipeError:
            return  # it is dead: the end of its answers reports that

    def cause_of_death(self) -> PictureFailure:
        """The code for a picture that ended the process; waits for the end."""
        code = self._process.wait()
        if code == -signal.SIGXCPU:
            return PictureFailure.DECODER_TOO_SLOW
        return PictureFailure.DECODER_CRASHED

    def close(self) -> None:
        """Kills the process."""
        self._process.kill()
        for file in (self._process.stdin, self._process.stdout, self._shared):
            if file is not None:
                file.close()
        self._process.wait()


def _fd(pipe: object) -> int:
    return pipe.fileno()  # type: ignore[attr-defined, no-any-return]


def _environment() -> dict[str, str]:
    """Lets Python find the same modules; one thread, because confinement forbids others."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *(os.path.abspath(path) for path in sys.path if path)]  # noqa: PTH100  no links
    return {
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **ALLOCATION,
    }
