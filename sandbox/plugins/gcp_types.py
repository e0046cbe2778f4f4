"""What is particular to each resource type of the gcp package, as data.

How the genuine plugin was seen to behave, type by type: which changes replace, which are made in
place, which it does not see at all, what it refuses before it asks Google. It refuses little: a
bucket's name or a broken condition is for the API to judge. `gcp_resource` acts on these tables.
What the properties mean: https://www.pulumi.com/registry/packages/gcp/api-docs/
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sandbox.plugins import gcp_rules as rules
from sandbox.plugins import gcp_spelling as spelling
from sandbox.plugins.gcp_kind import Kind, Property

if TYPE_CHECKING:
    from sandbox.plugins.gcp_rules import Rule


def _alike(names: str) -> dict[str, Property]:
    return {name: Property(name) for name in names.split()}


def _local(names: str) -> dict[str, Property]:
    return {name: Property("", read=None) for name in names.split()}


def _outputs(names: str, **others: str) -> dict[str, str]:
    return {name: name for name in names.split()} | others


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


COMMON = _local("project deletionPolicy")

BUCKET = Kind(
    properties={
        **COMMON,
        **_local("forceDestroy"),
        **_alike("name location storageClass labels versioning defaultEventBasedHold"),
        "uniformBucketLevelAccess": Property("iamConfiguration.uniformBucketLevelAccess.enabled"),
        "publicAccessPrevention": Property("iamConfiguration.publicAccessPrevention"),
        "requesterPays": Property("billing.requesterPays"),
        "softDeletePolicy": Property(
            "softDeletePolicy", partial(spelling.retention, str), partial(spelling.retention, int)
        ),
    },
    outputs=_outputs("selfLink timeCreated updated projectNumber", url="name"),
    replace=_set("name location project"),
    keep=_set(
        "project uniformBucketLevelAccess publicAccessPrevention versioning softDeletePolicy"
    ),
    defaults={"storageClass": "STANDARD", "forceDestroy": False},
    autoname="name",
    rules=(rules.LABELS,),
)

OBJECT = Kind(
    properties={
        **_local("deletionPolicy content source sourceMd5hash"),
        **_alike("bucket name contentType metadata storageClass cacheControl"),
        **_alike("contentDisposition contentEncoding contentLanguage"),
    },
    outputs=_outputs("crc32c generation mediaLink selfLink", md5hash="md5Hash", outputName="name"),
    replace=_set("name bucket contentType metadata storageClass"),
    keep=_set("contentType storageClass sourceMd5hash"),
    autoname="name",
    longest=1024,
    exactly_one=("content", "source"),
)

ACCOUNT = Kind(
    properties={
        **COMMON,
        **_local("accountId"),
        **_alike("displayName description disabled"),
    },
    outputs=_outputs("name email uniqueId", member="email"),
    replace=_set("accountId project"),
    defaults={"disabled": False},
    autoname="accountId",
    longest=30,
    rules=(
        rules.length(6, 30, "accountId"),
        rules.matches(r"(?:[a-z](?:[-a-z0-9]*[a-z0-9])?)", "accountId"),
        rules.length(0, 256, "description"),
    ),
)

POOL = Kind(
    properties={
        **COMMON,
        **_local("workloadIdentityPoolId"),
        **_alike("displayName description disabled mode"),
    },
    outputs=_outputs("name state"),
    replace=_set("workloadIdentityPoolId project"),
    keep=_set("project mode"),
    delete_first=False,
    rules=(
        *rules.pool_id("workloadIdentityPoolId"),
        rules.one_of("mode", "FEDERATION_ONLY", "TRUST_DOMAIN", "SYSTEM_TRUST_DOMAIN", ""),
    ),
)

POOL_PROVIDER = Kind(
    properties={
        **COMMON,
        **_local("workloadIdentityPoolId workloadIdentityPoolProviderId"),
        **_alike("displayName description disabled attributeCondition attributeMapping oidc"),
    },
    outputs=_outputs("name state"),
    replace=_set("workloadIdentityPoolId workloadIdentityPoolProviderId project"),
    delete_first=False,
    rules=rules.pool_id("workloadIdentityPoolProviderId"),
    exactly_one=("aws", "oidc", "saml", "x509"),
)

REPOSITORY = Kind(
    properties={
        **COMMON,
        **_local("repositoryId location"),
        **_alike("format mode description labels dockerConfig kmsKeyName cleanupPolicyDryRun"),
    },
    outputs=_outputs("createTime updateTime name registryUri"),
    replace=_set("repositoryId location format mode kmsKeyName project"),
    keep=_set("project location mode"),
    defaults={"mode": "STANDARD_REPOSITORY"},
    delete_first=False,
    rules=(rules.one_of("mode", "STANDARD_REPOSITORY", "VIRTUAL_REPOSITORY", "REMOTE_REPOSITORY"),),
)

SERVICE = Kind(
    properties={
        **COMMON,
        **_local("service disableOnDestroy disableDependentServices"),
        **_local("checkIfServiceHasUsageOnDestroy"),
    },
    outputs={},
    replace=_set("service project"),
    defaults={"disableOnDestroy": False},
    delete_first=False,
    rules=(rules.matches(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", "service"),),
)

NETWORK = Kind(
    properties={
        **COMMON,
        **_local("deleteDefaultRoutesOnCreate"),
        **_alike("name description autoCreateSubnetworks mtu"),
        "routingMode": Property("routingConfig.routingMode"),
    },
    outputs=_outputs("selfLink", numericId="id", networkId="id", gatewayIpv4="gatewayIPv4"),
    replace=_set("name project autoCreateSubnetworks description"),
    keep=_set("project routingMode mtu"),
    defaults={"autoCreateSubnetworks": True, "deleteDefaultRoutesOnCreate": False},
    autoname="name",
    rules=(rules.COMPUTE_NAME, rules.one_of("routingMode", "REGIONAL", "GLOBAL")),
)

SUBNETWORK = Kind(
    properties={
        **COMMON,
        **_local("region"),
        **_alike("name network description ipCidrRange privateIpGoogleAccess purpose stackType"),
    },
    outputs=_outputs("creationTimestamp fingerprint gatewayAddress selfLink", subnetworkId="id"),
    replace=_set("name network project region description purpose ipCidrRange"),
    keep=_set("project region privateIpGoogleAccess purpose stackType"),
    autoname="name",
    rules=(rules.COMPUTE_NAME,),
)

FIREWALL = Kind(
    properties={
        **COMMON,
        **_alike("name network description direction disabled priority logConfig sourceRanges"),
        **_alike("destinationRanges sourceTags targetTags sourceServiceAccounts"),
        **_alike("targetServiceAccounts"),
        "allows": Property("allowed", spelling.protocols, spelling.protocol_rules),
        "denies": Property("denied", spelling.protocols, spelling.protocol_rules),
    },
    outputs=_outputs("selfLink creationTimestamp"),
    replace=_set("name network project direction"),
    keep=_set("project direction sourceRanges destinationRanges"),
    defaults={"priority": 1000},
    autoname="name",
    rules=(rules.COMPUTE_NAME, rules.one_of("direction", "INGRESS", "EGRESS")),
)

INSTANCE = Kind(
    properties={
        **COMMON,
        **_local("zone allowStoppingForUpdate"),
        **_alike("name description hostname canIpForward deletionProtection minCpuPlatform"),
        **_alike("labels scheduling shieldedInstanceConfig confidentialInstanceConfig"),
        "machineType": Property("machineType", read=spelling.last),
        "bootDisk": Property("disks", spelling.boot_disk, None),
        "networkInterfaces": Property(
            "networkInterfaces", spelling.interfaces, spelling.interface_arguments
        ),
        "serviceAccount": Property(
            "serviceAccounts", spelling.accounts, lambda accounts: accounts[0]
        ),
        "metadata": Property("metadata.items", spelling.items, spelling.items_map),
        "tags": Property("tags.items"),
    },
    outputs=_outputs(
        "cpuPlatform creationTimestamp selfLink labelFingerprint",
        currentStatus="status",
        instanceId="id",
        metadataFingerprint="metadata.fingerprint",
        tagsFingerprint="tags.fingerprint",
    ),
    replace=_set(
        "name zone project hostname description canIpForward scheduling.provisioningModel "
        "scheduling.preemptible bootDisk.mode bootDisk.deviceName "
        "bootDisk.initializeParams.image bootDisk.initializeParams.type"
    ),
    # Danger: taking the confidential block out of the program is not even a difference.
    keep=_set(
        "project zone minCpuPlatform shieldedInstanceConfig scheduling confidentialInstanceConfig "
        "bootDisk networkInterfaces.network networkInterfaces.subnetwork "
        "networkInterfaces.networkIp networkInterfaces.stackType networkInterfaces.nicType "
        "networkInterfaces.name "
        "networkInterfaces.accessConfigs.natIp networkInterfaces.accessConfigs.networkTier "
        "serviceAccount.email"
    ),
    defaults={"canIpForward": False, "deletionProtection": False},
    autoname="name",
    rules=(
        rules.COMPUTE_NAME,
        rules.Rule(
            "bootDisk.initializeParams.size", lambda size: size >= 1, "must be at least (1)"
        ),
        rules.one_of("bootDisk.mode", "READ_WRITE", "READ_ONLY"),
        rules.one_of("desiredStatus", "RUNNING", "TERMINATED", "SUSPENDED"),
        rules.one_of("keyRevocationActionType", "STOP", "NONE", ""),
        rules.Rule("confidentialInstanceConfig", bool, "needs at least one argument"),
    ),
)


def _grant(on: str, *more: Rule, delete_first: bool = False) -> Kind:
    """Everything about a grant replaces it."""
    keys = f"{on} member role condition"
    return Kind(
        properties=_local(keys),
        outputs=_outputs("etag"),
        replace=_set(keys),
        keep=_set("project location"),
        delete_first=delete_first,
        rules=(rules.MEMBER, *more),
    )


BUCKET_MEMBER = _grant("bucket")
REPOSITORY_MEMBER = _grant("repository location project")
PROJECT_MEMBER = _grant("project", delete_first=True)
ACCOUNT_MEMBER = _grant(
    "serviceAccountId",
    rules.matches(r"projects/[^/]+/serviceAccounts/[^/]+", "serviceAccountId"),
)
