"""A network with access to Google's APIs, in which the machine gets no ingress.

Egress is not restricted: a machine without an external address reaches Google's APIs only, but
those of every project. A restriction needs private DNS zones.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from infra import naming
from infra.components.origin import CREATED, Origin


@dataclass(frozen=True, kw_only=True)
class PrivateNetworkArgs:
    """Names and region of the network's resources."""

    project: pulumi.Input[str]
    region: pulumi.Input[str]
    network: pulumi.Input[str]
    subnetwork: pulumi.Input[str]
    firewall: pulumi.Input[str]
    addresses: str = naming.ADDRESSES
    """the range of the subnetwork that the stack creates"""
    account: pulumi.Input[str]
    """the e-mail address of the account that the machine runs as"""
    network_origin: Origin = CREATED
    subnetwork_origin: Origin = CREATED


class PrivateNetwork(pulumi.ComponentResource):
    """A network of its own: the default network has rules that allow ingress."""

    subnetwork: pulumi.Output[str]
    """the subnetwork's self link"""

    def __init__(
        self, name: str, args: PrivateNetworkArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("confidential-inference:infra:PrivateNetwork", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        network = _network(name, args, child)
        # The engine gives no preview the id of what is read.
        within = args.network_origin.read or network.id
        subnetwork = _subnetwork(name, args, within, child)
        gcp.compute.Firewall(
            name,
            name=args.firewall,
            project=args.project,
            network=within,
            direction="INGRESS",
            # Before any rule that somebody may add later: the implied denial comes after them.
            priority=0,
            denies=[{"protocol": "all"}],
            source_ranges=["0.0.0.0/0"],
            # In a network of others the rule must not cut off their machines.
            target_service_accounts=[args.account] if args.network_origin.read else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                # The plugin does not send that a list has become empty.
                replace_on_changes=["targetServiceAccounts"],
            ),
        )
        self.subnetwork = subnetwork.self_link
        self.register_outputs({"subnetwork": self.subnetwork})


def _network(
    name: str, args: PrivateNetworkArgs, opts: pulumi.ResourceOptions
) -> gcp.compute.Network:
    if args.network_origin.read:
        return gcp.compute.Network.get(name, args.network_origin.read, opts)
    return gcp.compute.Network(
        name,
        name=args.network,
        project=args.project,
        auto_create_subnetworks=False,
        opts=args.network_origin.importing(opts),
    )


def _subnetwork(
    name: str,
    args: PrivateNetworkArgs,
    network: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> gcp.compute.Subnetwork:
    if args.subnetwork_origin.read:
        return gcp.compute.Subnetwork.get(name, args.subnetwork_origin.read, opts)
    return gcp.compute.Subnetwork(
        name,
        name=args.subnetwork,
        project=args.project,
        region=args.region,
        network=network,
        ip_cidr_range=args.addresses,
        # Without it a machine that has no external address cannot pull its image, and hangs.
        private_ip_google_access=True,
        opts=pulumi.ResourceOptions.merge(
            args.subnetwork_origin.importing(opts), _only_grows(args)
        ),
    )


def _only_grows(args: PrivateNetworkArgs) -> pulumi.ResourceOptions:
    """A larger range is given in place; without a fleet any more, the subnetwork keeps it.

    Google shrinks none, so the plugin would replace it, below machines that still use it.
    """
    keeps = args.addresses == naming.ADDRESSES
    return pulumi.ResourceOptions(ignore_changes=["ipCidrRange"] if keeps else [])
