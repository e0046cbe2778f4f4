"""How a stack is asked, and what is said when it gives no answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ops.stack_outputs import StackError, outputs

if TYPE_CHECKING:
    from pathlib import Path


def answering(folder: Path, script: str) -> dict[str, str]:
    """An environment whose `pulumi` is a script; the real one is asked in tests/engine."""
    command = folder / "pulumi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    return {"PATH": str(folder)}


def test_the_outputs_of_the_stack_are_asked_for(tmp_path: Path) -> None:
    """The command is the one that a user would type, for the stack that was named."""
    environment = answering(tmp_path, """echo "{\\"asked\\": \\"$*\\"}\"""")
    assert outputs("primus", "asked", environment) == {
        "asked": "stack output --json --stack primus"
    }


def test_a_stack_without_the_output_must_be_deployed(tmp_path: Path) -> None:
    """The error names the output, and the command that makes it."""
    environment = answering(tmp_path, "echo '{}'")
    with pytest.raises(StackError, match=r"has no output `x`.*`pulumi up --stack primus`"):
        outputs("primus", "x", environment)


def test_a_failed_command_is_told_in_its_own_words(tmp_path: Path) -> None:
    """What pulumi says is what its user needs."""
    environment = answering(tmp_path, "echo 'no stack named' >&2; exit 1")
    with pytest.raises(StackError, match=r"^`pulumi stack output .*` failed: no stack named$"):
        outputs("primus", "x", environment)


def test_without_pulumi_it_says_so() -> None:
    """Nothing is guessed where there is no pulumi."""
    with pytest.raises(StackError, match="`pulumi` is not on PATH"):
        outputs("primus", "x", {"PATH": ""})
