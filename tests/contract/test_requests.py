"""The requests of the two stacks to Google's control plane match Google's discovery documents.

They are recorded in a real `up` of each company. The attestation service has no discovery document;
only the launcher calls it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.workspace import Workspace
from tests.contract.discovery import check
from tests.contract.recorded import Recorder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.discovery import Verdict
    from tests.contract.recorded import Request

    Judged = tuple[Request, Verdict]

pytestmark = pytest.mark.engine

DEVIATIONS = [
    # The genuine plugin sends this, too: the API takes a parameter by its protobuf name as well.
    ("artifactregistry.projects.locations.repositories.create", ["query: repository_id is unknown"])
]
"""Requests that do not match the documents, and why they are right."""


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> list[Judged]:
    """The requests of the deployers' engines during an `up` of both companies, without pictures."""
    cloud = Cloud()
    two_companies(cloud)
    recorder = Recorder(cloud, {company.deployer for company in COMPANIES.values()})
    with running(cloud, middleware=recorder.middleware) as local:
        workspace = Workspace(tmp_path_factory.mktemp("sent") / "workspace", local, pulumi_cli)
        workspace.create_stacks()
        workspace.pulumi("secundus", "config", "rm", "pictures")
        for company in COMPANIES:
            done = workspace.pulumi(company, "up", "--yes", "--skip-preview")
            assert done.returncode == 0, done.stdout + done.stderr
    return [(each, check(each)) for each in recorder.requests]


def test_each_request_matches_its_document(sent: list[Judged]) -> None:
    """Method, path, query and body: nothing unknown, no wrong type or value."""
    verdicts = [verdict for _, verdict in sent]
    assert [(v.method, v.problems) for v in verdicts if v.problems] == DEVIATIONS


@pytest.mark.parametrize(
    ("method", "field"),
    [
        ("artifactregistry.projects.locations.repositories.create", "format"),
        ("artifactregistry.projects.locations.repositories.setIamPolicy", "policy"),
        ("cloudresourcemanager.projects.setIamPolicy", "policy"),
        ("compute.firewalls.insert", "denied"),
        ("compute.instances.insert", "confidentialInstanceConfig"),
        ("compute.networks.insert", "autoCreateSubnetworks"),
        ("compute.subnetworks.insert", "privateIpGoogleAccess"),
        ("iam.projects.locations.workloadIdentityPools.create", "displayName"),
        ("iam.projects.locations.workloadIdentityPools.providers.create", "attributeCondition"),
        ("iam.projects.serviceAccounts.create", "accountId"),
        ("iam.projects.serviceAccounts.setIamPolicy", "policy"),
        ("storage.buckets.insert", "iamConfiguration"),
        ("storage.buckets.setIamPolicy", "bindings"),
    ],
)
def test_the_important_requests_were_sent(sent: list[Judged], method: str, field: str) -> None:
    """So the test above has something to check: each one, with this field."""
    bodies = [json.loads(each.body) for each, verdict in sent if verdict.method == method]
    assert bodies
    assert [body for body in bodies if field not in body] == []


def test_uploads_are_recorded_without_their_content(sent: list[Judged]) -> None:
    """The model goes to the bucket by a known method."""
    uploads = [each for each, verdict in sent if verdict.method == "storage.objects.insert"]
    assert [each.body for each in uploads] == [""]
