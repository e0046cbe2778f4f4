"""The policy pack in the real engine, on the demonstration's own stacks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from rehearsal.companies import COMPANIES
from tests.engine.deployed_stacks import run, unchanged, urns

if TYPE_CHECKING:
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine

PACK = ("--policy-pack", "policy")


def policies(shown: str) -> str:
    """What the engine says of the policies."""
    return shown.partition("\nPolicies:\n")[2].partition("\n\n")[0]


def test_the_stacks_keep_every_rule_and_a_broken_rule_stops_everything(
    workspace: Workspace, local_cloud: LocalCloud
) -> None:
    """At preview an unknown condition is reported as unknown; `up` judges it before it deploys."""
    local_cloud.machines.boot = False
    first = policies(run(workspace, "primus", "preview", *PACK))
    assert "mandatory" not in first
    assert re.search(
        r"\[advisory\]  release-condition .*\n.*can't run policy 'release-condition'.*attributeCond"
        r"ition can't be known during preview",
        first.replace("\n          ", "\n"),
    )
    for company in COMPANIES:
        deployed = policies(run(workspace, company, "up", "--yes", "--skip-preview", *PACK))
        assert "mandatory" not in deployed
        assert "release-condition" not in deployed
        again = policies(run(workspace, company, "preview", *PACK))
        assert "can't run policy" not in again

    bucket = workspace.program / "infra" / "components" / "private_bucket.py"
    bucket.write_text(
        bucket.read_text().replace(
            'public_access_prevention="enforced"', 'public_access_prevention="inherited"'
        )
    )
    before = run(workspace, "primus", "stack", "export")
    refused = workspace.pulumi("primus", "up", "--yes", "--skip-preview", *PACK)
    assert refused.returncode != 0
    assert "[mandatory]  bucket-private" in policies(refused.stdout)
    assert "publicAccessPrevention: got 'inherited', expected 'enforced'" in refused.stdout
    assert urns(run(workspace, "primus", "stack", "export")) == urns(before)
    deployed_bucket = local_cloud.cloud.buckets["primus-models-model-bucket"]
    assert deployed_bucket.meta["iamConfiguration"]["publicAccessPrevention"] == "enforced"


RELEASE = "infra/components/model_release.py"
CONDITION = "attribute_condition=self.attribute_condition"
CHANGED = (
    (
        "plugin-google",
        "infra/program.py",
        'gcp.Provider("google", project=project)',
        'gcp.Provider("google", project=project, storage_custom_endpoint="https://x.example/")',
    ),
    (
        "release-condition",
        RELEASE,
        CONDITION,
        f"{CONDITION}.apply(lambda text: text + ' || true')",
    ),
    (
        "release-declared",
        RELEASE,
        CONDITION,
        f"{CONDITION}.apply(lambda text: text.replace('222222222222', '666666666666'))",
    ),
    (
        "release-pool",
        RELEASE,
        'naming.attested("{0}", "{1}", attribute, "{2}")',
        'naming.attested("666666666666", "{1}", attribute, "{2}")',
    ),
)
"""By rule, a change of the program that breaks it; what it deploys is known at `up` only."""


def test_the_first_up_stops_where_it_learns_that_a_rule_is_broken(
    workspace: Workspace, local_cloud: LocalCloud
) -> None:
    """The program may declare one thing and deploy another; what leads to the model is not made."""
    for rule, file, old, new in CHANGED:
        with unchanged(workspace.program / file):
            text = (workspace.program / file).read_text()
            assert text.count(old) == 1
            (workspace.program / file).write_text(text.replace(old, new))
            if rule == "release-condition":
                assert "mandatory" not in policies(run(workspace, "primus", "preview", *PACK))
            refused = workspace.pulumi("primus", "up", "--yes", "--skip-preview", *PACK)
        assert refused.returncode != 0
        assert re.findall(r"\[mandatory\]  ([a-z-]+)", policies(refused.stdout)) == [rule]
        # The grant for the attested image does not wait for the provider, and is as declared.
        cloud = local_cloud.cloud
        assert cloud.providers == {} or rule == "release-pool"
        assert "666666666666" not in str(cloud.service_accounts)
        assert cloud.buckets == {} or rule != "plugin-google"
