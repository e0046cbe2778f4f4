"""Twenty operators with two models, on the real engine. `test_operators_page` has one more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ops import cel_engine
from tests.engine.deployed_stacks import configure, of_working_tree, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cloud.state import Cloud
    from rehearsal.workspace import Workspace
    from tests.engine.deployed_stacks import Deployed

pytestmark = pytest.mark.engine

NUMBER = 20
LAST = f"customer-{NUMBER - 1}"
"""It comes and goes, while the others run."""
OTHER = "models.other"


def customer(n: int) -> dict[str, str]:
    """The configuration of a customer with a project of its own."""
    key = f"operators.customer-{n}"
    return {f"{key}.project": f"customer-{n}", f"{key}.projectNumber": f"{500000000000 + n}"}


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Iterator[Deployed]:
    """Primus with nineteen customers beside the committed operator: the last is not there yet."""
    with of_working_tree(tmp_path_factory.mktemp("operators"), pulumi_cli) as deployed:
        workspace = deployed.workspace
        workspace.create_stacks()
        settings = {
            f"{OTHER}.archive": "model/model-litert.tar.gz",
            f"{OTHER}.manifest": "model/manifest-litert.json",
        }
        for n in range(NUMBER - 1):
            settings |= customer(n)
        configure(workspace, "primus", settings)
        run(workspace, "primus", "up", "--yes", "--skip-preview")
        yield deployed


def changes(workspace: Workspace) -> dict[str, str]:
    """By name of the resource, what the next `up` does to it."""
    text = run(workspace, "primus", "preview", "--json", "--show-sames")
    steps = json.loads(text)["steps"]
    found = {step["urn"].rpartition("::")[2]: step["op"] for step in steps}
    return {name: op for name, op in found.items() if op not in ("same", "read")}


def state_of(cloud: Cloud, *without: str) -> dict[str, Any]:
    """Everything at Primus that can admit somebody, but for what belongs to some operators."""
    accounts = {
        email: (account.disabled, account.policy.bindings)
        for email, account in cloud.service_accounts.items()
    }
    parts = {
        **{name: (each.doc, each.deleted_at) for name, each in cloud.providers.items()},
        **{name: (each.doc, each.deleted_at) for name, each in cloud.pools.items()},
        **accounts,
        "grants": sorted(
            (member, binding["role"], str(binding.get("condition")))
            for bucket in cloud.buckets.values()
            if not any(name in bucket.name for name in without)
            for binding in bucket.policy.bindings
            for member in binding["members"]
            if not any(name in member for name in without)
        ),
    }
    kept = {key: each for key, each in parts.items() if not any(name in key for name in without)}
    copied: dict[str, Any] = json.loads(json.dumps(kept))
    return copied


def test_a_deployment_with_many_operators_is_quiet(deployed: Deployed) -> None:
    """A preview shows no change that nobody made."""
    shown = run(deployed.workspace, "primus", "preview", "--expect-no-changes", "--diff")
    assert "warning" not in shown.lower()
    providers = [each for each in deployed.local.cloud.providers.values() if not each.deleted_at]
    assert len(providers) == NUMBER


def test_an_operator_comes_and_goes_alone(deployed: Deployed) -> None:
    """The preview and the cloud show changes of this operator, and of none of the others."""
    workspace, cloud = deployed.workspace, deployed.local.cloud
    others = state_of(cloud, LAST)
    number = str(500000000000 + NUMBER - 1)
    for op in ("create", "delete"):
        if op == "create":
            configure(workspace, "primus", customer(NUMBER - 1))
        else:
            key = f"confidential-inference:operators.{LAST}"
            run(workspace, "primus", "config", "rm", "--path", key)
        announced = changes(workspace)
        run(workspace, "primus", "up", "--yes", "--skip-preview")
        assert set(announced.values()) == {op}
        assert [name for name in announced if LAST not in name and number not in name] == []
        assert state_of(cloud, LAST) == others
        reader = f"reader-{LAST}@primus-models.iam.gserviceaccount.com"
        assert (reader in cloud.service_accounts) == (op == "create")


def test_each_reader_reads_its_own_models_by_the_deployed_conditions(deployed: Deployed) -> None:
    """The text in the bucket's policy, judged by Google's own CEL library."""
    cloud = deployed.local.cloud
    (bucket,) = (each for each in cloud.buckets.values() if each.name.endswith("-model-bucket"))
    names = [f"projects/_/buckets/{bucket.name}/objects/{name}" for name in bucket.objects]
    assert len(names) == 2
    read = {}
    conditional = [each for each in bucket.policy.bindings if "legacy" not in each["role"]]
    for binding in conditional:
        for member in binding["members"]:
            read[member] = [
                name
                for name in names
                if cel_engine.holds(
                    binding["condition"]["expression"], {"resource": {"name": name}}
                )
            ]
    assert len(read) == NUMBER, "the last one is gone"
    assert {len(each) for each in read.values()} == {1}
