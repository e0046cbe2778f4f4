"""Many confidential machines that share the work: one template, and a group in each zone.

The work comes as messages of one subscription. An autoscaler in each zone follows the number of
unfinished messages, down to no machine at all:
https://docs.cloud.google.com/compute/docs/autoscaler/scaling-cloud-monitoring-metrics
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_gcp as gcp

from infra.components import grant_wait
from infra.components.pinned_machine import DISK_GIB, PinnedMachine
from infra.components.work_queue import WorkQueue, WorkQueueArgs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.fleet_settings import Fleet as FleetSettings

BACKLOG: Final = "pubsub.googleapis.com/subscription/num_undelivered_messages"
"""Messages that nobody has acknowledged, also those that a worker has in hand:
https://docs.cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-pubsub"""

BOOT_SECONDS: Final = 180
"""From the insertion of a machine to its first message, about."""

_SPOT: Final[gcp.compute.InstanceTemplateSchedulingArgsDict] = {
    "provisioning_model": "SPOT",
    "preemptible": True,
    # Both are conditions of Google: https://docs.cloud.google.com/compute/docs/instances/create-use-spot
    "automatic_restart": False,
    "on_host_maintenance": "TERMINATE",
    # What Google fills in. Without it, the provider would find it in the template at each update
    # and not in the program, and replace all machines. Google refuses it for standard machines.
    # https://github.com/GoogleCloudPlatform/cloud-foundation-fabric/pull/778
    "instance_termination_action": "STOP",
}
"""Google's documentation of Confidential Space names no restriction of Spot, and others run it so:
https://github.com/project-oak/oak/blob/main/mcp/gemma/terraform/main.tf"""


@dataclass(frozen=True, kw_only=True)
class FleetArgs:
    """The size of a fleet, what its machines are, and the queue that they work on."""

    settings: FleetSettings
    machine: PinnedMachine
    base_instance: str
    """how the name of each machine begins"""
    group: str
    """the name of the group and the autoscaler in each zone; a template's name begins with it"""
    region: str
    queue: WorkQueueArgs
    after: Sequence[pulumi.Input[pulumi.Resource]]
    """resources that must exist before a machine boots, because the launcher waits for none"""


class Fleet(pulumi.ComponentResource):
    """A queue, and machines that run one workload each, in memory that their owner cannot read."""

    queue: WorkQueue

    def __init__(
        self, name: str, args: FleetArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        inputs = {
            "mostMachines": args.settings.most_machines,
            "leastMachines": args.settings.least_machines,
            "provisioning": args.settings.provisioning,
            # A review of a preview tells these people, and Google's own accounts, from strangers.
            "projectNumber": args.queue.project_number,
            "submitters": sorted(args.settings.submitters) or None,
        }
        super().__init__("confidential-inference:infra:Fleet", name, inputs, opts)
        self.queue = WorkQueue(f"{name}-queue", args.queue, pulumi.ResourceOptions(parent=self))
        after: list[pulumi.Input[pulumi.Resource]] = [*args.after, *self.queue.grants]
        seconds = args.queue.grant_wait
        if seconds:
            granted = f"{name}-granted-{args.queue.topic}"
            child = pulumi.ResourceOptions(parent=self)
            after.append(grant_wait.known(granted, self.queue.grants, seconds, child))
        template = self._template(name, args)
        for zone, (least, most) in args.settings.sizes().items():
            # By the zone's letter, so that a move to another region replaces what is there.
            letter = zone.rpartition("-")[2]
            group = self._group(f"{name}-{letter}", zone, most, template, args, after)
            self._autoscaler(f"{name}-{letter}", group, least, most, args)
        self.register_outputs({})

    def _template(self, name: str, args: FleetArgs) -> gcp.compute.InstanceTemplate:
        """What each machine is. Nothing of it can be changed, so a change is another template."""
        family = args.machine.family
        scheduling: gcp.compute.InstanceTemplateSchedulingArgsDict = {
            "on_host_maintenance": family.maintenance
        }
        return gcp.compute.InstanceTemplate(
            name,
            **args.machine.arguments(),
            name_prefix=f"{args.group}-",
            region=args.region,
            disks=[
                {
                    "boot": True,
                    "auto_delete": True,
                    "source_image": args.machine.image,
                    "disk_size_gb": DISK_GIB,
                    "disk_type": family.disk,
                    # Otherwise the provider says SCSI, and confidential machines need NVMe:
                    # https://docs.cloud.google.com/confidential-computing/confidential-vm/docs/supported-configurations
                    "interface": "NVME",
                }
            ],
            scheduling=_SPOT if args.settings.provisioning == "spot" else scheduling,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _group(
        self,
        name: str,
        zone: str,
        most: int,
        template: gcp.compute.InstanceTemplate,
        args: FleetArgs,
        after: Sequence[pulumi.Input[pulumi.Resource]],
    ) -> gcp.compute.InstanceGroupManager:
        """The machines of one zone; Google makes anew what ended or was preempted."""
        return gcp.compute.InstanceGroupManager(
            name,
            name=args.group,
            project=args.machine.project,
            # Where the engine deletes the template before something that it depends on, as in a
            # move to another region, it deletes the groups before the template: each property that
            # cannot be changed counts. Google deletes no template that a group still uses.
            zone=args.machine.depends_on().apply(lambda _: zone),
            base_instance_name=args.base_instance,
            versions=[{"instance_template": template.id}],
            # No target_size: the autoscaler has it.
            update_policy={
                "type": "PROACTIVE",
                "minimal_action": "REPLACE",
                # All at once, and none beside the old ones: an old machine runs another image, and
                # refuses the slices of new jobs. A new name for each, so that logs are of one.
                # https://docs.cloud.google.com/compute/docs/instance-groups/rolling-out-updates-to-managed-instance-groups
                "replacement_method": "SUBSTITUTE",
                "max_surge_fixed": 0,
                "max_unavailable_fixed": most,
            },
            # An update would wait for the end of boots, and of preempted machines for ever.
            wait_for_instances=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def _autoscaler(
        self,
        name: str,
        group: gcp.compute.InstanceGroupManager,
        least: int,
        most: int,
        args: FleetArgs,
    ) -> None:
        gcp.compute.Autoscaler(
            name,
            name=args.group,
            project=args.machine.project,
            # The group's, so that it is deleted before the group: Google demands that order.
            zone=group.zone,
            target=group.id,
            autoscaling_policy={
                "min_replicas": least,
                "max_replicas": most,
                "cooldown_period": BOOT_SECONDS,
                "metrics": [
                    {
                        "name": BACKLOG,
                        "filter": "resource.type = pubsub_subscription AND"
                        f' resource.label.subscription_id = "{args.queue.topic}"',
                        "single_instance_assignment": args.settings.assignment,
                    }
                ],
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
