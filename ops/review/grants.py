"""Grants that come and go, and whether that is a loosening.

Each grant of this program is a resource of its own, for one member and one role. Other kinds of
grant replace all members of a role, which the steps do not show, so they cannot be judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

from infra import naming
from ops.review import release
from ops.review.change import Change, Effect, Section
from ops.review.grant import (
    ACCOUNT,
    ACTS_AS,
    BUCKET,
    MACHINE_ATTACHES,
    PUBLISHES,
    READS,
    REPOSITORY,
    SUBSCRIPTION,
    TAKES,
    TOPIC,
    WRITES,
    Grant,
    is_for_one_member,
    is_grant,
    read,
)
from ops.review.values import NOT_KNOWN, at
from policy.rules import buckets, fleets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ops.review.preview import Preview, Step
    from ops.review.release import Releases

_RELEASED: Final = re.compile(r"-release-(built|[0-9a-f]{12})$")
"""The end of the name of a grant for an admitted image. Its member is not known before `up` if the
stack builds the image, or if the pool has no name yet."""

_MACHINES: Final = "the machines' account"
_SUBMITTERS: Final = "fleet.submitters"
_NEEDED: Final = (
    (_MACHINES, READS, BUCKET, "-input"),
    (_MACHINES, WRITES, BUCKET, "-result"),
    (_MACHINES, TAKES, SUBSCRIPTION, "-slices"),
    (_SUBMITTERS, READS, BUCKET, "-input"),
    (_SUBMITTERS, WRITES, BUCKET, "-result"),
    (_SUBMITTERS, PUBLISHES, TOPIC, "-slices"),
    (_SUBMITTERS, TAKES, SUBSCRIPTION, "-dead-letters"),
    # To forward dead letters, and to announce pictures.
    (naming.PUBSUB, TAKES, SUBSCRIPTION, "-slices"),
    (naming.PUBSUB, PUBLISHES, TOPIC, "-dead-letters"),
    (naming.STORAGE, PUBLISHES, TOPIC, "-slices"),
)
"""Who needs which role on which bucket, topic or subscription: the end of its logical name."""

_TYPES: Final = {
    BUCKET: buckets.BUCKET,
    SUBSCRIPTION: fleets.SUBSCRIPTION,
    TOPIC: fleets.TOPIC,
}
_SERVICE_ACCOUNT: Final = "gcp:serviceaccount/account:Account"


@dataclass(frozen=True)
class _Allowed:
    """The grants as this program makes them; any other gets around the attestation."""

    own: frozenset[str]
    """the stack's accounts"""
    releases: Releases
    needed: frozenset[tuple[str, str, str, str]]
    """member, role, and kind and name of what it is on, as the program grants them by themselves"""
    unlisted: bool
    """whether the preview leaves out what does not change: members, and what grants are on"""

    def expects(self, grant: Grant) -> bool:
        """Whether the program makes such a grant for the conditions that it declares."""
        who = grant.principal
        if who.digest:
            # The condition of the image's own pool must name this very account: the image of one
            # operator would else read the models of another.
            reader = self.releases.reader_of.get(who.pool)
            return grant.role == ACTS_AS and grant.target_name in ("", reader)
        if grant.of_model:
            # Without its condition, the reader of one operator's models reads those of all.
            models = self.releases.models_of.get(who.address, frozenset())
            return grant.role == READS and grant.model in models
        if grant.kind == ACCOUNT and grant.role == MACHINE_ATTACHES:
            # In the first preview the account has no name yet.
            return not grant.target_name or grant.target_name in self.own
        return self.needs(grant)

    def needs(self, grant: Grant) -> bool:
        """Whether the program gives this member this role on this very bucket, topic or so."""
        return (grant.member, grant.role, grant.kind, grant.target_name) in self.needed

    def may_need(self, step: Step, grant: Grant) -> bool:
        """Whether the program may give it, by what the preview does not list.

        The target is known by the URN that its name is made of, and the member not at all.
        """
        urns = {urn for each in step.sources.values() for urn in each}
        return self.unlisted and any(
            (grant.role, grant.kind) == (role, kind) and _TYPES[kind] in urn and urn.endswith(end)
            for (_, role, kind, end), urn in product(_NEEDED, urns)
        )


