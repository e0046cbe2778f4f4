"""The check by discovery documents: a valid request passes, and each error is reported."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.contract.discovery import check
from tests.contract.recorded import Request

BUCKETS = "https://storage.googleapis.com/storage/v1/b"
BUCKET = f"{BUCKETS}?project=primus-models"
ACCOUNT = (
    "https://iam.googleapis.com/v1/projects/p-1/serviceAccounts/sa@p-1.iam.gserviceaccount.com"
)
POOLS = "https://iam.googleapis.com/v1/projects/p-1/locations/global/workloadIdentityPools"
REPOSITORY = "https://artifactregistry.googleapis.com/v1/projects/p-1/locations/l/repositories/r"
COMPUTE = "https://compute.googleapis.com/compute/beta/projects/p-1"
INSTANCES = f"{COMPUTE}/zones/us-west1-b/instances"
FIREWALLS = f"{COMPUTE}/global/firewalls"


def request(verb: str, url: str, body: object = None) -> Request:
    """A request for a URL."""
    parts = urlsplit(url)
    return Request(
        verb=verb,
        host=parts.netloc,
        path=parts.path,
        query=tuple(parse_qsl(parts.query)),
        body="" if body is None else json.dumps(body),
    )


@pytest.mark.parametrize(
    ("verb", "url", "body", "method"),
    [
        ("POST", BUCKET, {"name": "b", "labels": {"any": "label"}}, "insert"),
        ("POST", INSTANCES, {"name": "vm", "disks": [{"diskSizeGb": "11"}]}, "insert"),
        ("POST", f"{POOLS}?workloadIdentityPoolId=pool-a", {"disabled": False}, "create"),
        ("POST", f"{POOLS}/pool-a:undelete", {}, "undelete"),
        ("GET", f"{REPOSITORY}:getIamPolicy?prettyPrint=false", None, "getIamPolicy"),
        ("POST", f"{ACCOUNT}:getIamPolicy?options.requestedPolicyVersion=3", None, "getIamPolicy"),
        ("GET", f"{BUCKETS}/b-1/o/models%2Fmodel.tar.gz?generation=7", None, "get"),
    ],
)
def test_a_valid_request_has_a_method_and_no_problem(
    verb: str, url: str, body: Any, method: str
) -> None:
    """Custom verbs, open maps, integers as text, slashes in names, common parameters."""
    found, problems = check(request(verb, url, body))
    assert (found.rpartition(".")[2], problems) == (method, [])


@pytest.mark.parametrize(
    ("verb", "url", "body", "problem"),
    [
        # the body
        (
            "POST",
            INSTANCES,
            {"name": "vm", "machine_type": "n2d"},
            "$: Additional properties are not allowed ('machine_type' was unexpected)",
        ),
        (
            "POST",
            INSTANCES,
            {"name": "vm", "confidentialInstanceConfig": {"confidentialInstanceType": "SGX"}},
            "$.confidentialInstanceConfig.confidentialInstanceType: 'SGX' is not one of [",
        ),
        ("POST", INSTANCES, {}, "$: 'name' is a required property"),
        ("POST", INSTANCES, {"name": "a vm"}, "$.name: 'a vm' does not match '^(?:[a-z]"),
        ("POST", BUCKET, {"name": "b", "labels": ["a"]}, "$.labels: ['a'] is not of type 'object'"),
        (
            "POST",
            BUCKET,
            {"name": "b", "softDeletePolicy": {"retentionDurationSeconds": 604800}},
            "$.softDeletePolicy.retentionDurationSeconds: 604800 is not of type 'string'",
        ),
        (
            "POST",
            BUCKET,
            {"name": "b", "softDeletePolicy": {"retentionDurationSeconds": "7d"}},
            "$.softDeletePolicy.retentionDurationSeconds: '7d' does not match '^-?[0-9]",
        ),
        (
            "POST",
            BUCKET,
            {"name": "b", "projectNumber": "-1"},
            "$.projectNumber: '-1' does not match '^[0-9]",
        ),
        (
            "POST",
            FIREWALLS,
            {"name": "f", "priority": 2**31},
            "$.priority: 2147483648 is greater than the maximum of 2147483647",
        ),
        ("POST", POOLS, {"state": "ACTIVE"}, "$.state: is set by the cloud only"),
        (
            "POST",
            f"{COMPUTE}/regions/us-west1/resourcePolicies",  # marked by `readOnly` alone
            {"region": "us-west1"},
            "$.region: is set by the cloud only",
        ),
        (
            "POST",
            INSTANCES,  # marked by a description alone
            {"name": "vm", "networkInterfaces": [{"name": "nic0"}]},
            "$.networkInterfaces[0].name: is set by the cloud only",
        ),
        ("POST", f"{ACCOUNT}:getIamPolicy", {"options": {}}, "got a body, expected none"),
        # the query
        ("GET", f"{BUCKETS}/b-1?project=p", None, "query: project is unknown"),
        ("POST", BUCKETS, {"name": "b"}, "query: project is missing"),
        (
            "POST",
            f"{ACCOUNT}:getIamPolicy?options.requestedPolicyVersion=three",
            None,
            "query: options.requestedPolicyVersion: 'three' is not of type 'integer'",
        ),
        ("GET", f"{BUCKETS}/b-1?projection=all", None, "query: projection: 'all' is not one of ["),
        # the path
        (
            "GET",
            f"{COMPUTE}/zones/US-WEST1/instances/vm",
            None,
            "path: zone: 'US-WEST1' does not match '^(?:[a-z]",
        ),
        (
            "POST",
            f"{INSTANCES}/vm/setLabel",
            {},
            "no method for POST /compute/beta/projects/p-1/zones/us-west1-b/instances/vm/setLabel",
        ),
        ("PUT", BUCKETS, {}, "no method for PUT /storage/v1/b"),
        (
            "POST",
            "https://confidentialcomputing.googleapis.com/v1/projects/p-1/locations/l/challenges",
            {},
            "no document for confidentialcomputing.googleapis.com/v1/projects/p-1/",
        ),
    ],
)
def test_a_request_that_the_documents_forbid_has_its_problem(
    verb: str, url: str, body: Any, problem: str
) -> None:
    """Each of these requests has exactly one."""
    (message,) = check(request(verb, url, body)).problems
    assert message.startswith(problem)
