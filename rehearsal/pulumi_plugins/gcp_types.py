"""The resource types of the gcp package, as data.

The tables say how the genuine plugin behaves, as observed: which changes replace a resource, which
are made in place, which it does not see at all, what it refuses before it sends a request. It
refuses little: the API validates a bucket's name, or a condition. `gcp_resource` uses the tables.
The properties: https://www.pulumi.com/registry/packages/gcp/api-docs/
"""

from __future__ import annotations

import re

from rehearsal.pulumi_plugins import gcp_conversions as convert
from rehearsal.pulumi_plugins.gcp_resource_type import (
    Collection,
    ResourceType,
    Rule,
    length,
    matches,
    one_of,
)


def _paths(words: str, **others: str) -> dict[str, str]:
    return {word: word for word in words.split()} | others


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


COMPUTE = "https://compute.googleapis.com/compute/beta"
IAM = "https://iam.googleapis.com/v1"
POOLS = "projects/{project}/locations/global/workloadIdentityPools"
ABOUT = "displayName description disabled"
COMPUTE_NAME = matches(r"(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)", "name")
LABEL = re.compile("[a-z][a-z0-9_-]{0,62}")
MEMBER = re.compile(r"allUsers|allAuthenticatedUsers|(?!deleted:)[^:]+:.+")


def _pool_id(path: str) -> tuple[Rule, ...]:
    """https://docs.cloud.google.com/iam/docs/manage-workload-identity-pools-providers."""
    return matches(r"(?!gcp-)[0-9a-z-]+", path), length(4, 32, path)


