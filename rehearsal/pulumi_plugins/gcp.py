"""The stand-in for `pulumi-resource-gcp`: the engine starts this module.

For machines that cannot download the genuine plugin, and only for the resource types that the
local cloud has. It sends the same requests as the genuine one (`genuine_gcp`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.pulumi_plugins import gcp_types as types
from rehearsal.pulumi_plugins import gcp_types_compute as compute
from rehearsal.pulumi_plugins import gcp_types_grants as grants
from rehearsal.pulumi_plugins import gcp_types_pubsub as pubsub
from rehearsal.pulumi_plugins.gcp_api import Api
from rehearsal.pulumi_plugins.gcp_custom_methods import Account, Instance, Subnetwork
from rehearsal.pulumi_plugins.gcp_functions import functions
from rehearsal.pulumi_plugins.gcp_grants import Grant
from rehearsal.pulumi_plugins.gcp_groups import Autoscaler, InstanceGroupManager, InstanceTemplate
from rehearsal.pulumi_plugins.gcp_pubsub import PubSubResource
from rehearsal.pulumi_plugins.gcp_resource import GcpResource
from rehearsal.pulumi_plugins.gcp_services import Service, ServiceIdentity
from rehearsal.pulumi_plugins.gcp_storage import Bucket, BucketObject, Notification
from rehearsal.pulumi_plugins.grpc_server import serve
from rehearsal.pulumi_plugins.install import version
from rehearsal.pulumi_plugins.provider import Provider, Resource

if TYPE_CHECKING:
    from rehearsal.pulumi_plugins.provider import Json

TYPES = (
    (Bucket, types.BUCKET),
    (BucketObject, types.OBJECT),
    (Grant, grants.BUCKET_MEMBER),
    (Notification, types.NOTIFICATION),
    (Account, types.ACCOUNT),
    (Grant, grants.ACCOUNT_MEMBER),
    (GcpResource, types.POOL),
    (GcpResource, types.POOL_PROVIDER),
    (GcpResource, types.REPOSITORY),
    (Grant, grants.REPOSITORY_MEMBER),
    (Grant, grants.PROJECT_MEMBER),
    (Service, types.SERVICE),
    (ServiceIdentity, types.SERVICE_IDENTITY),
    (GcpResource, compute.NETWORK),
    (Subnetwork, compute.SUBNETWORK),
    (GcpResource, compute.FIREWALL),
    (Instance, compute.INSTANCE),
    (InstanceTemplate, compute.TEMPLATE),
    (InstanceGroupManager, compute.GROUP),
    (Autoscaler, compute.AUTOSCALER),
    (PubSubResource, pubsub.TOPIC),
    (Grant, grants.TOPIC_MEMBER),
    (PubSubResource, pubsub.SUBSCRIPTION),
    (Grant, grants.SUBSCRIPTION_MEMBER),
)
"""Every resource type: the class that handles it, and its description."""


class Gcp(Provider):
    """The gcp package."""

    def __init__(self) -> None:
        self.api = Api()
        super().__init__(version("gcp"), resources(self.api), functions(self.api))

    def configure(self, config: Json) -> None:
        """Set project, region and zone, and read the access token."""
        self.api.project = config.get("project", "")
        self.api.zone = config.get("zone", "")
        self.api.region = config.get("region") or self.api.zone.rpartition("-")[0]
        self.api.sign_in()


def resources(api: Api) -> dict[str, Resource]:
    """Every resource type by its token."""
    return {each.token: resource(api, each) for resource, each in TYPES}


if __name__ == "__main__":
    serve(Gcp())
