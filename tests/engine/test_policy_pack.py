"""The policy pack in the real engine, on the demonstration's own stacks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from rehearsal.companies import COMPANIES
from tests.engine.deployed_stacks import run, urns

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


def test_a_condition_by_hand_is_refused_at_up_although_preview_did_not_know_it(
    workspace: Workspace, local_cloud: LocalCloud
) -> None:
    """The program may declare one thing and deploy another; the first `up` stops there."""
    release = workspace.program / "infra" / "components" / "model_release.py"
    release.write_text(
        release.read_text().replace(
            "attribute_condition=self.attribute_condition",
            "attribute_condition=self.attribute_condition.apply(lambda text: text + ' || true')",
        )
    )
    assert "mandatory" not in policies(run(workspace, "primus", "preview", *PACK))
    refused = workspace.pulumi("primus", "up", "--yes", "--skip-preview", *PACK)
    assert refused.returncode != 0
    assert "[mandatory]  release-condition" in policies(refused.stdout)
    assert local_cloud.cloud.providers == {}