def changes(preview: Preview) -> Iterator[Change]:
    """Every grant that is added or removed."""
    names = release.model_names(preview)
    pools = release.pool_names(preview)
    own = frozenset(_own_accounts(preview))
    needed = frozenset(_needed(preview, own))
    allowed = _Allowed(own, release.releases(preview), needed, unlisted=preview.unlisted > 0)
    pairs: list[tuple[Step, Grant | None, Grant | None]] = []
    for step in preview.steps:
        if not is_grant(step.type) or not step.changes:
            continue
        if is_for_one_member(step.type):
            before, after = (
                read(step, properties, names, pools) for properties in (step.before, step.after)
            )
            pairs.append((step, before, after))
        else:
            sentence = (
                f"{step.type} {step.name}: it sets all members at once, so it can remove and add"
                " any grant"
            )
            yield _change(step, Effect.UNJUDGED, sentence)
    # Pinning the very image that was built makes a grant by another attribute: the same image.
    kept = {old.admits for _, old, _ in pairs if old} & {new.admits for _, _, new in pairs if new}
    for step, before, after in pairs:
        yield from _member(step, before, after, allowed, kept - {()})


def _own_accounts(preview: Preview) -> Iterator[str]:
    """The addresses of the stack's accounts; of a stack that has some, not those that are new."""
    steps = list(preview.of_type(_SERVICE_ACCOUNT))
    has_some = any(step.before is not None for step in steps)
    for step in steps:
        if step.before is not None or not has_some:
            # Whoever owns another project can act as its accounts.
            project = at(step.before or step.after, "project")
            for properties in (step.before, step.after):
                account = at(properties, "accountId")
                yield f"{account}@{project}.iam.gserviceaccount.com"
            # projects/PROJECT/serviceAccounts/ADDRESS: all that a preview has of what is read.
            parts = step.identity.split("/")
            if step.op == "read" and project in (None, *parts[1:2]):
                yield parts[-1]


def _needed(preview: Preview, own: Collection[str]) -> Iterator[tuple[str, str, str, str]]:
    """Google's accounts of other projects are not ours: their owner decides what those send."""
    members = {_MACHINES: [f"serviceAccount:{address}" for address in own]}
    for step in preview.of_type(fleets.FLEET):
        declared = at(step.after, "submitters")
        members[_SUBMITTERS] = [*map(str, declared if isinstance(declared, list) else ())]
        number = at(step.declared_before, "projectNumber") or at(step.after, "projectNumber")
        for agent in (naming.PUBSUB, naming.STORAGE):
            members[agent] = [naming.service_agent(agent, str(number))]
    for who, role, kind, end in _NEEDED:
        for step in preview.of_type(_TYPES[kind]):
            if step.name.endswith(end):
                for member in members.get(who, ()):
                    yield member, role, kind, str(step.physical_name)


def _member(
    step: Step,
    before: Grant | None,
    after: Grant | None,
    allowed: _Allowed,
    kept: set[tuple[str, ...]],
) -> Iterator[Change]:
    if before is not None and before == after:
        yield _change(step, Effect.NOTE, f"made anew: {before.sentence}")
        return
    if after is not None and after.admits in kept:
        sentence = f"by another grant, for the same image: {after.sentence}"
        yield _change(step, Effect.NOTE, sentence)
    elif after is not None:
        yield _added(step, after, allowed)
    if before is not None and before.admits not in kept:
        yield _removed(step, before, forgotten=after is None and step.kept_in_the_cloud)


def _removed(step: Step, before: Grant, *, forgotten: bool) -> Change:
    if forgotten:
        sentence = f"the stack forgets this, and it stays: {before.sentence}"
        return _change(step, Effect.NOTE, sentence)
    effect = Effect.RETIRED if before.access else Effect.NOTE
    return _change(step, effect, f"no longer: {before.sentence}", access=before.access)


def _added(step: Step, after: Grant, allowed: _Allowed) -> Change:
    who = after.principal
    sentence = f"from now on: {after.sentence}"
    if not who.known:
        image = _RELEASED.search(step.name) if release.RELEASE in step.urn else None
        if image and after.role == ACTS_AS:
            which = "that `up` builds" if image[1] == "built" else f"sha256:{image[1]}…"
            sentence = sentence.replace(who.words, f"the image {which} ({NOT_KNOWN})", 1)
            reader = allowed.releases.declared_reader(step.parent)
            same = after.target_name in ("", reader)
            return _change(step, Effect.ADMITTED if same else Effect.LOOSENING, sentence)
        if after.access or after.of_messages:
            return _change(step, Effect.UNKNOWN, sentence)
    if who.wide and not (after.kind == REPOSITORY and not after.access):
        return _change(step, Effect.LOOSENING, sentence)
    effect = Effect.LOOSENING
    if not (after.access or after.of_messages):
        effect = Effect.NOTE
    elif allowed.expects(after):
        effect = Effect.ADMITTED if after.access else Effect.NOTE
    elif allowed.may_need(step, after):
        effect, sentence = Effect.UNKNOWN, f"{sentence} (not all that it depends on is listed)"
    return _change(step, effect, sentence, access=effect is not Effect.NOTE)


def _change(step: Step, effect: Effect, sentence: str, *, access: bool = True) -> Change:
    return Change(
        effect=effect, section=Section.GRANTS, sentence=sentence, urn=step.urn, access=access
    )
