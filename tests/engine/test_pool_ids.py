"""No sequence of updates uses the id of an identity pool twice, also with a configured name.

The tests share one stack and depend on their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import two_companies
from rehearsal.workspace import Workspace
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    """The two companies' empty projects."""
    empty = Cloud()
    two_companies(empty)
    return empty


@pytest.fixture(scope="module")
def workspace(
    cloud: Cloud, tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path
) -> Iterator[Workspace]:
    """Primus' stack, configured with an image by digest, and not deployed."""
    with running(cloud) as local:
        scratch = Workspace(tmp_path_factory.mktemp("pools") / "workspace", local, pulumi_cli)
        scratch.create_stacks()
        run(scratch, "config", "set", "--path", "image.digest", PINNED)
        yield scratch


def run(workspace: Workspace, *command: str) -> str:
    """`pulumi` as Primus, which must succeed."""
    done = workspace.pulumi("primus", *command)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def up(workspace: Workspace) -> None:
    """Deploy."""
    run(workspace, "up", "--yes", "--skip-preview")


def pools(cloud: Cloud) -> tuple[set[str], int]:
    """The prefixes of the existing pools, and the number of reserved ids."""
    alive = {n.rpartition("/")[2] for n, pool in cloud.pools.items() if pool.deleted_at is None}
    return {pool.rpartition("-")[0] for pool in alive}, len(cloud.pools) - len(alive)


def test_the_first_update_fulfils_its_saved_plan(workspace: Workspace, cloud: Cloud) -> None:
    """The pool's suffix is unknown in the plan, so the update cannot violate it."""
    plan = str(workspace.folder / "plan.json")
    run(workspace, "preview", "--save-plan", plan)
    run(workspace, "up", "--yes", "--skip-preview", "--plan", plan)
    assert pools(cloud) == ({"primus-wip"}, 0)
    push(cloud)
    run(workspace, "preview", "--expect-no-changes")


def test_a_configured_pool_name_can_be_used_after_destroy(
    workspace: Workspace, cloud: Cloud
) -> None:
    """Google reserves the id of the deleted pool for 30 days; the next id has another suffix."""
    run(workspace, "config", "set", "--path", "names.pool", "my-pool")
    up(workspace)
    assert pools(cloud) == ({"my-pool"}, 1)
    run(workspace, "destroy", "--yes", "--skip-preview")
    up(workspace)
    assert pools(cloud) == ({"my-pool"}, 2)
    push(cloud)
    run(workspace, "preview", "--expect-no-changes")


@pytest.mark.parametrize("key", ["names.pool", "names.provider"])
def test_a_name_can_be_changed_and_changed_back(
    workspace: Workspace, cloud: Cloud, key: str
) -> None:
    """Google reserves ids of providers too, so another provider needs another pool."""
    before = pools(cloud)[1]
    for value in ("other-name", "my-pool" if key == "names.pool" else "primus-wip-provider"):
        run(workspace, "config", "set", "--path", key, value)
        up(workspace)
    assert pools(cloud) == ({"my-pool"}, before + 2)
