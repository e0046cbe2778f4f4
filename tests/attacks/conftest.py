"""Both companies, deployed once by the real engine for all attacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.attacks import target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.attacks.target import Deployment, World


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployment]:
    """`pulumi up` of both stacks, in a local cloud that runs."""
    with target.deployed(tmp_path_factory.mktemp("attacks") / "workspace", pulumi_cli) as found:
        yield found


@pytest.fixture(scope="session")
def told(deployment: Deployment) -> World:
    """What they deployed, as data. Attacks change copies of it."""
    return target.world(deployment)
