"""The stand-in gcp plugin with the local cloud, without an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.pulumi_plugins.gcp import Gcp
from rehearsal.pulumi_plugins.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.cloud.state import Cloud
    from rehearsal.pulumi_plugins.provider import Json, Resource

APIS = ("cloudresourcemanager", "iam", "serviceusage", "storage")
PROJECT, NUMBER = "primus-models", "111111111111"
DEPLOYER = "user:deployer@primus.example"
GRANT = {"role": "roles/storage.objectViewer", "member": "user:a@b.example"}
MEMBER = {"bucket": "photos", **GRANT}
OTHER = {**MEMBER, "member": "user:other@b.example"}
PROVIDER = {
    "workloadIdentityPoolId": "pool",
    "workloadIdentityPoolProviderId": "provider",
    "attributeCondition": "assertion.swname == 'CONFIDENTIAL_SPACE'",
    "attributeMapping": {"google.subject": "assertion.sub"},
    "oidc": {"issuerUri": "https://confidentialcomputing.googleapis.com/"},
}
DEPLOYED = f"projects/{NUMBER}/locations/global/workloadIdentityPools/pool/providers/provider"


@pytest.fixture
def plugin(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Gcp:
    """The plugin, configured and signed in as Primus' deployer."""
    project = cloud.projects[PROJECT]
    project.services |= {f"{name}.googleapis.com" for name in APIS}
    project.policy.bindings += [
        {"role": role, "members": [DEPLOYER]}
        for role in (
            "roles/iam.serviceAccountAdmin",
            "roles/iam.workloadIdentityPoolAdmin",
            "roles/resourcemanager.projectIamAdmin",
            "roles/serviceusage.serviceUsageAdmin",
        )
    ]
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", cloud.mint(DEPLOYER))
    provider = Gcp()
    provider.configure({"project": PROJECT, "region": "us-west1", "zone": "us-west1-b"})
    return provider


def test_an_unknown_function_is_refused_by_name(plugin: Gcp) -> None:
    """And an image by tag, which the stand-in does not look up."""
    with pytest.raises(ProviderError, match="got function gcp:compute/getImage:getImage, expected"):
        plugin.function("gcp:compute/getImage:getImage")
    find = plugin.function("gcp:artifactregistry/getDockerImage:getDockerImage")
    with pytest.raises(ProviderError, match="finds images by digest only"):
        find({"imageName": "workload:1", "repositoryId": "images"})


def test_a_function_tells_what_exists_and_what_does_not(plugin: Gcp, cloud: Cloud) -> None:
    """In the words of the genuine plugin; a deleted pool, whose id is reserved, does not exist."""
    plugin.resources["gcp:storage/bucket:Bucket"].create({"name": "photos", "location": "us-west1"})
    bucket = plugin.function("gcp:storage/getBucket:getBucket")
    found = bucket({"name": "photos"})
    (soft_delete,) = found.pop("softDeletePolicies")
    assert soft_delete["retentionDurationSeconds"] == "604800"
    assert found == {
        "id": "photos",
        "name": "photos",
        "project": PROJECT,
        "location": "US-WEST1",
        "projectNumber": NUMBER,
        "publicAccessPrevention": "inherited",
        "uniformBucketLevelAccess": False,
    }
    with pytest.raises(ProviderError, match="Error 404"):
        bucket({"name": "other"})
    policy = plugin.function("gcp:storage/getBucketIamPolicy:getBucketIamPolicy")
    assert "legacyBucketOwner" in policy({"bucket": "photos"})["policyData"]
    pool = plugin.function("gcp:iam/getWorkloadIdentityPool:getWorkloadIdentityPool")
    pools = plugin.resources["gcp:iam/workloadIdentityPool:WorkloadIdentityPool"]
    identity, state = pools.create({"workloadIdentityPoolId": "pool"})
    assert pool({"workloadIdentityPoolId": "pool"})["id"] == identity
    pools.delete(identity, state)
    with pytest.raises(ProviderError, match=f"{identity} not found"):
        pool({"workloadIdentityPoolId": "pool"})
    config = plugin.function("gcp:organizations/getClientConfig:getClientConfig")({})
    assert cloud.tokens[config["accessToken"]].member == DEPLOYER


