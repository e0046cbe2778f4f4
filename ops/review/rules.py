"""The policy pack's rules, applied to every resource that a preview leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.wording import counted
from ops.review.change import Change, Effect, Section
from ops.review.release import PROVIDER, RELEASE, declared_condition
from policy.resource import UNKNOWN, Resource, is_unknown
from policy.rule import NotKnown, Rule, judge
from policy.rules.fleets import QUEUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ops.review.preview import Preview, Step

_CONDITION = "attributeCondition"
_COMPARED = {RELEASE: "declaredClauses", QUEUE: "project"}
"""By component, the input with which rules compare what is below it."""


def changes(preview: Preview, rules: Sequence[Rule]) -> Iterator[Change]:
    """Each broken rule, and each value that rules would need to know."""
    listed = {step.urn: step for step in preview.steps}
    for step in preview.steps:
        if step.after is None or step.op == "read":
            continue
        resource = Resource(
            type=step.type,
            name=step.name,
            properties=_inputs(step, preview),
            parent=_component(step, listed),
        )
        yield from _judged(step, resource, rules)


def _judged(step: Step, resource: Resource, rules: Sequence[Rule]) -> Iterator[Change]:
    """A change for each violation, and one for each value that rules would need to know."""
    what = f"{step.type.rpartition(':')[2]} {step.name}"
    open_: dict[tuple[Effect, str], list[str]] = {}
    for judged in judge(rules, resource):
        advisory = judged.rule.advisory
        if isinstance(judged, NotKnown):
            effect = Effect.NOTE if advisory else Effect.OPEN
            open_.setdefault((effect, ".".join(judged.path)), []).append(judged.rule.name)
        else:
            effect = Effect.ADVICE if advisory else Effect.VIOLATION
            yield _change(step, effect, f"{judged.rule.name} ({what}): {judged.message}")
    for (effect, path), names in open_.items():
        yield _change(step, effect, f"{', '.join(names)} ({what}): {path} is not known before")


def _change(step: Step, effect: Effect, sentence: str) -> Change:
    return Change(
        effect=effect, section=Section.RULES, sentence=sentence, urn=step.urn, access=False
    )


def _component(step: Step, listed: Mapping[str, Step]) -> Resource | None:
    """The component above a resource; of one that is not listed, type and name."""
    found = listed.get(step.parent)
    if found is not None:
        return Resource(type=found.type, name=found.name, properties=found.after or {})
    types, _, name = step.parent.rpartition("::")
    type_ = types.rpartition("::")[2].rpartition("$")[2]
    unknown = {_COMPARED[type_]: min(UNKNOWN)} if type_ in _COMPARED else {}
    return Resource(type=type_, name=name, properties=unknown) if type_ else None


def _inputs(step: Step, preview: Preview) -> Mapping[str, Any]:
    """The inputs; a condition that is not known yet as far as the program declares it."""
    inputs = step.after or {}
    if step.type == PROVIDER and is_unknown(inputs.get(_CONDITION)):
        declared = declared_condition(step, preview)
        if declared is not None:
            return {**inputs, _CONDITION: declared}
    return inputs


def summary(preview: Preview, rules: Sequence[Rule]) -> str:
    """How much was judged."""
    judged = sum(step.after is not None and step.op != "read" for step in preview.steps)
    return f"{counted(len(rules), 'rule')} judged {counted(judged, 'resource')}"
