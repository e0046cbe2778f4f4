"""Runs one command in its own process group, and kills the group when the calling process is gone.

Usage: python process_group.py COMMAND ARGUMENT… with a pipe as standard input. Each byte that
arrives sends SIGTERM to the command, and to no other process of the group. When the other end of
the pipe closes, on purpose or because its process was killed, this process kills the whole group.
It does the same on SIGINT, SIGTERM and SIGHUP. The exit code is the command's, or 128 plus the
signal that ended it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

SIGNALLED = 128
NOTICE = b"\n"
"""Any byte would do."""


def main(command: list[str]) -> int:
    """Run the command to its end, or to the end of standard input."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603  the caller's command is the whole point

    def kill_group(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)

    def follow_the_input() -> None:
        while os.read(0, 1):
            child.terminate()  # nothing happens if it has ended
        kill_group()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, kill_group)
    threading.Thread(target=follow_the_input, daemon=True).start()
    code = child.wait()
    kill_group()  # processes that the command left running
    return SIGNALLED - code if code < 0 else code


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # the reading thread never ends by itself
