"""Every rule of the policy pack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy.rules import buckets, grants, machines, release

if TYPE_CHECKING:
    from policy.rule import Rule

EVERY: Final[tuple[Rule, ...]] = (
    *release.RULES,
    *grants.RULES,
    *buckets.RULES,
    *machines.RULES,
)
