"""Both companies, deployed once by the real engine for all attacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.attacks.deployment import deploy, target_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.attacks.deployment import Deployment, Target


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployment]:
    """`pulumi up` of both stacks, in a local cloud that runs."""
    with deploy(tmp_path_factory.mktemp("attacks") / "workspace", pulumi_cli) as deployment:
        yield deployment


@pytest.fixture(scope="session")
def target(deployment: Deployment) -> Target:
    """Their state after `up`, as data. Attacks change copies of it."""
    return target_of(deployment)
