"""Waits until Google's systems know of new grants: the launcher and notifications do not wait.

Google says that a grant takes about two minutes, and sometimes seven or more:
https://docs.cloud.google.com/iam/docs/access-change-propagation
"""

from __future__ import annotations

from asyncio import sleep
from time import time
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from collections.abc import Sequence


def known(
    name: str,
    grants: Sequence[pulumi.CustomResource],
    seconds: int,
    opts: pulumi.ResourceOptions | None = None,
) -> pulumi.Output[pulumi.Resource]:
    """What depends on this is created when the grants are `seconds` old.

    The state holds when `name` was first deployed, so only the update that makes the grants waits.
    The name must change with whom they are for. A preview does not know when grants will be made
    that are not there yet, so it does not wait.
    """
    granted = pulumi.Stash(
        name,
        # After the grants; and unknown before, or a saved plan would have another moment.
        input=pulumi.Output.all(*[grant.id for grant in grants]).apply(lambda _: time()),
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(depends_on=list(grants), ignore_changes=["input"])
        ),
    )

    async def waited(since: float) -> pulumi.Resource:
        left = since + seconds - time()
        if left > 0:
            pulumi.log.info(
                f"Grants are new: waiting {left:.0f} s, until Google's systems know"
                " them (grantWait)"
            )
            await sleep(left)
        return granted

    return granted.output.apply(waited)
