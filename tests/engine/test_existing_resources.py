"""Both companies on what others have made, there and back: no resource is lost, and no grant.

The tests run in order: each one continues with the deployment of the last one. The lines of
`docs/existing-resources.md` are executed as they stand there.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from ops.review.preview import read
from ops.review.review import review
from policy.rules import EVERY
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import Workspace
from tests.engine.deployed_stacks import configure, keep_one_picture, run, unchanged
from tests.engine.pinned import PINNED, push

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cloud.state import Binding

pytestmark = pytest.mark.engine

PAGE: Final = (REPOSITORY / "docs" / "existing-resources.md").read_text()
VIEWER: Final = "user:viewer@primus.example"


class Seen(Workspace):
    """A workspace that its deployers use, or somebody who may only look."""

    looks = False

    def environment(self, company: str) -> dict[str, str]:
        """Without the deployer's token for whoever only looks."""
        token = {"GOOGLE_OAUTH_ACCESS_TOKEN": self._cloud.cloud.mint(VIEWER)} if self.looks else {}
        return {**super().environment(company), **token}


class Deployed(NamedTuple):
    """A program, and the cloud of its deployment."""

    workspace: Seen
    cloud: Cloud


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployed]:
    """Both companies, which have created everything themselves."""
    cloud = Cloud()
    two_companies(cloud)
    with running(cloud) as local:
        local.machines.boot = False
        scratch = Seen(tmp_path_factory.mktemp("existing") / "workspace", local, pulumi_cli)
        keep_one_picture(scratch.program)
        scratch.create_stacks()
        run(scratch, "primus", "config", "set", "--path", key("image.digest"), PINNED)
        for company in COMPANIES:
            run(scratch, company, "up", "--yes", "--skip-preview")
            push(cloud)
        yield Deployed(scratch, cloud)


def key(name: str) -> str:
    """The full name of a key."""
    return f"confidential-inference:{name}"


