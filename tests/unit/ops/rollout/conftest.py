"""The command `rollout`, run in a folder with both companies' stacks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.pulumi_config import Stacks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stacks:
    """Both companies' stacks in the current folder."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    found = Stacks(tmp_path)
    found.create()
    return found
