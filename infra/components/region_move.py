"""Whether a stack may move to another region, which deletes and recreates all its resources.

The state holds the region that the stack was deployed to, so that a preview can compare. A stack
whose state does not hold it yet starts with the region that it is configured for.
"""

from __future__ import annotations

from typing import NamedTuple

import pulumi

from infra.config.problems import NAMESPACE
from infra.errors import ProgramError
from infra.outputs import applied


class MoveError(ProgramError):
    """The configured region is not the deployed one, and nobody has agreed to the loss."""


class AllowedRegion(NamedTuple):
    """The region that the stack may be deployed to."""

    region: pulumi.Output[str]
    """the configured one, once it is the deployed one or the loss is accepted for just this one: a
    resource that depends on it is not changed by a move that nobody meant"""
    known_once_deployed: pulumi.Output[str]
    """what only the first preview of a stack does not have"""


def allowed_region(stack: str, region: str, accepted: str | None, loss: str) -> AllowedRegion:
    """The configured region, if the stack may be there; `loss` is what a move costs."""
    in_state = pulumi.Stash(
        "region",
        input=region,
        # Else the state would follow the configuration, and there would be nothing to compare.
        opts=pulumi.ResourceOptions(ignore_changes=[] if accepted == region else ["input"]),
    )
    return AllowedRegion(
        applied(
            in_state.input, lambda deployed: require_agreement(stack, region, str(deployed), loss)
        ),
        in_state.id,
    )


def require_agreement(stack: str, region: str, deployed: str, loss: str) -> str:
    """The region, if it is the deployed one; MoveError if it is another."""
    if region != deployed:
        key = f"pulumi config set --stack {stack} '{NAMESPACE}:"
        raise MoveError(
            f"region: got {region!r}, expected {deployed!r}, where the last `up` put this stack's"
            f" resources, or began to. Nothing can be moved, only destroyed and made anew: {loss};"
            f" nothing was changed. To stay: {key}region' {deployed}\nTo move, and lose that:"
            f" {key}acceptLoss' {region}"
        )
    return region
