"""The stand-in for `pulumi-resource-gcp`: `python -m sandbox.plugins.gcp`, started by the engine.

For machines that cannot download the genuine plugin, and only for the resource types that the
local cloud has. It makes the genuine one's requests: either can be used with the local cloud.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

from sandbox.plugins import gcp_types as types
from sandbox.plugins.gcp_api import Api
from sandbox.plugins.gcp_collection import COMPUTE, Account, Collection, Network, Path, Repository
from sandbox.plugins.gcp_instance import Instance
from sandbox.plugins.gcp_members import AccountMember, BucketMember, ProjectMember, RepositoryMember
from sandbox.plugins.gcp_resource import ATTRIBUTION
from sandbox.plugins.gcp_service import Service
from sandbox.plugins.gcp_storage import Bucket, BucketObject
from sandbox.plugins.install import version
from sandbox.plugins.provider import Provider, Resource, serve

if TYPE_CHECKING:
    from sandbox.plugins.provider import Json

IAM = "https://iam.googleapis.com/v1"
ARTIFACTS = "https://artifactregistry.googleapis.com/v1"
POOLS = "projects/{project}/locations/global/workloadIdentityPools"
PROJECT = ("GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")
"""Where the genuine plugin looks when the program configures no project."""


class Gcp(Provider):
    """The package."""

    def __init__(self) -> None:
        self.api = Api()
        super().__init__(version("gcp"), resources(self.api))

    def configure(self, config: Json) -> None:
        """Take project, region and zone, and who asks."""
        ambient = next((os.environ[name] for name in PROJECT if os.environ.get(name)), "")
        self.api.project = config.get("project") or ambient
        self.api.zone = config.get("zone", "")
        self.api.region = config.get("region") or self.api.zone.rpartition("-")[0]
        labelled = config.get("addPulumiAttributionLabel", True) not in {False, "false"}
        self.api.attribution = ATTRIBUTION if labelled else {}
        self.api.sign_in()


def resources(api: Api) -> dict[str, Resource]:
    """Every resource type that there is, by its token."""
    own = "workloadIdentityPoolProviderId"
    found = (
        Bucket(api, "gcp:storage/bucket:Bucket", types.BUCKET),
        BucketObject(api, "gcp:storage/bucketObject:BucketObject", types.OBJECT),
        BucketMember(api, "gcp:storage/bucketIAMMember:BucketIAMMember", types.BUCKET_MEMBER),
        Account(
            api,
            "gcp:serviceaccount/account:Account",
            types.ACCOUNT,
            Path(IAM, "projects/{project}/serviceAccounts", "accountId"),
        ),
        AccountMember(api, "gcp:serviceaccount/iAMMember:IAMMember", types.ACCOUNT_MEMBER),
        Collection(
            api,
            "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
            types.POOL,
            Path(IAM, POOLS, "workloadIdentityPoolId", "workloadIdentityPoolId"),
        ),
        Collection(
            api,
            "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
            types.POOL_PROVIDER,
            Path(IAM, f"{POOLS}/{{workloadIdentityPoolId}}/providers", own, own),
        ),
        Repository(
            api,
            "gcp:artifactregistry/repository:Repository",
            types.REPOSITORY,
            Path(
                ARTIFACTS,
                "projects/{project}/locations/{location}/repositories",
                "repositoryId",
                "repository_id",
            ),
        ),
        RepositoryMember(
            api,
            "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
            types.REPOSITORY_MEMBER,
        ),
        ProjectMember(api, "gcp:projects/iAMMember:IAMMember", types.PROJECT_MEMBER),
        Service(api, "gcp:projects/service:Service", types.SERVICE),
        Network(
            api,
            "gcp:compute/network:Network",
            types.NETWORK,
            Path(COMPUTE, "projects/{project}/global/networks", "name"),
        ),
        Network(
            api,
            "gcp:compute/subnetwork:Subnetwork",
            types.SUBNETWORK,
            Path(COMPUTE, "projects/{project}/regions/{region}/subnetworks", "name"),
        ),
        Network(
            api,
            "gcp:compute/firewall:Firewall",
            types.FIREWALL,
            Path(COMPUTE, "projects/{project}/global/firewalls", "name"),
        ),
        Instance(
            api,
            "gcp:compute/instance:Instance",
            types.INSTANCE,
            Path(COMPUTE, "projects/{project}/zones/{zone}/instances", "name"),
        ),
    )
    return {resource.token: resource for resource in found}


def main() -> NoReturn:
    """Serve the engine that started this process."""
    serve(Gcp())


if __name__ == "__main__":
    main()