def test_an_existing_resource_is_read_by_its_id_alone(plugin: Gcp) -> None:
    """As `get` and `import` do; with its inputs, but for labels, which only a program knows."""
    bucket = plugin.resources["gcp:storage/bucket:Bucket"]
    bucket.create({"name": "photos", "location": "us-west1", "labels": {"team": "a"}})
    outputs, inputs = bucket.read("photos", {}, {}) or ({}, {})
    assert outputs["url"] == "gs://photos"
    assert inputs.items() >= {"name": "photos", "project": PROJECT, "forceDestroy": False}.items()
    assert "labels" not in inputs
    assert bucket.read("other", {}, {}) is None
    account = plugin.resources["gcp:serviceaccount/account:Account"]
    identity, state = account.create({"accountId": "reader", "displayName": "Reads"})
    found = account.read(identity, {}, {})
    assert found == (
        state,
        {"accountId": "reader", "displayName": "Reads", "project": PROJECT},
    )
    grant = plugin.resources["gcp:storage/bucketIAMMember:BucketIAMMember"]
    with pytest.raises(ProviderError, match="got the id photos/r/m alone, expected a recorded"):
        grant.read("photos/r/m", {}, {})


@pytest.fixture
def resource(plugin: Gcp) -> Callable[[str], Resource]:
    """A resource type by the end of its token."""

    def find(kind: str) -> Resource:
        return next(r for token, r in plugin.resources.items() if token.endswith(f"/{kind}"))

    return find


@pytest.fixture
def bucket(resource: Callable[[str], Resource]) -> Json:
    """The outputs of an existing bucket."""
    return resource("bucket:Bucket").create({"name": "photos", "location": "us-west1"})[1]


