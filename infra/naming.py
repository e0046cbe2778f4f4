"""Identifiers of Google Cloud that follow from other identifiers, without a request.

It has their forms and limits. The settings say which name a resource has.
"""

from __future__ import annotations

import re
from typing import Final

POOL: Final = "primus-wip"
PROVIDER: Final = "primus-wip-provider"
"""The default names of pool (before its suffix) and provider."""

MODEL_READER: Final = "primus-sa"
WORKLOAD_ACCOUNT: Final = "workload-sa"
"""The default ids of the account that reads the model, and of the workload's."""

SUFFIX_BYTES: Final = 3
"""Length of the random part of a pool id. Ids of deleted pools stay reserved for 30 days:
https://docs.cloud.google.com/iam/docs/manage-workload-identity-pools-providers#delete-pool"""
NO_SUFFIX: Final = "0" * 2 * SUFFIX_BYTES
"""Replaces the random part of a pool id that is not known yet."""

DIGEST: Final = r"sha256:[0-9a-f]{64}"
"""The digest of a container image, as a regular expression."""

SHA256: Final = r"[0-9a-f]{64}"

# Each limit is Google's; some patterns are a little stricter, where nobody needs more.
PROJECT_ID: Final = r"[a-z][a-z0-9-]{4,28}[a-z0-9]"
"""https://docs.cloud.google.com/resource-manager/docs/creating-managing-projects"""
PROJECT_NUMBER: Final = r"[1-9][0-9]{5,18}"
REGION: Final = r"[a-z]+-[a-z]+[0-9]{1,2}"
LOCATION: Final = rf"({REGION}|us|europe|asia)"
"""A region, or a multi-region as Artifact Registry calls it:
https://docs.cloud.google.com/artifact-registry/docs/repositories/repo-locations"""
ZONE: Final = REGION + r"-[a-z]"
BUCKET: Final = r"(?!goog|.*google)[a-z0-9][a-z0-9_-]{1,61}[a-z0-9]"
"""No dots: a dotted name is a domain and must be verified.
https://docs.cloud.google.com/storage/docs/buckets#naming"""
ACCOUNT_ID: Final = r"[a-z][a-z0-9-]{4,28}[a-z0-9]"
POOL_ID: Final = r"(?!gcp-)[a-z0-9-]{4,32}"
MAX_POOL_PREFIX: Final = 25
POOL_PREFIX: Final = rf"(?!gcp(-|$))[a-z0-9]([a-z0-9-]{{0,{MAX_POOL_PREFIX - 2}}}[a-z0-9])?"
"""The first part of a pool id; a hyphen and a suffix follow."""
REPOSITORY_ID: Final = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
ADDRESSES: Final = "10.0.0.0/28"
"""Of the machine's subnetwork: the smallest range that leaves room to replace the machine."""
MAX_FLEET: Final = 1000
"""Machines of one managed instance group, and here of a whole fleet:
https://docs.cloud.google.com/compute/docs/instance-groups"""
RESERVED: Final = 4
"""Addresses of each subnetwork that Google keeps:
https://docs.cloud.google.com/vpc/docs/subnets#unusable-ip-addresses-in-every-subnet"""
FLEET_ADDRESSES: Final = "10.0.0.0/22"
"""Of the subnetwork of a fleet: room for 1,020 machines. It contains the range of one
machine, because a subnetwork can only grow:
https://docs.cloud.google.com/vpc/docs/create-modify-vpc-networks#expand-subnet"""
COMPUTE_NAME: Final = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
"""RFC 1035: https://docs.cloud.google.com/compute/docs/naming-resources"""
GROUP: Final = r"[a-z]([a-z0-9-]{0,34}[a-z0-9])?"
"""A group's name: it, a hyphen and the provider's 26 hexadecimal digits are a template's name.
https://www.pulumi.com/registry/packages/gcp/api-docs/compute/instancetemplate/#nameprefix_python"""
MAX_MACHINE_BASE: Final = 58
"""Characters of a group's machines before the hyphen and four random ones that Google adds."""
MESSAGES: Final = r"(?!goog)[a-z][a-z0-9-]{2,61}[a-z0-9]"
"""A topic's and a subscription's name: https://docs.cloud.google.com/pubsub/docs/pubsub-basics"""
SERVICE_ACCOUNT: Final = ACCOUNT_ID + r"@" + PROJECT_ID + r"\.iam\.gserviceaccount\.com"
AUDIENCE: Final = (
    r"//iam\.googleapis\.com/projects/"
    + PROJECT_NUMBER
    + r"/locations/global/workloadIdentityPools/"
    + POOL_ID
    + r"/providers/"
    + POOL_ID
)
"""A provider's full name, as `audience` writes it."""
LABEL_KEY: Final = r"[a-z][a-z0-9_-]{0,62}"
LABEL_VALUE: Final = r"[a-z0-9_-]{0,63}"
IMAGE_PATH: Final = r"(/[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*)+"
"""No part is `..`: the launcher would join the parts like a path, and end in another project.
https://github.com/distribution/reference/blob/main/reference.go"""
IMAGE_REFERENCE: Final = r"[a-z0-9.-]+(:[0-9]+)?" + IMAGE_PATH + "@" + DIGEST


