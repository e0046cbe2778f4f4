"""On a Python that the program is not for, `pulumi up` says so, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine


def test_another_python_is_told_through_the_engine_without_a_stack_trace(
    workspace: Workspace,
) -> None:
    """This Python, made another one by a program that is for 3.10 only."""
    module = workspace.program / "infra" / "python_version.py"
    text = module.read_text()
    assert "NEWEST = (3, 13)" in text
    module.write_text(text.replace("NEWEST = (3, 13)", "NEWEST = (3, 10)"))
    done = workspace.pulumi("primus", "preview")
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert "got Python 3." in told
    assert "Make its virtual environment anew: rm -rf .venv" in told
    assert "Traceback" not in told
