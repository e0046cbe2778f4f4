"""Reads the outputs of a stack of the current folder, by `pulumi stack output`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ops.pulumi_command import StackError, run

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    answer = run(("stack", "output", "--json", "--stack", stack), environment)
    exported: dict[str, Any] = json.loads(answer)
    return exported
