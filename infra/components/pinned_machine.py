"""What pins a confidential machine: the same arguments for one machine and for a fleet's template.

Google measures and attests what they say, and the release condition asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pulumi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.config.machine_types import Family

DISK_GIB: Final = 20
"""The boot image takes 12; the rest is for the workload and the model, encrypted."""


@dataclass(frozen=True, kw_only=True)
class PinnedMachine:
    """What a machine is, and what it launches."""

    project: pulumi.Input[str]
    labels: Mapping[str, pulumi.Input[str]]
    family: Family
    machine_type: pulumi.Input[str]
    image: pulumi.Input[str]
    """the full name of a Confidential Space image"""
    subnetwork: pulumi.Input[str]
    service_account: pulumi.Input[str]
    metadata: pulumi.Input[Mapping[str, str]]

    def depends_on(self) -> pulumi.Output[list[Any]]:
        """An output that depends on every resource on which the machine depends."""
        return pulumi.Output.all(self.subnetwork, self.service_account, self.metadata)

    def arguments(self) -> dict[str, Any]:
        """All arguments that `gcp.compute.Instance` and `InstanceTemplate` have in common."""
        return {
            "project": self.project,
            "labels": dict(self.labels),
            "machine_type": self.machine_type,
            "min_cpu_platform": self.family.min_cpu_platform,
            "network_interfaces": [
                {
                    "subnetwork": self.subnetwork,
                    # The link contains it. But if creation fails after the insert, the provider
                    # has not read it, treats it as empty and refuses every later preview:
                    # "project … in subnetwork's self_link … must match subnetwork_project".
                    # https://github.com/hashicorp/terraform-provider-google/pull/19348
                    "subnetwork_project": self.project,
                }  # and no access config: no external address
            ],
            "confidential_instance_config": {
                "confidential_instance_type": self.family.confidential_type
            },
            # The release condition asks for secure boot; the measurements come from the vTPM.
            "shielded_instance_config": {
                "enable_secure_boot": True,
                "enable_vtpm": True,
                "enable_integrity_monitoring": True,
            },
            "service_account": {
                "email": self.service_account,
                # The account's grants are the limit, not a second and coarser list of scopes.
                "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
            },
            "metadata": self.metadata,
        }
