"""Every rule of the policy pack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from policy.rules import buckets, declared, fleets, grants, machines, plugins, release

if TYPE_CHECKING:
    from policy.rule import Rule

EVERY: Final[tuple[Rule, ...]] = (
    *release.RULES,
    *declared.RULES,
    *grants.RULES,
    *buckets.RULES,
    *machines.RULES,
    *fleets.RULES,
    *plugins.RULES,
)
