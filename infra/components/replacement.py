"""How a resource that cannot be changed in place is replaced: deleted first, then created anew.

Names are fixed here, so a resource and its replacement have the same id. If an update fails after
the old resource is deleted, and the configuration is then changed back, the engine creates it
again. Without delete-before-replace it then deletes "the replaced resource", which is the one that
it has just created: a grant was lost that the state still had. Buckets, accounts and objects would
be, too. https://www.pulumi.com/docs/iac/concepts/options/deletebeforereplace/
"""

from __future__ import annotations

from typing import Final

import pulumi

CREATED_FIRST: Final = (
    "gcp:compute/instanceTemplate:InstanceTemplate",
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
)
"""Each replacement has another id, and can be created before the old one is deleted. Google
reserves the ids of deleted pools and providers, and deletes no template that a group still uses."""


def deleted_first(
    args: pulumi.ResourceTransformationArgs,
) -> pulumi.ResourceTransformationResult | None:
    """Delete a Google resource before its replacement; each child of a company inherits this.

    The provider asks for it only where it sees a replacing change, and not where that change was
    reversed.
    """
    if not args.type_.startswith("gcp:") or args.type_ in CREATED_FIRST:
        return None
    first = pulumi.ResourceOptions(delete_before_replace=True)
    return pulumi.ResourceTransformationResult(
        props=args.props, opts=pulumi.ResourceOptions.merge(args.opts, first)
    )
