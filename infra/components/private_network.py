"""A network with access to Google's APIs and without ingress.

Egress is not restricted: a machine without an external address reaches Google's APIs only, but
those of every project. A restriction needs private DNS zones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_gcp as gcp

ADDRESSES: Final = "10.0.0.0/28"
"""The smallest range that leaves room to replace the machine."""


@dataclass(frozen=True, kw_only=True)
class PrivateNetworkArgs:
    """Names and region of the network's resources."""

    project: pulumi.Input[str]
    region: pulumi.Input[str]
    network: pulumi.Input[str]
    subnetwork: pulumi.Input[str]
    firewall: pulumi.Input[str]


class PrivateNetwork(pulumi.ComponentResource):
    """A network of its own: the default network has rules that allow ingress."""

    subnetwork: pulumi.Output[str]
    """the subnetwork's self link"""

    def __init__(
        self, name: str, args: PrivateNetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("confidential-inference:infra:PrivateNetwork", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        network = gcp.compute.Network(
            name,
            name=args.network,
            project=args.project,
            auto_create_subnetworks=False,
            opts=child,
        )
        subnetwork = gcp.compute.Subnetwork(
            name,
            name=args.subnetwork,
            project=args.project,
            region=args.region,
            network=network.id,
            ip_cidr_range=ADDRESSES,
            # Without it a machine that has no external address cannot pull its image, and hangs.
            private_ip_google_access=True,
            opts=child,
        )
        gcp.compute.Firewall(
            name,
            name=args.firewall,
            project=args.project,
            network=network.id,
            direction="INGRESS",
            # Before any rule that somebody may add later: the implied denial comes after them.
            priority=0,
            denies=[{"protocol": "all"}],
            source_ranges=["0.0.0.0/0"],
            opts=child,
        )
        self.subnetwork = subnetwork.self_link
        self.register_outputs({"subnetwork": self.subnetwork})
