"""Serves the rules to the Pulumi engine, one policy for each rule.

The engine calls them for every resource, in `preview` and in `up` before the resource is changed.
https://www.pulumi.com/docs/insights/policy/policy-packs/authoring/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.deserialize import serialize_properties
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError

from policy.resource import Resource
from policy.rule import NotKnown, judge
from policy.rules import EVERY

if TYPE_CHECKING:
    from policy.rule import Rule

NAME: Final = "confidential-inference"

_COMPONENT: Final = f"{NAME}:"
_components: Final[dict[str, Resource]] = {}
"""By URN, the components that the engine has shown so far: always before their children."""


def run() -> None:
    """Start the server of the policy pack; the engine ends it."""
    PolicyPack(name=NAME, policies=[_policy(rule) for rule in EVERY])


def _resource(args: ResourceValidationArgs) -> Resource:
    # The plain values: the proxy around them raises an error at the first unknown one.
    properties: Any = serialize_properties(args.props)
    resource = Resource(
        type=args.resource_type,
        name=args.name,
        properties=properties,
        parent=_components.get(args.opts.parent or ""),
    )
    if resource.type.startswith(_COMPONENT):
        _components[args.urn] = resource
    return resource


def _policy(rule: Rule) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        resource = _resource(args)
        for judged in judge((rule,), resource):
            if isinstance(judged, NotKnown):
                # The engine prints that the rule could not judge, and goes on.
                raise UnknownValueError(UNKNOWN_STRING_VALUE, list(judged.path))
            report_violation(judged.message, None)

    return ResourceValidationPolicy(
        name=rule.name,
        description=rule.description,
        validate=validate,
        enforcement_level=(
            EnforcementLevel.ADVISORY if rule.advisory else EnforcementLevel.MANDATORY
        ),
    )
