"""Every rule of the policy pack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from policy.rule import Rule

EVERY: Final[tuple[Rule, ...]] = ()
