"""Reads the outputs of a stack of the current folder, by `pulumi stack output`."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class StackError(Exception):
    """The outputs cannot be read; the message says why."""


def pulumi_program(environment: Mapping[str, str]) -> str:
    """The path of `pulumi`; StackError if it is not on PATH."""
    found = shutil.which("pulumi", path=environment.get("PATH"))
    if found is None:
        raise StackError("`pulumi` is not on PATH")
    return found


def outputs(stack: str, needed: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The outputs of a stack; StackError if `needed` is not among them."""
    exported = all_outputs(stack, environment)
    if needed not in exported:
        raise StackError(
            f"the stack {stack} has no output `{needed}`; deploy it first: "
            f"`pulumi up --stack {stack}`"
        )
    return exported


def all_outputs(stack: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The outputs of a stack after its last update; StackError if `pulumi` gives none."""
    command = [pulumi_program(environment), "stack", "output", "--json", "--stack", stack]
    answer = subprocess.run(  # noqa: S603  a fixed command, found on the user's own PATH
        command, capture_output=True, text=True, env=dict(environment), check=False
    )
    if answer.returncode != 0:
        errors = answer.stderr.strip()
        raise StackError(f"`pulumi {' '.join(command[1:])}` failed: {errors}")
    exported: dict[str, Any] = json.loads(answer.stdout)
    return exported
