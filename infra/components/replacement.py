"""How a resource that cannot be changed in place is replaced: deleted first, then created anew.

Names are fixed here, so a resource and its replacement have one and the same id. When an update
fails after the old one is deleted, and the configuration is then changed back, the engine creates
the old one again and, unless told to delete first, ends by deleting "the one that was replaced":
the very one that it has just created. So a grant was lost that the state still had; buckets,
accounts and objects would go the same way. https://www.pulumi.com/docs/iac/concepts/options/deletebeforereplace/
"""

from __future__ import annotations

from typing import Final

import pulumi

CREATED_FIRST: Final = (
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
)
"""Their ids stay reserved after deletion, so each replacement has another one: it can be
created before the old one is deleted, and no two of them ever have one id."""


def deleted_first(
    args: pulumi.ResourceTransformationArgs,
) -> pulumi.ResourceTransformationResult | None:
    """Make a Google resource be deleted before its replacement; a company hands it to its children.

    The provider asks for this only where it sees a change that replaces, and a change that was
    taken back is none.
    """
    if not args.type_.startswith("gcp:") or args.type_ in CREATED_FIRST:
        return None
    first = pulumi.ResourceOptions(delete_before_replace=True)
    return pulumi.ResourceTransformationResult(
        props=args.props, opts=pulumi.ResourceOptions.merge(args.opts, first)
    )
