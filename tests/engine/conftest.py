"""The engine's tests: a fresh local cloud, a scratch copy of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.cloud.http.server import LocalCloud, running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import two_companies
from rehearsal.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def local_cloud() -> Iterator[LocalCloud]:
    """A fresh running cloud with the two companies' empty projects."""
    cloud = Cloud()
    two_companies(cloud)
    with running(cloud) as local:
        yield local


@pytest.fixture
def scratch(tmp_path: Path, local_cloud: LocalCloud, pulumi_cli: Path) -> Workspace:
    """A scratch copy of the program, without stacks."""
    return Workspace(tmp_path / "workspace", local_cloud, pulumi_cli)


@pytest.fixture
def workspace(scratch: Workspace) -> Workspace:
    """A scratch copy of the program with both stacks created and nothing deployed."""
    scratch.create_stacks()
    return scratch
