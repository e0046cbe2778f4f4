"""The engine is killed in the middle of a request; the commands of the runbook lead back.

docs/operations.md has these commands, under "When something fails". The tests depend on their
order: they share one deployment, which each of them leaves whole.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from ops.explain.reader import explained
from rehearsal.administrator import Admin
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import two_companies
from rehearsal.workspace import Workspace
from tests.cloud.faults import Faults
from tests.engine.deployed_stacks import configure, keep_one_picture, run, run_own
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

IAM, STORAGE, COMPUTE = (f"{name}.googleapis.com" for name in ("iam", "storage", "compute"))
SECONDS = 60


class Companies(NamedTuple):
    """Both stacks, in a cloud whose answers can be held back."""

    workspace: Workspace
    cloud: Cloud
    faults: Faults

    def killed(self, company: str, host: str, path: str, command: str = "up") -> None:
        """SIGKILL to the CLI after the cloud did what it was asked, and before it says so.

        One request at a time, so that the state does not know one thing.
        """
        self.faults.clear()
        reached, go = self.faults.hold_back(host, path)
        cli = str(self.workspace.folder / "cli" / "bin" / "pulumi")
        with subprocess.Popen(
            [cli, "--non-interactive", command, "--yes", "--skip-preview", "--parallel", "1"],
            cwd=self.workspace.program,
            env=self.workspace.environment(company),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert reached.wait(SECONDS), "the engine did not come to this request"
            process.kill()
        go.set()

    def typed(self, company: str, *command: str) -> str:
        """Both outputs of a command that must fail."""
        done = self.workspace.pulumi(company, *command)
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def cancelled(self, company: str) -> None:
        """The lock says that somebody was killed; `cancel` removes it."""
        (cause,) = explained(self.typed(company, "up", "--yes", "--skip-preview").encode())
        assert f"pulumi cancel --stack {company}" in cause.fix.replace("STACK", company)
        run(self.workspace, company, "cancel", "--yes")

    def whole(self, company: str) -> None:
        """`up` succeeds, and the next preview plans nothing."""
        run(self.workspace, company, "up", "--yes", "--skip-preview")
        push(self.cloud)
        run(self.workspace, company, "preview", "--expect-no-changes")


@pytest.fixture(scope="module")
def companies(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Companies]:
    """Nothing is deployed yet; no image is built and no machine boots."""
    cloud, faults = Cloud(), Faults()
    two_companies(cloud)
    with running(cloud, middleware=faults.middleware) as local:
        local.machines.boot = False
        workspace = Workspace(tmp_path_factory.mktemp("killed") / "workspace", local, pulumi_cli)
        keep_one_picture(workspace.program)
        workspace.create_stacks()
        configure(workspace, "primus", {"image.digest": PINNED})
        yield Companies(workspace, cloud, faults)


def test_a_bucket_that_the_state_does_not_know_is_taken_over(companies: Companies) -> None:
    """Killed while the model bucket was made: it exists, and the next `up` says 409."""
    companies.killed("primus", STORAGE, "/storage/v1/b?")
    assert companies.cloud.buckets
    companies.cancelled("primus")
    failed = companies.typed("primus", "up", "--yes", "--skip-preview")
    (cause,) = explained(failed.encode())
    assert "pulumi config set --stack primus --path 'adopt[0]' KEY" in cause.fix
    configure(companies.workspace, "primus", {"adopt[0]": "modelBucket"})
    run(companies.workspace, "primus", "up", "--yes", "--skip-preview")
    push(companies.cloud)
    run(companies.workspace, "primus", "config", "rm", "adopt")
    companies.whole("primus")


def test_a_provider_that_the_state_does_not_know_goes_with_its_pool(companies: Companies) -> None:
    """Its id would stay reserved. Another name for it means another pool, and the old one goes."""
    configure(companies.workspace, "primus", {"names.provider": "first-provider"})
    companies.killed("primus", IAM, "/providers?")
    companies.cancelled("primus")
    failed = companies.typed("primus", "up", "--yes", "--skip-preview")
    (cause,) = explained(failed.encode())
    assert "reserved for 30 days" in cause.when
    configure(companies.workspace, "primus", {"names.provider": "second-provider"})
    companies.whole("primus")
    (pool,) = (each.name for each in companies.cloud.pools.values() if each.deleted_at is None)
    providers = [name for name in companies.cloud.providers if name.startswith(f"{pool}/")]
    assert providers == [f"{pool}/providers/second-provider"]


def test_a_machine_that_the_state_does_not_know_is_deleted_by_hand(companies: Companies) -> None:
    """It holds nothing. After a replacement that was killed, too, between delete and create."""
    companies.whole("secundus")
    configure(companies.workspace, "secundus", {"run": "second"})
    companies.killed("secundus", COMPUTE, "/instances?")
    assert companies.cloud.instances
    companies.cancelled("secundus")
    failed = companies.typed("secundus", "up", "--yes", "--skip-preview")
    (cause,) = explained(failed.encode())
    assert "no stack can take it over" in cause.when
    # gcloud compute instances delete workload-vm --zone us-west1-b
    machine = "projects/secundus-vision/zones/us-west1-b/instances/workload-vm"
    admin = Admin(companies.workspace.environment("secundus"))
    admin.call("DELETE", f"{COMPUTE}/compute/v1/{machine}")
    companies.whole("secundus")
    assert len(companies.cloud.instances) == 1


def test_a_grant_needs_no_cure(companies: Companies) -> None:
    """To grant what is granted changes nothing, so the next `up` goes on."""
    configure(companies.workspace, "primus", {"operator.stopped": "true"})
    companies.whole("primus")
    configure(companies.workspace, "primus", {"operator.stopped": "false"})
    companies.killed("primus", IAM, ":setIamPolicy")
    run(companies.workspace, "primus", "cancel", "--yes")
    companies.whole("primus")


def reader_is_disabled(cloud: Cloud) -> bool:
    """Whether anybody can act as the account that reads the model."""
    (reader,) = (e for e in cloud.service_accounts.values() if e.project == "primus-models")
    return reader.disabled


def test_a_stop_needs_no_lock(companies: Companies) -> None:
    """Somebody else's update holds it, or has left it: `stop` works, and `up` does not."""
    configure(companies.workspace, "primus", {"labels.team": "vision"})
    companies.killed("primus", STORAGE, "/storage/v1/b/primus-models-model-bucket")
    assert "locked" in companies.typed("primus", "up", "--yes", "--skip-preview")
    run_own(companies.workspace, "primus", "stop")
    assert reader_is_disabled(companies.cloud) is True
    run(companies.workspace, "primus", "cancel", "--yes")
    configure(companies.workspace, "primus", {"operator.stopped": "false"})
    run(companies.workspace, "primus", "up", "--refresh", "--yes", "--skip-preview")
    assert reader_is_disabled(companies.cloud) is False
    companies.whole("primus")


def test_a_killed_destroy_goes_on(companies: Companies) -> None:
    """What is gone is no error."""
    companies.killed("secundus", COMPUTE, "/instances/workload-vm?", "destroy")
    run(companies.workspace, "secundus", "cancel", "--yes")
    for company in ("secundus", "primus"):
        run(companies.workspace, company, "destroy", "--yes", "--skip-preview")
    assert not companies.cloud.buckets
    assert not companies.cloud.instances
