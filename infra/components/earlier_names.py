"""Aliases for the names that resources had in earlier versions of this program.

Without its alias an update would replace a deployed resource: for the pool's suffix that means
another audience. Only the composition root asks for aliases, for the two companies that earlier
versions deployed; another use of a component has no earlier name, and would claim theirs.
"""

from __future__ import annotations

from typing import Final

import pulumi

_ADDED: Final = (
    ("Stash", "primus-attestation-"),
    ("IAMMember", "primus-attestation-"),
    ("BucketIAMMember", "secundus-input-"),
    ("BucketIAMMember", "secundus-result-"),
    ("BucketObject", "secundus-input-"),
    ("", "primus-"),
    ("", "secundus-"),
)
"""Kinds of resources, and the beginning that their names did not have. The first match counts.
https://www.pulumi.com/docs/iac/concepts/options/aliases/"""


def earlier_name(kind: str, name: str) -> str | None:
    """The earlier name of a resource of a kind, such as Bucket; None if it has none."""
    for matching, added in _ADDED:
        if matching in ("", kind) and name.startswith(added):
            return name.removeprefix(added)
    return None


def aliased(
    args: pulumi.ResourceTransformationArgs,
) -> pulumi.ResourceTransformationResult:
    """Give a resource the alias of its earlier name; each child of a company inherits this."""
    kind = args.type_.rpartition(":")[2]
    # A name that changed since has an alias of its own, and that may have changed before.
    renamed = [alias.name for alias in args.opts.aliases or () if isinstance(alias, pulumi.Alias)]
    earlier = [earlier_name(kind, name) for name in (args.name, *renamed) if isinstance(name, str)]
    aliases = pulumi.ResourceOptions(aliases=[pulumi.Alias(name=name) for name in earlier if name])
    return pulumi.ResourceTransformationResult(
        props=args.props, opts=pulumi.ResourceOptions.merge(args.opts, aliases)
    )
