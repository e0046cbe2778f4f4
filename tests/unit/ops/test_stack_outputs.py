"""How the outputs of a stack are read, and the error if they cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ops.pulumi_command import StackError
from ops.stack_outputs import outputs

if TYPE_CHECKING:
    from pathlib import Path


def with_pulumi(folder: Path, script: str) -> dict[str, str]:
    """An environment whose `pulumi` is this script; tests/engine runs the real one."""
    command = folder / "pulumi"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    return {"PATH": str(folder)}


def test_the_outputs_of_the_named_stack_are_read(tmp_path: Path) -> None:
    """The command is `pulumi stack output`, as a user would type it."""
    environment = with_pulumi(tmp_path, """echo "{\\"asked\\": \\"$*\\"}\"""")
    assert outputs("primus", "asked", environment) == {
        "asked": "stack output --json --stack primus"
    }


def test_a_stack_without_the_output_must_be_deployed(tmp_path: Path) -> None:
    """The error names the output and the command that deploys the stack."""
    environment = with_pulumi(tmp_path, "echo '{}'")
    with pytest.raises(StackError, match=r"has no output `x`.*`pulumi up --stack primus`"):
        outputs("primus", "x", environment)


def test_the_error_quotes_the_message_of_a_failed_command(tmp_path: Path) -> None:
    """Pulumi explains best what is wrong."""
    environment = with_pulumi(tmp_path, "echo 'no stack named' >&2; exit 1")
    with pytest.raises(StackError, match=r"^`pulumi stack output .*` failed: no stack named$"):
        outputs("primus", "x", environment)


def test_a_missing_pulumi_is_an_error() -> None:
    """The message says that it is not on PATH."""
    with pytest.raises(StackError, match="`pulumi` is not on PATH"):
        outputs("primus", "x", {"PATH": ""})
