"""Where a resource comes from: created by the stack, made by others, or taken over from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi

if TYPE_CHECKING:
    from infra.config.existing_keys import Lists


@dataclass(frozen=True)
class Origin:
    """What the stack does with a resource before it grants on it."""

    read: str = ""
    """the id of what is only read. If the stack has created it, the engine gives up the ownership:
    the same URN with the same id is then an external resource, which nothing changes or deletes"""
    adopted: str = ""
    """the id of what is imported: from then on it is as if the stack had created it"""

    def importing(self, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """The options, with the id to import if there is one.

        The option has no effect on what the stack manages already.
        https://www.pulumi.com/docs/iac/concepts/options/import/
        """
        if not self.adopted:
            return opts
        return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(import_=self.adopted))


CREATED: Final = Origin()
"""The stack creates it, and deletes it with all others."""


def of(key: str, lists: Lists, identity: str) -> Origin:
    """The origin of the resource with a key and an id, by the lists in config."""
    if key in lists.existing:
        return Origin(read=identity)
    return Origin(adopted=identity) if key in lists.adopt else CREATED
