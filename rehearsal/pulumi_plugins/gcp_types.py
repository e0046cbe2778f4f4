"""What is particular to each resource type of the gcp package, as data.

How the genuine plugin was seen to behave, type by type: which changes replace, which are made in
place, which it does not see at all, what it refuses before it asks Google. It refuses little: a
bucket's name or a broken condition is for the API to judge. `gcp_resource` acts on these tables.
What the properties mean: https://www.pulumi.com/registry/packages/gcp/api-docs/
"""

from __future__ import annotations

import re

from rehearsal.pulumi_plugins import gcp_spelling as spelling
from rehearsal.pulumi_plugins.gcp_kind import Collection, Kind, Rule, length, matches, one_of


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


BUCKET = Kind(
    "gcp:storage/bucket:Bucket",
    Collection("https://storage.googleapis.com/storage/v1", "b", "name"),
    sent=_paths(
        "name location storageClass labels versioning softDeletePolicy",
        uniformBucketLevelAccess="iamConfiguration.uniformBucketLevelAccess.enabled",
        publicAccessPrevention="iamConfiguration.publicAccessPrevention",
    ),
    kept=_set("project forceDestroy"),
    outputs=_paths("selfLink timeCreated", url="name"),
    writes={"softDeletePolicy": spelling.retention(str)},
    reads={"softDeletePolicy": spelling.retention(int), "url": "gs://{}".format},
    replace=_set("name location project"),
    keep=_set(
        "storageClass uniformBucketLevelAccess publicAccessPrevention versioning softDeletePolicy"
    ),
    defaults={"storageClass": "STANDARD"},
    rules=(Rule("labels", lambda labels: all(map(LABEL.fullmatch, labels)), "has an invalid key"),),
)
OBJECT = Kind(
    "gcp:storage/bucketObject:BucketObject",
    Collection(BUCKET.collection.root, "", "name"),
    sent=_paths("bucket name contentType metadata storageClass"),
    kept=_set("content source"),
    outputs=_paths("crc32c generation selfLink", md5hash="md5Hash"),
    reads={"generation": int},
    replace=_set("name bucket source contentType metadata storageClass"),
    keep=_set("contentType storageClass"),
    exactly_one=("content", "source"),
)
ACCOUNT = Kind(
    "gcp:serviceaccount/account:Account",
    Collection(IAM, "projects/{project}/serviceAccounts", "accountId"),
    sent=_paths("displayName description"),
    kept=_set("project accountId"),
    outputs=_paths("name email uniqueId", member="email"),
    reads={"member": "serviceAccount:{}".format},
    replace=_set("accountId project"),
    rules=(
        length(6, 30, "accountId"),
        matches(r"(?:[a-z](?:[-a-z0-9]*[a-z0-9])?)", "accountId"),
        length(0, 256, "description"),
    ),
)
POOL = Kind(
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
    Collection(IAM, POOLS, "workloadIdentityPoolId", "workloadIdentityPoolId"),
    sent=_paths(f"{ABOUT} mode"),
    kept=_set("project workloadIdentityPoolId"),
    outputs=_paths("name state"),
    replace=_set("workloadIdentityPoolId project"),
    keep=_set("mode"),
    delete_first=False,
    rules=(
        *_pool_id("workloadIdentityPoolId"),
        one_of("mode", "FEDERATION_ONLY", "TRUST_DOMAIN", "SYSTEM_TRUST_DOMAIN", ""),
    ),
)
POOL_PROVIDER = Kind(
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
    Collection(
        IAM,
        f"{POOLS}/{{workloadIdentityPoolId}}/providers",
        "workloadIdentityPoolProviderId",
        "workloadIdentityPoolProviderId",
    ),
    sent=_paths(f"{ABOUT} attributeCondition attributeMapping oidc"),
    kept=_set("project workloadIdentityPoolId workloadIdentityPoolProviderId"),
    outputs=_paths("name state"),
    replace=_set("workloadIdentityPoolId workloadIdentityPoolProviderId project"),
    delete_first=False,
    rules=_pool_id("workloadIdentityPoolProviderId"),
    exactly_one=("aws", "oidc", "saml", "x509"),
)
REPOSITORY = Kind(
    "gcp:artifactregistry/repository:Repository",
    Collection(
        "https://artifactregistry.googleapis.com/v1",
        "projects/{project}/locations/{location}/repositories",
        "repositoryId",
        "repository_id",
    ),
    sent=_paths("format mode description labels dockerConfig kmsKeyName"),
    kept=_set("project location repositoryId"),
    outputs=_paths("createTime name registryUri"),
    reads={"name": spelling.last},
    replace=_set("repositoryId location format mode kmsKeyName project"),
    keep=_set("location mode"),
    defaults={"mode": "STANDARD_REPOSITORY"},
    delete_first=False,
    rules=(one_of("mode", "STANDARD_REPOSITORY", "VIRTUAL_REPOSITORY", "REMOTE_REPOSITORY"),),
)
SERVICE = Kind(
    "gcp:projects/service:Service",
    Collection("https://serviceusage.googleapis.com/v1", ""),
    kept=_set("project service disableOnDestroy"),
    replace=_set("service project"),
    delete_first=False,
    rules=(matches(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", "service"),),
)
NETWORK = Kind(
    "gcp:compute/network:Network",
    Collection(COMPUTE, "projects/{project}/global/networks", "name"),
    sent=_paths("name description autoCreateSubnetworks"),
    kept=_set("project"),
    outputs=_paths("selfLink"),
    replace=_set("name project autoCreateSubnetworks description"),
    rules=(COMPUTE_NAME,),
)
SUBNETWORK = Kind(
    "gcp:compute/subnetwork:Subnetwork",
    Collection(COMPUTE, "projects/{project}/regions/{region}/subnetworks", "name"),
    sent=_paths("name network description ipCidrRange privateIpGoogleAccess"),
    kept=_set("project region"),
    outputs=_paths("creationTimestamp gatewayAddress selfLink"),
    replace=_set("name network project region description ipCidrRange"),
    keep=_set("region privateIpGoogleAccess"),
    rules=(COMPUTE_NAME,),
)
FIREWALL = Kind(
    "gcp:compute/firewall:Firewall",
    Collection(COMPUTE, "projects/{project}/global/firewalls", "name"),
    sent=_paths(
        "name network description direction disabled priority sourceRanges",
        allows="allowed",
        denies="denied",
    ),
    kept=_set("project"),
    outputs=_paths("creationTimestamp selfLink"),
    writes=dict.fromkeys(("allows", "denies"), spelling.protocols("protocol", "IPProtocol")),
    reads=dict.fromkeys(("allows", "denies"), spelling.protocols("IPProtocol", "protocol")),
    replace=_set("name project direction"),
    keep=_set("direction sourceRanges"),
    defaults={"priority": 1000},
    rules=(COMPUTE_NAME, one_of("direction", "INGRESS", "EGRESS")),
    exactly_one=("allows", "denies"),
)
INSTANCE = Kind(
    "gcp:compute/instance:Instance",
    Collection(COMPUTE, "projects/{project}/zones/{zone}/instances", "name"),
    sent=_paths(
        "name description hostname machineType minCpuPlatform labels scheduling "
        "shieldedInstanceConfig confidentialInstanceConfig networkInterfaces",
        bootDisk="disks",
        metadata="metadata.items",
        serviceAccount="serviceAccounts",
    ),
    kept=_set("project zone bootDisk"),
    outputs=_paths("cpuPlatform creationTimestamp selfLink", instanceId="id"),
    writes={"metadata": spelling.items, "serviceAccount": spelling.account},
    reads={
        "metadata": spelling.mapping,
        "networkInterfaces": spelling.interfaces,
        "serviceAccount": lambda accounts: accounts[0],
        "machineType": spelling.last,
    },
    replace=_set(
        "name zone project hostname scheduling.provisioningModel "
        "bootDisk.initializeParams.image bootDisk.initializeParams.type"
    ),
    # Danger: taking the confidential block out of the program is not even a difference.
    keep=_set(
        "zone minCpuPlatform shieldedInstanceConfig scheduling confidentialInstanceConfig "
        "networkInterfaces.network networkInterfaces.subnetwork networkInterfaces.subnetworkProject"
    ),
    rules=(
        COMPUTE_NAME,
        Rule("bootDisk.initializeParams.size", lambda size: size >= 1, "must be at least (1)"),
        Rule("confidentialInstanceConfig", bool, "needs at least one argument"),
    ),
)


def _grant(token: str, on: str, root: str, resource: str) -> Kind:
    """Everything about a grant replaces it; `resource` is what it is granted on."""
    keys = _set(f"{on} member role condition")
    full = matches(r"projects/[^/]+/serviceAccounts/[^/]+", "serviceAccountId")
    return Kind(
        token,
        Collection(root, resource),
        kept=keys,
        outputs=_paths("etag"),
        replace=keys,
        keep=_set("location"),
        # Created first: of two grants that mean the same, removing one removes both.
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
