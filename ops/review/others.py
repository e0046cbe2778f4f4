"""What no other module judges: known kinds in numbers, unknown kinds by name."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ops.review import buckets, machines, release
from ops.review.change import Change, Effect, Section
from ops.review.grant import is_grant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.review.preview import Preview

_ELSEWHERE: Final = (*release.TYPES, *buckets.TYPES, *machines.TYPES)

_WITHOUT_ACCESS: Final = (
    "gcp:compute/firewall:Firewall",
    "gcp:compute/network:Network",
    "gcp:compute/subnetwork:Subnetwork",
    "gcp:projects/service:Service",
    "gcp:serviceaccount/account:Account",
    "pulumi:index:Stash",
    "pulumi:pulumi:Stack",
    "pulumi:pulumi:StackReference",
    "pulumi:providers:docker",
    "pulumi:providers:gcp",
)
"""Kinds that give nobody access. An account has none before somebody grants it."""

_OWN: Final = "confidential-inference:"
"""Components of this program: they are no resources of a cloud."""


def changes(preview: Preview) -> Iterator[Change]:
    """One change for each unknown kind of resource, and one for each known kind."""
    known: Counter[tuple[str, str]] = Counter()
    for step in preview.steps:
        if not step.changes or step.type.startswith(_OWN):
            continue
        if step.type in _WITHOUT_ACCESS:
            known[step.type, step.op] += 1
        elif step.type not in _ELSEWHERE and not is_grant(step.type):
            yield Change(
                effect=Effect.UNJUDGED,
                section=Section.OTHERS,
                sentence=f"{step.op} {step.type} {step.name}: the review does not know this kind of"
                " resource",
                urn=step.urn,
            )
    for (kind, op), number in sorted(known.items()):
        yield Change(
            effect=Effect.NOTE,
            section=Section.OTHERS,
            sentence=f"{op}: {number} {kind}",
            access=False,
        )
