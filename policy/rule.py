"""A rule, and its judgement of a resource: broken, or not known before `up`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from policy.resource import UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from policy.resource import Resource


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the policy pack."""

    name: str
    """as the engine prints it, such as `release-condition`"""
    description: str
    advisory: bool = False
    """whether the engine only prints that the rule is broken"""
    check: Callable[[Resource], Iterator[str]]
    """one message for each problem of a resource; it may raise UnknownError, also after some"""


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A resource breaks a rule."""

    rule: Rule
    resource: Resource
    message: str


@dataclass(frozen=True, kw_only=True)
class NotKnown:
    """A rule cannot judge a resource before `up`."""

    rule: Rule
    resource: Resource
    path: tuple[str, ...]


def judge(rules: Iterable[Rule], resource: Resource) -> Iterator[Violation | NotKnown]:
    """Everything that the rules say about a resource."""
    for rule in rules:
        try:
            for message in rule.check(resource):
                yield Violation(rule=rule, resource=resource, message=message)
        except UnknownError as error:
            yield NotKnown(rule=rule, resource=resource, path=error.path)
