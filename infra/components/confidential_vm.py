"""The confidential virtual machine, which Google measures and Primus' condition checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_gcp as gcp

from infra.components.pinned_machine import DISK_GIB, PinnedMachine

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    zone: pulumi.Input[str]
    machine: PinnedMachine
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
        family = args.machine.family
        instance = gcp.compute.Instance(
            name,
            **args.machine.arguments(),
            name=args.instance,
            zone=args.zone,
            boot_disk={
                "initialize_params": {
                    "image": args.machine.image,
                    "size": DISK_GIB,
                    "type": family.disk,
                }
            },
            scheduling={"on_host_maintenance": family.maintenance},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=args.after,
                replace_on_changes=list(REPLACED_BY),
            ),
        )
        self.name = instance.name
        self.started_at = instance.creation_timestamp
        self.register_outputs({"name": self.name})