def page(title: str, company: str, pool: str) -> list[list[str]]:
    """The commands below a heading of the page that are for one company's stack."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = section.replace("\\\n", "").splitlines()
    own = [line for line in lines if re.match(rf"pulumi .* --stack {company}\b", line)]
    commands = [shlex.split(line)[1:] for line in own]
    return [[word.replace("primus-wip-1a2b3c", pool) for word in command] for command in commands]


def follow(deployed: Deployed, title: str, company: str) -> str:
    """Run the lines of the page; returns what they printed."""
    pools = [name.rpartition("/")[2] for name in deployed.cloud.pools]
    commands = page(title, company, pools[0])
    assert commands
    printed = ""
    for command in commands:
        options = ["--yes", "--skip-preview"] if command[0] == "up" else []
        printed += run(deployed.workspace, company, *command, *options)
    return printed


def kept(cloud: Cloud) -> dict[str, object]:
    """What may be existing, with a value that no second one of the same name would have."""
    return {
        **{name: each.meta["timeCreated"] for name, each in cloud.buckets.items()},
        **{name: each.doc["uniqueId"] for name, each in cloud.service_accounts.items()},
        **{name: each.doc["createTime"] for name, each in cloud.repositories.items()},
        **{name: each.deleted_at for name, each in cloud.pools.items()},
        **{name: each.deleted_at for name, each in cloud.providers.items()},
        **{
            name: each["id"] for name, each in cloud.networking.items() if "/firewalls/" not in name
        },
    }


def granted(cloud: Cloud) -> set[tuple[str, str, str]]:
    """Every grant: resource, role, member."""
    named: list[tuple[str, Any]] = [
        *cloud.projects.items(),
        *cloud.buckets.items(),
        *cloud.service_accounts.items(),
        *cloud.repositories.items(),
    ]
    return {
        (name, binding["role"], member)
        for name, each in named
        for binding in each.policy.bindings
        for member in binding["members"]
    }


def rule(cloud: Cloud) -> dict[str, object]:
    """The rule against ingress."""
    (found,) = (each for name, each in cloud.networking.items() if "/firewalls/" in name)
    return found


def quiet(deployed: Deployed, company: str) -> None:
    """A preview that changes nothing, by somebody with the roles that the page lists."""
    (listed,) = (line for line in PAGE.splitlines() if line.startswith("Whoever runs the preview"))
    roles = re.findall("`(roles/[a-zA-Z.]+)`", listed)
    bindings = deployed.cloud.projects[COMPANIES[company].project].policy.bindings
    bindings += [{"role": role, "members": [VIEWER]} for role in roles]
    deployed.workspace.looks = True
    run(deployed.workspace, company, "preview", "--expect-no-changes")
    deployed.workspace.looks = False
    del bindings[-len(roles) :]


@pytest.mark.parametrize("company", COMPANIES)
def test_what_the_stack_has_created_becomes_existing(deployed: Deployed, company: str) -> None:
    """It stays, and so do objects and grants; the next preview is quiet."""
    before = kept(deployed.cloud), granted(deployed.cloud)
    machines = {name: each.id for name, each in deployed.cloud.instances.items()}
    follow(deployed, "From created to existing", company)
    assert (kept(deployed.cloud), granted(deployed.cloud)) == before
    assert {name: each.id for name, each in deployed.cloud.instances.items()} == machines
    quiet(deployed, company)


def test_in_a_network_of_others_the_rule_holds_for_the_machine_alone(deployed: Deployed) -> None:
    """It is the one resource that another origin of the network changes."""
    account = "workload-sa@secundus-vision.iam.gserviceaccount.com"
    assert rule(deployed.cloud)["targetServiceAccounts"] == [account]


def test_an_existing_resource_that_became_unsafe_stops_the_next_preview(deployed: Deployed) -> None:
    """Another provider in the pool, and somebody who may act as the reader: both at once."""
    cloud = deployed.cloud
    (provider,) = cloud.providers.values()
    (reader,) = (each for each in cloud.service_accounts.values() if "primus-sa" in each.email)
    other: Binding = {
        "role": "roles/iam.serviceAccountTokenCreator",
        "members": ["user:eve@evil.example"],
    }
    name = provider.name.replace("primus-wip-provider", "github")
    cloud.providers[name] = type(provider)(name, provider.pool, provider.doc)
    reader.policy.bindings.append(other)
    done = deployed.workspace.pulumi("primus", "preview")
    del cloud.providers[name]
    reader.policy.bindings.remove(other)
    assert done.returncode != 0
    assert "2 problems with what exists in the cloud of stack 'primus'" in done.stdout
    assert "a pool with another provider, github" in done.stdout
    assert "user:eve@evil.example may act" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_destroy_leaves_what_exists_and_takes_its_grants_back(deployed: Deployed) -> None:
    """The pictures go, because the stack has uploaded them."""
    before = kept(deployed.cloud)
    run(deployed.workspace, "secundus", "destroy", "--yes", "--skip-preview")
    assert kept(deployed.cloud) == before
    assert not [on for on, _, member in granted(deployed.cloud) if "workload-sa" in member]
    assert deployed.cloud.instances == {}


def test_the_first_preview_of_a_fleet_on_what_exists_alarms_nobody(deployed: Deployed) -> None:
    """The stack is new again. A preview has nothing but the ids of what it reads."""
    workspace = deployed.workspace
    with unchanged(workspace.program / "Pulumi.secundus.yaml"):
        run(workspace, "secundus", "config", "rm", key("run"))
        fleet = {"fleet.mostMachines": "2", "fleet.submitters[0]": "user:ann@secundus.example"}
        configure(workspace, "secundus", fleet)
        shown = run(workspace, "secundus", "preview", "--json", "--show-sames")
    assert [each.sentence for each in review(read(shown.encode()), EVERY).alarms] == []


def test_the_first_preview_refuses_names_that_are_taken(deployed: Deployed) -> None:
    """The stack is new again; what others have made has the names that it would create."""
    workspace = deployed.workspace
    config = (workspace.program / "Pulumi.secundus.yaml").read_text()
    run(workspace, "secundus", "config", "rm", key("existing"))
    done = workspace.pulumi("secundus", "preview")
    (workspace.program / "Pulumi.secundus.yaml").write_text(config)
    assert done.returncode != 0
    assert "5 problems with what exists in the cloud of stack 'secundus'" in done.stdout
    for name in ("inputBucket", "resultBucket", "serviceAccount", "network", "subnetwork"):
        assert f"names.{name}\n" in done.stdout


@pytest.mark.parametrize("company", COMPANIES)
def test_what_exists_is_adopted(deployed: Deployed, company: str) -> None:
    """Read before by Primus' stack, and unknown to Secundus' new one; then all is as at first."""
    before = kept(deployed.cloud)
    follow(deployed, "From existing to managed", company)
    assert kept(deployed.cloud) == before


def test_in_a_network_of_its_own_the_rule_holds_for_every_machine(deployed: Deployed) -> None:
    """As before."""
    assert "targetServiceAccounts" not in rule(deployed.cloud)