BUCKET = ResourceType(
    "gcp:storage/bucket:Bucket",
    Collection("https://storage.googleapis.com/storage/v1", "b", "name"),
    rest_paths=_paths(
        "name location storageClass labels versioning softDeletePolicy",
        uniformBucketLevelAccess="iamConfiguration.uniformBucketLevelAccess.enabled",
        publicAccessPrevention="iamConfiguration.publicAccessPrevention",
        lifecycleRules="lifecycle.rule",
    ),
    local_inputs=_set("project forceDestroy"),
    outputs=_paths("selfLink timeCreated", url="name"),
    to_rest={
        "lifecycleRules": convert.lifecycle_to_rest,
        "softDeletePolicy": convert.retention(str),
    },
    from_rest={
        "lifecycleRules": convert.lifecycle_from_rest,
        "softDeletePolicy": convert.retention(int),
        "url": "gs://{}".format,
    },
    replaced_on=_set("name location project"),
    removal_ignored=_set(
        "storageClass uniformBucketLevelAccess publicAccessPrevention versioning softDeletePolicy"
    ),
    defaults={"storageClass": "STANDARD"},
    rules=(Rule("labels", lambda labels: all(map(LABEL.fullmatch, labels)), "has an invalid key"),),
)
OBJECT = ResourceType(
    "gcp:storage/bucketObject:BucketObject",
    Collection(BUCKET.collection.root, "", "name"),
    rest_paths=_paths("bucket name contentType metadata storageClass"),
    local_inputs=_set("content source"),
    outputs=_paths("crc32c generation selfLink", md5hash="md5Hash"),
    from_rest={"generation": int},
    replaced_on=_set("name bucket source contentType metadata storageClass"),
    removal_ignored=_set("contentType storageClass"),
    exactly_one=("content", "source"),
)
ACCOUNT = ResourceType(
    "gcp:serviceaccount/account:Account",
    Collection(IAM, "projects/{project}/serviceAccounts", "accountId"),
    rest_paths=_paths("displayName description disabled"),
    local_inputs=_set("project accountId"),
    outputs=_paths("name email uniqueId", member="email"),
    from_rest={"member": "serviceAccount:{}".format},
    replaced_on=_set("accountId project"),
    rules=(
        length(6, 30, "accountId"),
        matches(r"(?:[a-z](?:[-a-z0-9]*[a-z0-9])?)", "accountId"),
        length(0, 256, "description"),
    ),
)
POOL = ResourceType(
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
    Collection(IAM, POOLS, "workloadIdentityPoolId", "workloadIdentityPoolId"),
    rest_paths=_paths(f"{ABOUT} mode"),
    local_inputs=_set("project workloadIdentityPoolId"),
    outputs=_paths("name state"),
    replaced_on=_set("workloadIdentityPoolId project"),
    removal_ignored=_set("mode"),
    delete_first=False,
    rules=(
        *_pool_id("workloadIdentityPoolId"),
        one_of("mode", "FEDERATION_ONLY", "TRUST_DOMAIN", "SYSTEM_TRUST_DOMAIN", ""),
    ),
)
POOL_PROVIDER = ResourceType(
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
    Collection(
        IAM,
        f"{POOLS}/{{workloadIdentityPoolId}}/providers",
        "workloadIdentityPoolProviderId",
        "workloadIdentityPoolProviderId",
    ),
    rest_paths=_paths(f"{ABOUT} attributeCondition attributeMapping oidc"),
    local_inputs=_set("project workloadIdentityPoolId workloadIdentityPoolProviderId"),
    outputs=_paths("name state"),
    replaced_on=_set("workloadIdentityPoolId workloadIdentityPoolProviderId project"),
    delete_first=False,
    rules=_pool_id("workloadIdentityPoolProviderId"),
    exactly_one=("aws", "oidc", "saml", "x509"),
)
REPOSITORY = ResourceType(
    "gcp:artifactregistry/repository:Repository",
    Collection(
        "https://artifactregistry.googleapis.com/v1",
        "projects/{project}/locations/{location}/repositories",
        "repositoryId",
        "repository_id",
    ),
    rest_paths=_paths("format mode description labels dockerConfig kmsKeyName"),
    local_inputs=_set("project location repositoryId"),
    outputs=_paths("createTime name registryUri"),
    from_rest={"name": convert.last},
    replaced_on=_set("repositoryId location format mode kmsKeyName project"),
    removal_ignored=_set("location mode"),
    defaults={"mode": "STANDARD_REPOSITORY"},
    delete_first=False,
    rules=(one_of("mode", "STANDARD_REPOSITORY", "VIRTUAL_REPOSITORY", "REMOTE_REPOSITORY"),),
)
SERVICE = ResourceType(
    "gcp:projects/service:Service",
    Collection("https://serviceusage.googleapis.com/v1", ""),
    local_inputs=_set("project service disableOnDestroy"),
    replaced_on=_set("service project"),
    delete_first=False,
    rules=(matches(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", "service"),),
)
NETWORK = ResourceType(
    "gcp:compute/network:Network",
    Collection(COMPUTE, "projects/{project}/global/networks", "name"),
    rest_paths=_paths("name description autoCreateSubnetworks"),
    local_inputs=_set("project"),
    outputs=_paths("selfLink"),
    replaced_on=_set("name project autoCreateSubnetworks description"),
    rules=(COMPUTE_NAME,),
)
SUBNETWORK = ResourceType(
    "gcp:compute/subnetwork:Subnetwork",
    Collection(COMPUTE, "projects/{project}/regions/{region}/subnetworks", "name"),
    rest_paths=_paths("name network description ipCidrRange privateIpGoogleAccess"),
    local_inputs=_set("project region"),
    outputs=_paths("creationTimestamp gatewayAddress selfLink"),
    replaced_on=_set("name network project region description ipCidrRange"),
    removal_ignored=_set("region privateIpGoogleAccess"),
    rules=(COMPUTE_NAME,),
)
FIREWALL = ResourceType(
    "gcp:compute/firewall:Firewall",
    Collection(COMPUTE, "projects/{project}/global/firewalls", "name"),
    rest_paths=_paths(
        "name network description direction disabled priority sourceRanges targetServiceAccounts",
        allows="allowed",
        denies="denied",
    ),
    local_inputs=_set("project"),
    outputs=_paths("creationTimestamp selfLink"),
    to_rest=dict.fromkeys(("allows", "denies"), convert.protocols("protocol", "IPProtocol")),
    from_rest=dict.fromkeys(("allows", "denies"), convert.protocols("IPProtocol", "protocol")),
    replaced_on=_set("name project direction"),
    removal_ignored=_set("direction sourceRanges"),
    defaults={"priority": 1000},
    rules=(COMPUTE_NAME, one_of("direction", "INGRESS", "EGRESS")),
    exactly_one=("allows", "denies"),
)
INSTANCE = ResourceType(
    "gcp:compute/instance:Instance",
    Collection(COMPUTE, "projects/{project}/zones/{zone}/instances", "name"),
    rest_paths=_paths(
        "name description hostname machineType minCpuPlatform labels scheduling "
        "shieldedInstanceConfig confidentialInstanceConfig networkInterfaces",
        bootDisk="disks",
        metadata="metadata.items",
        serviceAccount="serviceAccounts",
    ),
    local_inputs=_set("project zone bootDisk"),
    outputs=_paths("cpuPlatform creationTimestamp selfLink", instanceId="id"),
    to_rest={"metadata": convert.items, "serviceAccount": convert.account},
    from_rest={
        "metadata": convert.mapping,
        "networkInterfaces": convert.interfaces,
        "serviceAccount": lambda accounts: accounts[0],
        "machineType": convert.last,
    },
    replaced_on=_set(
        "name zone project hostname scheduling.provisioningModel "
        "bootDisk.initializeParams.image bootDisk.initializeParams.type"
    ),
    # Danger: if the program drops the confidential block, that is not even a difference.
    removal_ignored=_set(
        "zone minCpuPlatform shieldedInstanceConfig scheduling confidentialInstanceConfig "
        "networkInterfaces.network networkInterfaces.subnetwork networkInterfaces.subnetworkProject"
    ),
    rules=(
        COMPUTE_NAME,
        Rule("bootDisk.initializeParams.size", lambda size: size >= 1, "must be at least (1)"),
        Rule("confidentialInstanceConfig", bool, "needs at least one argument"),
    ),
)


def _grant(token: str, on: str, root: str, resource: str) -> ResourceType:
    """A grant on a resource; every change replaces it."""
    keys = _set(f"{on} member role condition")
    full = matches(r"projects/[^/]+/serviceAccounts/[^/]+", "serviceAccountId")
    return ResourceType(
        token,
        Collection(root, resource),
        local_inputs=keys,
        outputs=_paths("etag"),
        replaced_on=keys,
        removal_ignored=_set("location"),
        # Others are created first: of two grants that mean the same, deleting one deletes both.
        delete_first=on == "project",
        rules=(Rule("member", MEMBER.fullmatch, 'was expected to be "type:value"'), full),
    )


BUCKET_MEMBER = _grant(
    "gcp:storage/bucketIAMMember:BucketIAMMember", "bucket", BUCKET.collection.root, "b/{bucket}"
)
REPOSITORY_MEMBER = _grant(
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
    "repository location project",
    REPOSITORY.collection.root,
    f"{REPOSITORY.collection.path}/{{repository}}",
)
PROJECT_MEMBER = _grant(
    "gcp:projects/iAMMember:IAMMember",
    "project",
    "https://cloudresourcemanager.googleapis.com/v1",
    "projects/{project}",
)
ACCOUNT_MEMBER = _grant(
    "gcp:serviceaccount/iAMMember:IAMMember", "serviceAccountId", IAM, "{serviceAccountId}"
)