def pool_prefix(text: str) -> str:
    """As much of a text as the first part of a pool id holds; the suffix makes the id unique."""
    return text[:MAX_POOL_PREFIX].rstrip("-")


def service_account(account_id: str, project: str) -> str:
    """The e-mail address of a service account."""
    return f"{account_id}@{project}.iam.gserviceaccount.com"


def service_account_path(account_id: str, project: str) -> str:
    """The full name of a service account, as IAM names it."""
    return f"projects/{project}/serviceAccounts/{service_account(account_id, project)}"


def model_path(sha256: str) -> str:
    """The name of a model's object: with its hash, so that no two models share a name."""
    return f"models/{sha256}/model.tar.gz"


def model_uri(bucket: str, sha256: str) -> str:
    """The URI of a model, in the form of the workload's variable."""
    return f"gs://{bucket}/{model_path(sha256)}"


def only_model(bucket: str, sha256: str) -> str:
    """The condition of a grant on a bucket that limits it to one model's object.

    https://docs.cloud.google.com/iam/docs/conditions-resource-attributes#resource-name
    """
    return f'resource.name.startsWith("projects/_/buckets/{bucket}/objects/{model_path(sha256)}")'


def bucket_location(location: str) -> str:
    """The location as Cloud Storage names it: it has another name for one multi-region.

    https://docs.cloud.google.com/storage/docs/locations
    """
    return "EU" if location == "europe" else location


def repository_path(region: str, project: str, repository: str) -> str:
    """The path of a repository of Artifact Registry for docker, without a scheme."""
    return f"{region}-docker.pkg.dev/{project}/{repository}"


def pool_suffix(pool: str) -> str | None:
    """The random part of a pool id, if it ends with one."""
    found = re.fullmatch(rf"{POOL_PREFIX}-(?P<suffix>[0-9a-f]{{{2 * SUFFIX_BYTES}}})", pool)
    return found["suffix"] if found else None


def network_path(name: str, project: str) -> str:
    """The path of a network below Compute Engine's API, which is its id in a state."""
    return f"projects/{project}/global/networks/{name}"


def subnetwork_path(name: str, region: str, project: str) -> str:
    """The path of a subnetwork below Compute Engine's API."""
    return f"projects/{project}/regions/{region}/subnetworks/{name}"


def topic_name(name: str, project: str) -> str:
    """The full name of a topic, which is also its id in a state."""
    return f"projects/{project}/topics/{name}"


def subscription_name(name: str, project: str) -> str:
    """The full name of a subscription, which is also its id in a state."""
    return f"projects/{project}/subscriptions/{name}"


PUBSUB: Final = "gcp-sa-pubsub"
STORAGE: Final = "gs-project-accounts"
"""Domains of the accounts as which Google itself handles the messages of a fleet."""


def service_agent(domain: str, project_number: str) -> str:
    """The account as which a service of Google acts in a project, as a member of a policy.

    https://docs.cloud.google.com/iam/docs/service-agents
    """
    return f"serviceAccount:service-{project_number}@{domain}.iam.gserviceaccount.com"


def repository_name(name: str, location: str, project: str) -> str:
    """The full name of a repository of Artifact Registry."""
    return f"projects/{project}/locations/{location}/repositories/{name}"


def pool_name(pool: str, project: str) -> str:
    """The name of a pool with its project's id, which is its id in a state."""
    return f"projects/{project}/locations/global/workloadIdentityPools/{pool}"


def bucket_of(uri: str) -> str:
    """The bucket of an object's gs://BUCKET/NAME."""
    return uri.removeprefix("gs://").partition("/")[0]


def audience(project_number: str, pool: str, provider: str) -> str:
    """The full name of a provider, which a workload gives to Google's token service.

    With the project's number, never its id: the token service accepts only the number.
    """
    return (
        f"//iam.googleapis.com/projects/{project_number}/locations/global"
        f"/workloadIdentityPools/{pool}/providers/{provider}"
    )


def attested(project_number: str, pool: str, attribute: str, value: str) -> str:
    """Every identity of a pool whose mapped attribute has one value, as a member of a policy."""
    return (
        f"principalSet://iam.googleapis.com/projects/{project_number}/locations/global"
        f"/workloadIdentityPools/{pool}/attribute.{attribute}/{value}"
    )


def service_accounts_of(project_number: str) -> str:
    """Every service account of one project, as a member: none of them needs to exist yet.

    https://docs.cloud.google.com/iam/docs/principal-identifiers
    """
    return (
        f"principalSet://cloudresourcemanager.googleapis.com/projects/{project_number}"
        "/type/ServiceAccount"
    )
