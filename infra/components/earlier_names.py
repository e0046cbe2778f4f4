"""Aliases for the names that resources had in earlier versions of this program.

Without its alias an update would replace a deployed resource: for the pool's suffix that means
another audience. Only the composition root asks for aliases, for the two companies that earlier
versions deployed; another use of a component has no earlier name, and would claim theirs.
"""

from __future__ import annotations

from typing import Final

import pulumi

_EARLIER: Final = {
    ("Stash", "primus-attestation-"): ("attestation-", ""),
    ("IAMMember", "primus-attestation-"): ("attestation-", ""),
    ("BucketIAMMember", "secundus-input-"): ("input-", ""),
    ("BucketIAMMember", "secundus-result-"): ("result-", ""),
    # The picture's own name alone: "input-" and a picture's name can be the name of another one.
    ("BucketObject", "secundus-input-"): ("",),
    ("", "primus-"): ("",),
    ("", "secundus-"): ("",),
}
"""Kind and beginning of a name today -> its beginnings in earlier versions. The first match counts.
https://www.pulumi.com/docs/iac/concepts/options/aliases/"""


def earlier_names(kind: str, name: str) -> tuple[str, ...]:
    """What a resource of a kind, such as Bucket, was called in earlier versions."""
    for (matching, today), earlier in _EARLIER.items():
        if matching in ("", kind) and name.startswith(today):
            return tuple(beginning + name.removeprefix(today) for beginning in earlier)
    return ()


def aliased(
    args: pulumi.ResourceTransformationArgs,
) -> pulumi.ResourceTransformationResult:
    """Give a resource an alias for each earlier name; a company hands it to its children."""
    names = earlier_names(args.type_.rpartition(":")[2], args.name)
    aliases = pulumi.ResourceOptions(aliases=[pulumi.Alias(name=name) for name in names])
    return pulumi.ResourceTransformationResult(
        props=args.props, opts=pulumi.ResourceOptions.merge(args.opts, aliases)
    )