@pytest.mark.usefixtures("bucket")
def test_a_grant_changes_no_other_grant(resource: Callable[[str], Resource], cloud: Cloud) -> None:
    """Two members of one role are added and removed one by one."""
    grants, policy = resource("bucketIAMMember:BucketIAMMember"), cloud.buckets["photos"].policy
    identity, state = grants.create(MEMBER)
    grants.create(OTHER)
    assert policy.members(MEMBER["role"]) == {MEMBER["member"], OTHER["member"]}
    grants.delete(identity, state)
    assert policy.members(MEMBER["role"]) == {OTHER["member"]}
    assert policy.members("roles/storage.legacyBucketOwner")


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize(
    ("kind", "grant"),
    [
        ("bucketIAMMember:BucketIAMMember", MEMBER),  # refused by 412
        ("iAMMember:IAMMember", {"project": PROJECT, **GRANT}),  # refused by 409
    ],
)
def test_a_grant_is_retried_after_a_concurrent_change(
    plugin: Gcp, cloud: Cloud, kind: str, grant: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another writer comes between read and write: both grants exist in the end."""
    folder = "projects" if "project" in grant else "storage"
    grants, call = plugin.resources[f"gcp:{folder}/{kind}"], plugin.api.call
    policies = {
        "projects": cloud.projects[PROJECT].policy,
        "storage": cloud.buckets["photos"].policy,
    }
    policy, interrupted = policies[folder], iter([True])

    def racing(verb: str, url: str, doing: str, **parts: object) -> Json:
        answer = call(verb, url, doing, **parts)
        if next(interrupted, False):
            policy.bindings.append({"role": MEMBER["role"], "members": [OTHER["member"]]})
            policy.revision += 1
        return answer

    monkeypatch.setattr(plugin.api, "call", racing)
    grants.create(grant)
    assert policy.members(MEMBER["role"]) == {MEMBER["member"], OTHER["member"]}


@pytest.mark.usefixtures("bucket")
def test_a_conditional_grant_is_another_grant(
    resource: Callable[[str], Resource], cloud: Cloud
) -> None:
    """Deleting the conditional grant leaves the unconditional one."""
    grants = resource("bucketIAMMember:BucketIAMMember")
    condition = {"title": "soon over", "expression": "request.time < timestamp('2030-01-01')"}
    grants.create(MEMBER)
    identity, state = grants.create({**MEMBER, "condition": condition})
    assert identity.endswith("/soon over")
    grants.delete(identity, state)
    assert cloud.buckets["photos"].policy.members(MEMBER["role"]) == {MEMBER["member"]}


@pytest.mark.usefixtures("bucket")
def test_read_finds_a_grant_only_while_it_is_in_the_policy(
    resource: Callable[[str], Resource], cloud: Cloud
) -> None:
    """A grant that was removed by hand is gone."""
    grants = resource("bucketIAMMember:BucketIAMMember")
    identity, state = grants.create(MEMBER)
    assert grants.read(identity, state, MEMBER) is not None
    cloud.buckets["photos"].policy.bindings = []
    assert grants.read(identity, state, MEMBER) is None


def test_a_refusal_has_googles_words_and_no_token(
    resource: Callable[[str], Resource], cloud: Cloud
) -> None:
    """The API's status and text, after one request."""
    cloud.projects[PROJECT].policy.bindings = []
    refused = r"^Error creating bucket: googleapi: Error 403: deployer@primus.example does not have"
    with pytest.raises(ProviderError, match=refused) as refusal:
        resource("bucket:Bucket").create({"name": "photos", "location": "us-west1"})
    assert len(cloud.audit) == 1
    assert "ya29" not in str(refusal.value)


def test_a_bucket_with_objects_is_deleted_only_with_force_destroy(
    resource: Callable[[str], Resource], bucket: Json, cloud: Cloud
) -> None:
    """Only forceDestroy deletes what is in it."""
    buckets = resource("bucket:Bucket")
    resource("bucketObject:BucketObject").create(
        {"bucket": "photos", "name": "a b/ü", "content": "x"}
    )
    with pytest.raises(ProviderError, match="without `force_destroy` set to true"):
        buckets.delete("photos", bucket)
    assert set(cloud.buckets["photos"].objects) == {"a b/ü"}
    buckets.delete("photos", {**bucket, "forceDestroy": True})
    assert cloud.buckets == {}


@pytest.mark.parametrize("condition", ["", None])
def test_a_removed_condition_is_cleared_in_the_cloud(
    resource: Callable[[str], Resource], cloud: Cloud, condition: str | None
) -> None:
    """Danger, as with the genuine plugin: nothing warns that everyone is now admitted."""
    resource("workloadIdentityPool:WorkloadIdentityPool").create({"workloadIdentityPoolId": "pool"})
    providers = resource("workloadIdentityPoolProvider:WorkloadIdentityPoolProvider")
    identity, state = providers.create(PROVIDER)
    inputs = {**PROVIDER, "attributeCondition": condition}
    if condition is None:
        del inputs["attributeCondition"]
    providers.update(identity, state, inputs)
    assert not cloud.providers[DEPLOYED].doc.get("attributeCondition")


def test_a_deleted_pool_is_gone_and_its_id_is_reserved(
    resource: Callable[[str], Resource], cloud: Cloud
) -> None:
    """Google reserves the id for 30 days."""
    pools = resource("workloadIdentityPool:WorkloadIdentityPool")
    inputs = {"workloadIdentityPoolId": "pool"}
    identity, state = pools.create(inputs)
    assert identity == f"projects/{PROJECT}/locations/global/workloadIdentityPools/pool"
    assert state["name"] in cloud.pools
    pools.delete(identity, state)
    assert pools.read(identity, state, inputs) is None
    with pytest.raises(ProviderError, match="googleapi: Error 409: Requested entity already"):
        pools.create(inputs)


def test_an_api_stays_enabled_unless_the_program_disables_it(
    resource: Callable[[str], Resource], cloud: Cloud
) -> None:
    """Others in the project may use it."""
    services, on = resource("service:Service"), cloud.projects[PROJECT].services
    identity, state = services.create({"service": "sts.googleapis.com"})
    assert "sts.googleapis.com" in on
    services.delete(identity, state)
    assert "sts.googleapis.com" in on
    services.delete(identity, {**state, "disableOnDestroy": True})
    assert "sts.googleapis.com" not in on


def test_an_unsupported_argument_is_refused_before_any_request(
    resource: Callable[[str], Resource], cloud: Cloud
) -> None:
    """The genuine plugin accepts more arguments; none of them is dropped silently."""
    inputs = {"name": "photos", "location": "us-west1", "website": {"mainPageSuffix": "x"}}
    with pytest.raises(ProviderError, match=r"got website, .* Leave it out"):
        resource("bucket:Bucket").create(inputs)
    with pytest.raises(ProviderError, match=r"got website, .* Leave it out"):
        resource("bucket:Bucket").plan(inputs, None)
    assert (cloud.buckets, cloud.audit) == ({}, [])


def test_a_missing_project_is_an_error_that_says_what_to_set(
    plugin: Gcp, resource: Callable[[str], Resource]
) -> None:
    """Nothing of the environment replaces it."""
    plugin.api.project = ""
    with pytest.raises(ProviderError, match="project: required field is not set"):
        resource("bucket:Bucket").create({"name": "photos", "location": "us-west1"})


@pytest.mark.usefixtures("bucket")
def test_an_uploaded_object_has_the_given_type_and_bytes(
    resource: Callable[[str], Resource], cloud: Cloud
) -> None:
    """The outputs are the cloud's."""
    objects = resource("bucketObject:BucketObject")
    inputs: Json = {
        "bucket": "photos",
        "name": "a/b.txt",
        "content": "grüß\r\n--\r\n",
        "metadata": {"k": "v"},
    }
    identity, outputs = objects.create(inputs)
    stored = cloud.buckets["photos"].objects["a/b.txt"]
    assert identity == "photos-a/b.txt"
    assert stored.data == inputs["content"].encode()
    assert stored.meta["contentType"] == "text/plain; charset=utf-8"
    assert stored.meta["metadata"] == {"k": "v"}
    assert outputs["md5hash"] == stored.meta["md5Hash"]
    assert outputs["generation"] == int(stored.meta["generation"])
