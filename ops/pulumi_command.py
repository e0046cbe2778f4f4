"""Runs `pulumi` in the current folder."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Command = tuple[str, ...]
"""What follows `pulumi` in a command."""


class StackError(Exception):
    """A stack cannot be read or changed; the message says why."""


def pulumi_program(environment: Mapping[str, str]) -> str:
    """The path of `pulumi`; StackError if it is not on PATH."""
    found = shutil.which("pulumi", path=environment.get("PATH"))
    if found is None:
        raise StackError("`pulumi` is not on PATH")
    return found


def run(command: Command, environment: Mapping[str, str]) -> str:
    """What `pulumi` printed; StackError if it failed."""
    answer = subprocess.run(  # noqa: S603  found on the user's own PATH
        [pulumi_program(environment), *command],
        capture_output=True,
        text=True,
        env=dict(environment),
        check=False,
    )
    if answer.returncode != 0:
        raise StackError(f"`{typed(command)}` failed: {answer.stderr.strip()}")
    return answer.stdout


def typed(command: Command) -> str:
    """The command as a person types it."""
    return shlex.join(("pulumi", *command))
