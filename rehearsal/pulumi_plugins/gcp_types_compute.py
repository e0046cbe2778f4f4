"""The resource types of Compute Engine, as data; see `gcp_types`."""

from __future__ import annotations

from rehearsal.pulumi_plugins import gcp_conversions as convert
from rehearsal.pulumi_plugins import gcp_conversions_fleet as fleet
from rehearsal.pulumi_plugins.gcp_resource_type import (
    Collection,
    ResourceType,
    Rule,
    matches,
    one_of,
    paths,
    words,
)

COMPUTE = "https://compute.googleapis.com/compute/beta"
COMPUTE_NAME = matches(r"(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)", "name")
_OF_SPOT = words("scheduling.instanceTerminationAction")
"""Optional and not computed in the provider, as no other of the scheduling that Google fills in:
https://github.com/GoogleCloudPlatform/magic-modules/blob/main/mmv1/third_party/terraform/services/compute/resource_compute_instance_template.go.tmpl"""

NETWORK = ResourceType(
    "gcp:compute/network:Network",
    Collection(COMPUTE, "projects/{project}/global/networks", "name"),
    rest_paths=paths("name description autoCreateSubnetworks"),
    local_inputs=words("project"),
    outputs=paths("selfLink"),
    replaced_on=words("name project autoCreateSubnetworks description"),
    rules=(COMPUTE_NAME,),
)
SUBNETWORK = ResourceType(
    "gcp:compute/subnetwork:Subnetwork",
    Collection(COMPUTE, "projects/{project}/regions/{region}/subnetworks", "name"),
    rest_paths=paths("name network description ipCidrRange privateIpGoogleAccess"),
    local_inputs=words("project region"),
    outputs=paths("creationTimestamp gatewayAddress selfLink"),
    replaced_on=words("name network project region description ipCidrRange"),
    removal_ignored=words("region privateIpGoogleAccess"),
    rules=(COMPUTE_NAME,),
)
FIREWALL = ResourceType(
    "gcp:compute/firewall:Firewall",
    Collection(COMPUTE, "projects/{project}/global/firewalls", "name"),
    rest_paths=paths(
        "name network description direction disabled priority sourceRanges targetServiceAccounts",
        allows="allowed",
        denies="denied",
    ),
    local_inputs=words("project"),
    outputs=paths("creationTimestamp selfLink"),
    to_rest=dict.fromkeys(("allows", "denies"), convert.protocols("protocol", "IPProtocol")),
    from_rest=dict.fromkeys(("allows", "denies"), convert.protocols("IPProtocol", "protocol")),
    replaced_on=words("name project direction"),
    removal_ignored=words("direction sourceRanges"),
    defaults={"priority": 1000},
    rules=(COMPUTE_NAME, one_of("direction", "INGRESS", "EGRESS")),
    exactly_one=("allows", "denies"),
)
INSTANCE = ResourceType(
    "gcp:compute/instance:Instance",
    Collection(COMPUTE, "projects/{project}/zones/{zone}/instances", "name"),
    rest_paths=paths(
        "name description hostname machineType minCpuPlatform labels scheduling "
        "shieldedInstanceConfig confidentialInstanceConfig networkInterfaces",
        bootDisk="disks",
        metadata="metadata.items",
        serviceAccount="serviceAccounts",
    ),
    local_inputs=words("project zone bootDisk"),
    outputs=paths("cpuPlatform creationTimestamp selfLink", instanceId="id"),
    to_rest={
        "metadata": convert.items,
        "networkInterfaces": convert.interfaces_to_rest,
        "serviceAccount": convert.account,
    },
    from_rest={
        "metadata": convert.mapping,
        "networkInterfaces": convert.interfaces,
        "serviceAccount": lambda accounts: accounts[0],
        "machineType": convert.last,
    },
    replaced_on=words(
        "name zone project hostname scheduling.provisioningModel "
        "bootDisk.initializeParams.image bootDisk.initializeParams.type"
    ),
    removal_seen=_OF_SPOT,
    # Danger: if the program drops the confidential block, that is not even a difference.
    removal_ignored=words(
        "zone minCpuPlatform shieldedInstanceConfig scheduling confidentialInstanceConfig "
        "networkInterfaces.network networkInterfaces.subnetwork networkInterfaces.subnetworkProject"
    ),
    rules=(
        COMPUTE_NAME,
        Rule("bootDisk.initializeParams.size", lambda size: size >= 1, "must be at least (1)"),
        Rule("confidentialInstanceConfig", bool, "needs at least one argument"),
    ),
)
MAX_PREFIX = 54
TEMPLATE = ResourceType(
    "gcp:compute/instanceTemplate:InstanceTemplate",
    Collection(COMPUTE, "projects/{project}/global/instanceTemplates"),
    rest_paths=paths(
        "description",
        instanceDescription="properties.description",
        machineType="properties.machineType",
        minCpuPlatform="properties.minCpuPlatform",
        labels="properties.labels",
        scheduling="properties.scheduling",
        shieldedInstanceConfig="properties.shieldedInstanceConfig",
        confidentialInstanceConfig="properties.confidentialInstanceConfig",
        networkInterfaces="properties.networkInterfaces",
        disks="properties.disks",
        metadata="properties.metadata.items",
        serviceAccount="properties.serviceAccounts",
    ),
    local_inputs=words("project region namePrefix"),
    outputs=paths("name selfLink", selfLinkUnique="selfLink"),
    to_rest={
        "disks": fleet.disks_to_rest,
        "metadata": convert.items,
        "networkInterfaces": convert.interfaces_to_rest,
        "serviceAccount": convert.account,
    },
    from_rest={
        "disks": fleet.disks_from_rest,
        "metadata": convert.mapping,
        "networkInterfaces": convert.interfaces,
        "serviceAccount": lambda accounts: accounts[0],
    },
    replaced_on=words(
        "project region namePrefix description instanceDescription machineType minCpuPlatform "
        "labels scheduling shieldedInstanceConfig confidentialInstanceConfig networkInterfaces "
        "disks metadata serviceAccount"
    ),
    removal_seen=_OF_SPOT,
    # Danger, as with a machine: if the program drops the confidential block, it is no difference.
    removal_ignored=words(
        "region scheduling shieldedInstanceConfig confidentialInstanceConfig "
        "networkInterfaces.network networkInterfaces.subnetwork "
        "networkInterfaces.subnetworkProject disks.autoDelete disks.boot disks.diskSizeGb "
        "disks.diskType disks.interface disks.mode disks.sourceImage disks.type"
    ),
    delete_first=False,
    rules=(
        Rule(
            "namePrefix",
            lambda prefix: len(prefix) <= MAX_PREFIX,
            f"cannot be longer than {MAX_PREFIX} characters, name is limited to 63",
        ),
        Rule("confidentialInstanceConfig", bool, "needs at least one argument"),
    ),
    exactly_one=("namePrefix",),
)
GROUP = ResourceType(
    "gcp:compute/instanceGroupManager:InstanceGroupManager",
    Collection(COMPUTE, "projects/{project}/zones/{zone}/instanceGroupManagers", "name"),
    rest_paths=paths(
        "name description baseInstanceName versions updatePolicy listManagedInstancesResults"
    ),
    local_inputs=words("project zone waitForInstances waitForInstancesStatus"),
    outputs=paths("fingerprint instanceGroup selfLink targetSize"),
    to_rest={"updatePolicy": fleet.update_policy_to_rest, "versions": fleet.versions_to_rest},
    from_rest={
        "updatePolicy": fleet.update_policy_from_rest,
        "versions": fleet.versions_from_rest,
    },
    replaced_on=words("name zone project baseInstanceName"),
    removal_ignored=words("zone updatePolicy"),
    defaults={
        "listManagedInstancesResults": "PAGELESS",
        "waitForInstances": False,
        "waitForInstancesStatus": "STABLE",
    },
    rules=(
        one_of("listManagedInstancesResults", "PAGELESS", "PAGINATED"),
        one_of("updatePolicy.type", "OPPORTUNISTIC", "PROACTIVE"),
        one_of("updatePolicy.minimalAction", "REFRESH", "RESTART", "REPLACE"),
        one_of("updatePolicy.replacementMethod", "RECREATE", "SUBSTITUTE", ""),
    ),
)
AUTOSCALER = ResourceType(
    "gcp:compute/autoscaler:Autoscaler",
    Collection(COMPUTE, "projects/{project}/zones/{zone}/autoscalers", "name"),
    rest_paths=paths("name description target autoscalingPolicy"),
    local_inputs=words("project zone"),
    outputs=paths("creationTimestamp selfLink"),
    to_rest={"autoscalingPolicy": fleet.autoscaling_to_rest},
    from_rest={"autoscalingPolicy": fleet.autoscaling_from_rest},
    replaced_on=words("name zone project"),
    removal_ignored=words("zone"),
    rules=(COMPUTE_NAME,),
)
