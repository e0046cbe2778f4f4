"""What a stack of the current folder exports, asked as its user would: `pulumi stack output`."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class StackError(Exception):
    """The stack gives no answer; the message says why."""


def outputs(stack: str, needed: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The outputs of a stack, with one that must be among them."""
    pulumi = shutil.which("pulumi", path=environment.get("PATH"))
    if pulumi is None:
        raise StackError("`pulumi` is not on PATH")
    command = [pulumi, "stack", "output", "--json", "--stack", stack]
    answer = subprocess.run(  # noqa: S603  a fixed command, found on the user's own PATH
        command, capture_output=True, text=True, env=dict(environment), check=False
    )
    if answer.returncode != 0:
        said = answer.stderr.strip()
        raise StackError(f"`pulumi {' '.join(command[1:])}` failed: {said}")
    found: dict[str, Any] = json.loads(answer.stdout)
    if needed not in found:
        raise StackError(
            f"the stack {stack} has no output `{needed}`; deploy it first: "
            f"`pulumi up --stack {stack}`"
        )
    return found
