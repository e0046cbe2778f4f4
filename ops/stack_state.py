"""Reads the deployed state of a stack of the current folder, by `pulumi stack export`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ops.pulumi_command import run

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKET: Final = "gcp:storage/bucket:Bucket"
OBJECT: Final = "gcp:storage/bucketObject:BucketObject"


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """One resource as the state has it."""

    type: str
    name: str
    """its logical name"""
    id: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    """what the provider returned; a secret one has another form"""
    managed: bool = True
    """whether the stack made it, and so deletes it; others are only read"""


def deployed(stack: str, environment: Mapping[str, str]) -> tuple[Deployed, ...]:
    """Everything in the state of a stack; StackError if `pulumi` does not print it."""
    exported = json.loads(run(("stack", "export", "--stack", stack), environment))
    resources = (exported.get("deployment") or {}).get("resources") or ()
    return tuple(
        Deployed(
            type=each["type"],
            name=each["urn"].rpartition("::")[2],
            id=each.get("id", ""),
            properties=each.get("outputs") or {},
            managed=not each.get("external", False),
        )
        for each in resources
        # A resource that is to be deleted still is in the state, beside its replacement.
        if not each.get("delete", False)
    )
