"""The command `handover`, run in a folder with both companies' stacks."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ops import cli
from tests.fixtures.pulumi_config import Stacks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, answer, and what it told on standard error."""

    code: int
    out: str
    told: str

    def says(self, message: str) -> bool:
        """Whether its error matches a regular expression."""
        assert re.search(f"(?s)^error: .*{message}", self.told), self.told
        return True


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stacks:
    """Both companies' stacks in the current folder."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    found = Stacks(tmp_path)
    found.create()
    return found


@pytest.fixture
def handover(stacks: Stacks, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs an action in the folder of the stacks."""
    assert stacks.folder.exists()

    def run(*arguments: str) -> Ended:
        code = cli.main(["handover", *arguments])
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return run
