"""With a Python that the program does not support, `pulumi up` ends with one clear error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine


def test_an_unsupported_python_is_refused_without_a_stack_trace(
    workspace: Workspace,
) -> None:
    """The program is changed to support 3.10 only."""
    module = workspace.program / "infra" / "python_version.py"
    text = module.read_text()
    assert "NEWEST = (3, 13)" in text
    module.write_text(text.replace("NEWEST = (3, 13)", "NEWEST = (3, 10)"))
    done = workspace.pulumi("primus", "preview")
    output = done.stdout + done.stderr
    assert done.returncode != 0
    assert "got Python 3." in output
    assert "Make its virtual environment anew: rm -rf .venv" in output
    assert "Traceback" not in output
