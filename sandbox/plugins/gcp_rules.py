"""What the genuine gcp plugin refuses before it asks Google.

Only what it was seen to refuse: a stricter stand-in would hide what the API says.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox.plugins.gcp_arguments import snake
from sandbox.plugins.gcp_kind import at
from sandbox.plugins.provider import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sandbox.plugins.provider import Json


class Rule(NamedTuple):
    """What holds for the input at a path, where it is given and known; what to say if not."""

    path: str
    holds: Callable[[Any], object]
    says: str


def broken(rules: Iterable[Rule], inputs: Json) -> Iterator[str]:
    """What is wrong with inputs."""
    for rule in rules:
        value = at(inputs, rule.path)
        if value is not None and value != UNKNOWN and not rule.holds(value):
            yield f'"{snake(rule.path)}" ("{value}") {rule.says}'


def matches(pattern: str, path: str) -> Rule:
    """The text matches all of a pattern."""
    return Rule(path, re.compile(pattern).fullmatch, f'doesn\'t match regexp "^{pattern}$"')


def length(least: int, most: int, path: str) -> Rule:
    """The text has from `least` to `most` characters."""
    says = f"has another length than expected: in the range ({least} - {most})"
    return Rule(path, lambda text: least <= len(text) <= most, says)


def one_of(path: str, *values: str) -> Rule:
    """The text is one of the values."""
    return Rule(path, values.__contains__, f"was expected to be one of {list(values)}")


def pool_id(path: str) -> tuple[Rule, ...]:
    """https://docs.cloud.google.com/iam/docs/manage-workload-identity-pools-providers."""
    return matches(r"(?!gcp-)[0-9a-z-]+", path), length(4, 32, path)


LABELS = Rule(
    "labels",
    lambda labels: all(re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key) for key in labels),
    'has an invalid key: it must match "^[a-z][a-z0-9_-]{0,62}$"',
)
MEMBER = Rule(
    "member",
    re.compile(r"allUsers|allAuthenticatedUsers|(?!deleted:)[^:]+:.+").fullmatch,
    'was expected to be "type:value", of a type that is not "deleted"',
)
COMPUTE_NAME = matches(r"(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)", "name")
