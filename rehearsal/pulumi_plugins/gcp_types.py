"""The resource types of the gcp package, as data.

The tables say how the genuine plugin behaves, as observed: which changes replace a resource, which
are made in place, which it does not see at all, what it refuses before it sends a request. It
refuses little: the API validates a bucket's name, or a condition. `gcp_resource` uses the tables.
Those of Compute Engine, of Pub/Sub and of grants are in modules of their own.
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
    paths,
    words,
)

IAM = "https://iam.googleapis.com/v1"
POOLS = "projects/{project}/locations/global/workloadIdentityPools"
ABOUT = "displayName description disabled"
LABEL = re.compile("[a-z][a-z0-9_-]{0,62}")


def _pool_id(path: str) -> tuple[Rule, ...]:
    """https://docs.cloud.google.com/iam/docs/manage-workload-identity-pools-providers."""
    return matches(r"(?!gcp-)[0-9a-z-]+", path), length(4, 32, path)


BUCKET = ResourceType(
    "gcp:storage/bucket:Bucket",
    Collection("https://storage.googleapis.com/storage/v1", "b", "name"),
    rest_paths=paths(
        "name location storageClass labels versioning softDeletePolicy",
        uniformBucketLevelAccess="iamConfiguration.uniformBucketLevelAccess.enabled",
        publicAccessPrevention="iamConfiguration.publicAccessPrevention",
        lifecycleRules="lifecycle.rule",
    ),
    local_inputs=words("project forceDestroy"),
    outputs=paths("selfLink timeCreated", url="name"),
    to_rest={
        "lifecycleRules": convert.lifecycle_to_rest,
        "softDeletePolicy": convert.retention(str),
    },
    from_rest={
        "lifecycleRules": convert.lifecycle_from_rest,
        "softDeletePolicy": convert.retention(int),
        "url": "gs://{}".format,
    },
    replaced_on=words("name location project"),
    removal_ignored=words(
        "storageClass uniformBucketLevelAccess publicAccessPrevention versioning softDeletePolicy"
    ),
    defaults={"storageClass": "STANDARD"},
    rules=(Rule("labels", lambda labels: all(map(LABEL.fullmatch, labels)), "has an invalid key"),),
)
OBJECT = ResourceType(
    "gcp:storage/bucketObject:BucketObject",
    Collection(BUCKET.collection.root, "", "name"),
    rest_paths=paths("bucket name contentType metadata storageClass"),
    local_inputs=words("content source"),
    outputs=paths("crc32c generation selfLink", md5hash="md5Hash"),
    from_rest={"generation": int},
    replaced_on=words("name bucket source contentType metadata storageClass"),
    removal_ignored=words("contentType storageClass"),
    exactly_one=("content", "source"),
)
EVENTS = words("OBJECT_FINALIZE OBJECT_METADATA_UPDATE OBJECT_DELETE OBJECT_ARCHIVE")
NOTIFICATION = ResourceType(
    "gcp:storage/notification:Notification",
    Collection(BUCKET.collection.root, "b/{bucket}/notificationConfigs"),
    rest_paths=paths(
        "topic",
        payloadFormat="payload_format",
        eventTypes="event_types",
        objectNamePrefix="object_name_prefix",
        customAttributes="custom_attributes",
    ),
    local_inputs=words("bucket"),
    outputs=paths("selfLink", notificationId="id"),
    replaced_on=words("bucket topic payloadFormat eventTypes objectNamePrefix customAttributes"),
    delete_first=False,
    rules=(
        one_of("payloadFormat", "JSON_API_V1", "NONE"),
        Rule("eventTypes", EVENTS.issuperset, f"was expected to have only {sorted(EVENTS)}"),
    ),
)
ACCOUNT = ResourceType(
    "gcp:serviceaccount/account:Account",
    Collection(IAM, "projects/{project}/serviceAccounts", "accountId"),
    rest_paths=paths("displayName description disabled"),
    local_inputs=words("project accountId"),
    outputs=paths("name email uniqueId", member="email"),
    from_rest={"member": "serviceAccount:{}".format},
    replaced_on=words("accountId project"),
    rules=(
        length(6, 30, "accountId"),
        matches(r"(?:[a-z](?:[-a-z0-9]*[a-z0-9])?)", "accountId"),
        length(0, 256, "description"),
    ),
)
POOL = ResourceType(
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
    Collection(IAM, POOLS, "workloadIdentityPoolId", "workloadIdentityPoolId"),
    rest_paths=paths(f"{ABOUT} mode"),
    local_inputs=words("project workloadIdentityPoolId"),
    outputs=paths("name state"),
    replaced_on=words("workloadIdentityPoolId project"),
    removal_ignored=words("mode"),
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
    rest_paths=paths(f"{ABOUT} attributeCondition attributeMapping oidc"),
    local_inputs=words("project workloadIdentityPoolId workloadIdentityPoolProviderId"),
    outputs=paths("name state"),
    replaced_on=words("workloadIdentityPoolId workloadIdentityPoolProviderId project"),
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
    rest_paths=paths("format mode description labels dockerConfig kmsKeyName"),
    local_inputs=words("project location repositoryId"),
    outputs=paths("createTime name registryUri"),
    from_rest={"name": convert.last},
    replaced_on=words("repositoryId location format mode kmsKeyName project"),
    removal_ignored=words("location mode"),
    defaults={"mode": "STANDARD_REPOSITORY"},
    delete_first=False,
    rules=(one_of("mode", "STANDARD_REPOSITORY", "VIRTUAL_REPOSITORY", "REMOTE_REPOSITORY"),),
)
SERVICE = ResourceType(
    "gcp:projects/service:Service",
    Collection("https://serviceusage.googleapis.com/v1", ""),
    local_inputs=words("project service disableOnDestroy"),
    replaced_on=words("service project"),
    delete_first=False,
    rules=(matches(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", "service"),),
)
SERVICE_IDENTITY = ResourceType(
    "gcp:projects/serviceIdentity:ServiceIdentity",
    Collection("https://serviceusage.googleapis.com/v1beta1", ""),
    local_inputs=words("project service"),
    outputs=paths("email member"),
    replaced_on=words("project service"),
    delete_first=False,
)
