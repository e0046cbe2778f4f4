"""The first machine boots before Google's systems know of its grants and of the enabled APIs.

The launcher waits for nothing. What it says then is explained, and running again cures it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.engine.deployed_stacks import configure, of_working_tree, run, run_own

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.engine.deployed_stacks import Deployed

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]

SECONDS: Final = 420
"""Seven minutes: https://docs.cloud.google.com/iam/docs/access-change-propagation"""
WAIT: Final = 120

LATE: Final = {
    "confidentialcomputing.googleapis.com": (
        "failed to create REST verifier client: listing regions in project",
        "switch the API confidentialcomputing.googleapis.com on",
    ),
    "roles/confidentialcomputing.workloadUser": (
        "failed to create REST verifier client: listing regions in project",
        "roles/confidentialcomputing.workloadUser",
    ),
    "roles/artifactregistry.reader": ("cannot pull the image", "fix: "),
}
"""By role or API, how the launcher ends, and a part of the explanation."""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployed]:
    """Primus is deployed, with the smaller of the demonstration's models."""
    with of_working_tree(tmp_path_factory.mktemp("early"), pulumi_cli) as deployed:
        deployed.workspace.create_stacks()
        configure(
            deployed.workspace,
            "primus",
            {
                "model.archive": "model/model-litert.tar.gz",
                "model.manifest": "model/manifest-litert.json",
            },
        )
        deployed.local.cloud.propagation["roles/artifactregistry.reader"] = SECONDS
        run(deployed.workspace, "primus", "up", "--yes", "--skip-preview")
        yield deployed


def boot(deployed: Deployed, what: str) -> str:
    """The console of a new machine, after it is off."""
    configure(deployed.workspace, "secundus", {"run": what})
    run(deployed.workspace, "secundus", "up", "--yes", "--skip-preview")
    (machine,) = deployed.local.cloud.instances.values()
    assert deployed.local.machines.finished(machine).wait(WAIT)
    return "".join(f"{line}\n" for line in machine.serial)


def test_a_machine_that_boots_too_early_says_why_and_runs_again_later(deployed: Deployed) -> None:
    """Each cause by itself, then the same machine again, when all systems know."""
    workspace, cloud = deployed.workspace, deployed.local.cloud
    for late, (ending, explanation) in LATE.items():
        cloud.propagation.clear()
        cloud.propagation[late] = SECONDS
        console = boot(deployed, f"before {late} is known")
        assert ending in console, console
        (workspace.program / "launcher.log").write_text(console)
        explained = run_own(workspace, "primus", "why", "launcher.log", code=1)
        assert explanation in explained
        assert "run" in explained
        assert "result" not in cloud.buckets["secundus-vision-result-bucket"].objects
    cloud.clock_offset += SECONDS
    boot(deployed, "later")
    assert "predicted" in run_own(workspace, "secundus", "results")


def test_a_wait_after_the_grants_lets_the_first_machine_run(deployed: Deployed) -> None:
    """The update that makes the grants waits, and no later one: a preview plans nothing."""
    workspace, cloud = deployed.workspace, deployed.local.cloud
    run(workspace, "secundus", "config", "set", "forceDestroy", "true")
    run(workspace, "secundus", "up", "--yes", "--skip-preview")
    run(workspace, "secundus", "destroy", "--yes", "--skip-preview")
    cloud.propagation.clear()
    cloud.propagation["roles/confidentialcomputing.workloadUser"] = 2
    configure(workspace, "secundus", {"grantWait": "3"})
    shown = run(workspace, "secundus", "up", "--yes", "--skip-preview")
    assert "Grants are new: waiting" in shown
    assert "predicted" in run_own(workspace, "secundus", "results")
    again = run(workspace, "secundus", "preview", "--expect-no-changes")
    assert "waiting" not in again
