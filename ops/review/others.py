"""What no other module judges: known kinds in numbers, unknown kinds by name."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ops.review import buckets, fleets, machines, release
from ops.review.change import Change, Effect, Section
from ops.review.grant import is_grant
from ops.review.values import differences

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ops.review.preview import Preview, Step

_ELSEWHERE: Final = (*release.TYPES, *buckets.TYPES, *machines.TYPES, *fleets.TYPES)

_WITHOUT_ACCESS: Final = (
    "gcp:compute/firewall:Firewall",
    "gcp:compute/network:Network",
    "gcp:compute/subnetwork:Subnetwork",
    "gcp:projects/service:Service",
    "gcp:projects/serviceIdentity:ServiceIdentity",
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


def changes(preview: Preview, mentioned: Collection[str]) -> Iterator[Change]:
    """One change for each unknown kind of resource, one for each known kind, and lost protection.

    `mentioned` are the URNs of which another module has said something.
    """
    known: Counter[tuple[str, str, str]] = Counter()
    for step in preview.steps:
        if step.protected and not step.protected_after and step.after is not None:
            sentence = f"{_named(step)} is protected no longer"
            yield _change(Effect.LOOSENING, sentence, step, access=False)
        if not step.changes or step.type.startswith(_OWN) or step.urn in mentioned:
            continue
        if step.type == buckets.OBJECT and step.after is None:
            continue  # `buckets` says how many are deleted
        if step.type in (*_WITHOUT_ACCESS, *_ELSEWHERE):
            known[step.type, step.op, _changed_keys(step)] += 1
        elif not is_grant(step.type):
            sentence = f"{step.op} {_named(step)}: the review does not know this kind of resource"
            yield _change(Effect.UNJUDGED, sentence, step)
    for (kind, op, keys), number in sorted(known.items()):
        yield Change(
            effect=Effect.NOTE,
            section=Section.OTHERS,
            sentence=f"{op}: {number} {kind}{keys}",
            access=False,
        )


def _changed_keys(step: Step) -> str:
    """The inputs that an update changes, such as the rules of a firewall."""
    if step.op != "update":
        return ""
    paths = (path for path, _, _ in differences(step.declared_before, step.after))
    keys = sorted({path.partition(".")[0].partition("[")[0] for path in paths})
    return f" ({', '.join(keys)})" if keys else ""


def _named(step: Step) -> str:
    return f"{step.type} {step.name}"


def _change(effect: Effect, sentence: str, step: Step, *, access: bool = True) -> Change:
    return Change(
        effect=effect,
        section=Section.OTHERS,
        sentence=sentence,
        urn=step.urn,
        access=access,
    )
