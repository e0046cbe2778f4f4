"""Runs one command in a process group of its own, and takes it along when whoever asked is gone.

Usage: python supervise.py COMMAND ARGUMENT… with a pipe as standard input. When the other end of
the pipe closes, be it on purpose or because its process was killed, the whole group is killed; and
so it is when this process is told to end, as by Ctrl-C in a terminal. The exit code is the
command's, or 128 plus the signal that ended it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

SIGNALLED = 128


def main(command: list[str]) -> int:
    """Run the command to its end, or to the end of standard input."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603  the caller's command is the whole point

    def kill_group(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)

    def wait_for_the_end_of_input() -> None:
        while os.read(0, 1):
            pass
        kill_group()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, kill_group)
    threading.Thread(target=wait_for_the_end_of_input, daemon=True).start()
    code = child.wait()
    kill_group()  # what the command left running behind itself
    return SIGNALLED - code if code < 0 else code


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # the reading thread never ends by itself
