"""The policy pack's rules, applied to every resource that a preview leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.wording import counted
from ops.review.change import Change, Effect, Section
from ops.review.release import PROVIDER, declared_condition
from policy.resource import Resource, is_unknown
from policy.rule import NotKnown, Rule, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from ops.review.preview import Preview, Step

_CONDITION = "attributeCondition"


def changes(preview: Preview, rules: Sequence[Rule]) -> Iterator[Change]:
    """Each broken rule, and each rule that an unknown value leaves open."""
    for step in preview.steps:
        if step.after is None or step.op == "read":
            continue
        resource = Resource(type=step.type, name=step.name, properties=_inputs(step, preview))
        for judged in judge(rules, resource):
            what = f"{judged.rule.name} ({step.type.rpartition(':')[2]} {step.name})"
            if isinstance(judged, NotKnown):
                yield Change(
                    effect=Effect.NOTE if judged.rule.advisory else Effect.OPEN,
                    section=Section.RULES,
                    sentence=f"{what}: {'.'.join(judged.path)} is not known before",
                    urn=step.urn,
                    access=False,
                )
            else:
                yield Change(
                    effect=Effect.ADVICE if judged.rule.advisory else Effect.VIOLATION,
                    section=Section.RULES,
                    sentence=f"{what}: {judged.message}",
                    urn=step.urn,
                    access=False,
                )


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
