"""The confidential virtual machine, which Google measures and Primus' condition checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_gcp as gcp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.config.machine_types import Family

DISK_GIB: Final = 20
"""The boot image takes 12; the rest is for the workload and the model, encrypted."""

REPLACED_BY: Final = (
    "confidentialInstanceConfig",
    "machineType",
    "metadata",
    "minCpuPlatform",
    "networkInterfaces",
    "serviceAccount",
)
"""A change of these properties replaces the machine. The provider would update metadata in place,
and the machine would go on with the old image; it would ignore a new confidential type; a change of
the others would fail in the middle of an update."""


@dataclass(frozen=True, kw_only=True)
class ConfidentialMachineArgs:
    """One machine, and what it launches."""

    instance: pulumi.Input[str]
    project: pulumi.Input[str]
    zone: pulumi.Input[str]
    labels: Mapping[str, pulumi.Input[str]]
    family: Family
    machine_type: pulumi.Input[str]
    image: pulumi.Input[str]
    """the full name of a Confidential Space image"""
    subnetwork: pulumi.Input[str]
    service_account: pulumi.Input[str]
    metadata: pulumi.Input[Mapping[str, str]]
    after: Sequence[pulumi.Input[pulumi.Resource]]
    """resources that must exist before the machine boots, because the launcher waits for none"""


class ConfidentialMachine(pulumi.ComponentResource):
    """A machine that runs one workload once, in memory that its owner cannot read."""

    name: pulumi.Output[str]
    started_at: pulumi.Output[str]
    """RFC 3339; everything that the workload writes is newer"""

    def __init__(
        self, name: str, args: ConfidentialMachineArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("confidential-inference:infra:ConfidentialMachine", name, {}, opts)
        instance = gcp.compute.Instance(
            name,
            name=args.instance,
            project=args.project,
            zone=args.zone,
            labels=dict(args.labels),
            machine_type=args.machine_type,
            min_cpu_platform=args.family.min_cpu_platform,
            boot_disk={
                "initialize_params": {
                    "image": args.image,
                    "size": DISK_GIB,
                    "type": args.family.disk,
                }
            },
            network_interfaces=[
                {
                    "subnetwork": args.subnetwork,
                    # The link contains it. But if creation fails after the insert, the provider
                    # has not read it, treats it as empty and refuses every later preview:
                    # "project … in subnetwork's self_link … must match subnetwork_project".
                    # https://github.com/hashicorp/terraform-provider-google/pull/19348
                    "subnetwork_project": args.project,
                }  # and no access config: no external address
            ],
            confidential_instance_config={
                "confidential_instance_type": args.family.confidential_type
            },
            # The release condition asks for secure boot; the measurements come from the vTPM.
            shielded_instance_config={
                "enable_secure_boot": True,
                "enable_vtpm": True,
                "enable_integrity_monitoring": True,
            },
            scheduling={"on_host_maintenance": args.family.maintenance},
            service_account={
                "email": args.service_account,
                # The account's grants are the limit, not a second and coarser list of scopes.
                "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
            },
            metadata=args.metadata,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=args.after,
                replace_on_changes=list(REPLACED_BY),
            ),
        )
        self.name = instance.name
        self.started_at = instance.creation_timestamp
        self.register_outputs({"name": self.name})
