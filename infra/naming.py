"""Identifiers of Google Cloud that follow from other identifiers: pure text, nothing is looked up.

It owns the spelling and the limits. Which name a resource bears is decided in settings.
"""

from __future__ import annotations

from typing import Final

POOL: Final = "primus-wip"
PROVIDER: Final = "primus-wip-provider"
"""What pool (before its suffix) and provider are called unless somebody names them."""

SUFFIX_BYTES: Final = 3
"""Length of the random part of a pool id. Ids of deleted pools stay reserved for 30 days:
https://docs.cloud.google.com/iam/docs/manage-workload-identity-pools-providers#delete-pool"""

DIGEST: Final = r"sha256:[0-9a-f]{64}"
"""The digest of a container image, as a regular expression."""

SHA256: Final = r"[0-9a-f]{64}"

# Each limit is Google's, each pattern a little stricter than Google's where that costs nothing.
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
POOL_PREFIX: Final = r"(?!gcp(-|$))[a-z0-9]([a-z0-9-]{0,23}[a-z0-9])?"
"""What a suffix follows, and a pool id is the two with a hyphen between."""
REPOSITORY_ID: Final = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
COMPUTE_NAME: Final = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
"""RFC 1035: https://docs.cloud.google.com/compute/docs/naming-resources"""
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


def service_account(account_id: str, project: str) -> str:
    """The e-mail address of a service account."""
    return f"{account_id}@{project}.iam.gserviceaccount.com"


def model_path(sha256: str) -> str:
    """Where in its bucket a model lies: named by its hash, so that two never share a place."""
    return f"models/{sha256}/model.tar.gz"


def model_uri(bucket: str, sha256: str) -> str:
    """Where a model lies, as a workload is told it."""
    return f"gs://{bucket}/{model_path(sha256)}"


def bucket_location(location: str) -> str:
    """The same place as Cloud Storage calls it, which has another name for one multi-region.

    https://docs.cloud.google.com/storage/docs/locations
    """
    return "EU" if location == "europe" else location


def repository_path(region: str, project: str, repository: str) -> str:
    """Where docker finds a repository of Artifact Registry, without a scheme."""
    return f"{region}-docker.pkg.dev/{project}/{repository}"


def audience(project_number: str, pool: str, provider: str) -> str:
    """What a federated workload names when it asks Google's token service for credentials.

    By project number, never by id: the token service knows a provider only under its number.
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
