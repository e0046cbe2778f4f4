"""A fleet: how many machines it may have, from which template, and where its messages go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from infra import naming
from infra.wording import counted
from ops.review.change import Change, Effect, Section
from ops.review.values import NOT_KNOWN, at, differences, text
from policy.resource import is_unknown
from policy.rules.fleets import (
    AUTOSCALER,
    FLEET,
    KEPT_IN,
    NOTIFICATION,
    SUBSCRIPTION,
    TOPIC,
    TOPICS,
)
from policy.rules.machines import GROUP, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ops.review.preview import Preview, Step

_KNOWN: Final[Mapping[str, frozenset[str]]] = {
    AUTOSCALER: frozenset({"autoscalingPolicy", "name", "project", "target", "zone"}),
    GROUP: frozenset(
        {
            "baseInstanceName",
            "name",
            "project",
            "updatePolicy",
            "versions",
            "waitForInstances",
            "zone",
        }
    ),
    NOTIFICATION: frozenset({"bucket", "eventTypes", "payloadFormat", "topic"}),
    SUBSCRIPTION: frozenset(
        {
            "ackDeadlineSeconds",
            "deadLetterPolicy",
            "expirationPolicy",
            "labels",
            "messageRetentionDuration",
            "name",
            "project",
            "retryPolicy",
            "topic",
        }
    ),
    TOPIC: frozenset({"labels", "messageStoragePolicy", "name", "project"}),
}
"""By kind, the inputs that this program gives. Another one can send messages elsewhere, or change
what machines run."""

TYPES: Final = tuple(_KNOWN)


def changes(preview: Preview) -> Iterator[Change]:
    """The size of the fleet, and what may happen to its messages and its machines."""
    for step in preview.of_type(FLEET):
        yield from _size(step)
    # One that is only read is of somebody else.
    templates, topics = (
        [step for step in preview.of_type(kind) if step.after is not None and step.op != "read"]
        for kind in (TEMPLATE, TOPIC)
    )
    for step in preview.of_type(*TYPES):
        if not step.changes:
            continue
        if step.type == SUBSCRIPTION and step.ends:
            yield _lost(step)
        if step.type == AUTOSCALER:
            yield from _limits(step)
        if step.after is None:
            continue
        yield from _unknown_inputs(step)
        yield from _kept(step)
        if not preview.unlisted:
            yield from _made_from(step, templates)
            yield from _goes_to(step, topics)


def _unknown_inputs(step: Step) -> Iterator[Change]:
    unknown = sorted(step.changed_keys - _KNOWN[step.type])
    if unknown:
        sentence = f"{step.type} {step.name} has inputs that the review does not know: "
        yield _change(Effect.UNJUDGED, sentence + ", ".join(unknown), step)


def _size(step: Step) -> Iterator[Change]:
    before, after = _in_words(step.before), _in_words(step.after)
    if step.after is None:
        yield _change(Effect.NOTE, f"the fleet of {before} is deleted", step, access=False)
    elif step.before is None:
        yield _change(Effect.NOTE, f"a fleet of {after} is new", step, access=False)
    elif before != after:
        sentence = f"the fleet has {after}, and no longer {before}"
        yield _change(Effect.NOTE, sentence, step, access=False)


def _in_words(properties: Mapping[str, Any] | None) -> str:
    least, most, kind = (
        at(properties, key) for key in ("leastMachines", "mostMachines", "provisioning")
    )
    machines = counted(int(most), "machine") if isinstance(most, int | float) else text(most)
    return f"{text(least)} to {machines} ({text(kind)})"


def _limits(step: Step) -> Iterator[Change]:
    """What the autoscaler itself gets: the component only says what the whole fleet should have."""
    before, after = (_replicas(each) for each in (step.declared_before, step.after))
    of_zone = f"the autoscaler {step.name}"
    if step.after is None:
        sentence = f"{of_zone} ({before}) is deleted"
    elif step.before is None:
        sentence = f"{of_zone} is new: {after}"
    elif before == after:
        sentence = f"{of_zone} keeps its {after}"
    else:
        sentence = f"{of_zone}: {before} → {after}"
    details = tuple(
        f"{path}: {text(old)} → {text(new)}"
        for path, old, new in differences(step.declared_before, step.after)
        if step.before is not None and step.after is not None and path.startswith("autoscaling")
    )
    yield _change(Effect.NOTE, sentence, step, details=details, access=False)


def _replicas(properties: Mapping[str, Any] | None) -> str:
    least, most = (
        at(properties, "autoscalingPolicy", key) for key in ("minReplicas", "maxReplicas")
    )
    return f"{text(least)} to {text(most)} machines"


def _lost(step: Step) -> Change:
    """A subscription is deleted, or replaced by one that has none of its messages."""
    name = text(at(step.before, "name"))
    sentence = (
        f"every message of the subscription {name} is lost: what was submitted and is not done"
        " must be submitted again"
    )
    return _change(Effect.NOTE, sentence, step, access=False)


def _made_from(step: Step, templates: Collection[Step]) -> Iterator[Change]:
    """A group makes machines from whatever template it names, also one that nobody reviewed."""
    if step.type != GROUP:
        return
    own = {each.urn: each.identity for each in templates}
    versions = at(step.after, "versions")
    for version in versions if isinstance(versions, list) else [None]:
        template = at(version, "instanceTemplate")
        if _is_own(step, "versions", template, own):
            continue
        if is_unknown(template):
            sentence = (
                f"the group {step.name} makes machines from a template that is {NOT_KNOWN}, and"
                " that is not only made of this stack's template"
            )
            yield _change(Effect.UNKNOWN, sentence, step)
        else:
            sentence = (
                f"the group {step.name} makes machines from {text(template)}, which is no template"
                " of this stack: nothing says what they run"
            )
            details = tuple(
                f"{path}: {text(old)} → {text(new)}"
                for path, old, new in differences(step.declared_before, step.after)
            )
            yield _change(Effect.LOOSENING, sentence, step, details=details)


def _goes_to(step: Step, topics: Collection[Step]) -> Iterator[Change]:
    """A topic of others: its owner learns of pictures, or decides what is work."""
    own = {each.urn: _full_name(each.after) for each in topics}
    for path in TOPICS.get(step.type, ()):
        topic, what = at(step.after, *path), f"{'.'.join(path)} of {step.type} {step.name}"
        if topic is None or _is_own(step, path[0], topic, own):
            continue
        if is_unknown(topic):
            sentence = f"{what} is {NOT_KNOWN}, and is not only made of this stack's topics"
            yield _change(Effect.UNKNOWN, sentence, step)
        else:
            sentence = (
                f"{what} is {text(topic)}, which is no topic of this stack: whoever owns it gets"
                " messages with the names of pictures, or decides what the machines work on"
            )
            yield _change(Effect.LOOSENING, sentence, step)


def _full_name(topic: Mapping[str, Any] | None) -> str:
    return naming.topic_name(str(at(topic, "name")), str(at(topic, "project")))


def _is_own(step: Step, key: str, value: object, own: Mapping[str, str]) -> bool:
    """Whether a value of an input is one of these names, by URN.

    One that is not known yet must be made of outputs of these resources alone.
    """
    if not is_unknown(value):
        return value in own.values()
    sources = {*step.sources.get(key, ())}
    return bool(sources) and sources <= own.keys()


def _kept(step: Step) -> Iterator[Change]:
    """Where Google keeps the messages; without a policy, where they were published."""
    if step.type != TOPIC:
        return
    before, after = at(step.declared_before, *KEPT_IN), at(step.after, *KEPT_IN)
    one = isinstance(after, list) and len(after) == 1
    if not one or (before is not None and before != after):
        places = text(after) if after else "any region"
        was = "" if before is None else f", and no longer in {text(before)}"
        sentence = f"messages of the topic {step.name} are kept in {places}{was}"
        effect = Effect.NOTE if one else Effect.LOOSENING
        yield _change(effect, sentence, step, access=not one)


def _change(
    effect: Effect,
    sentence: str,
    step: Step,
    *,
    details: tuple[str, ...] = (),
    access: bool = True,
) -> Change:
    return Change(
        effect=effect,
        section=Section.MACHINES,
        sentence=sentence,
        details=details,
        urn=step.urn,
        access=access,
    )
