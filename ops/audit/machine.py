"""The machine against what the stack deployed: its metadata says what it launches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ops.audit.finding import Finding, Kind, not_read
from ops.google_api import NOT_FOUND, ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ops.google_api import GoogleApi, Json
    from ops.stack_state import Deployed

COMPUTE: Final = "compute.googleapis.com/compute/v1"


def machines(api: GoogleApi, resources: Iterable[Deployed], project: str) -> Iterator[Finding]:
    """Each machine is there, and has the metadata and the account that the stack gave it."""
    for each in resources:
        if not each.type.endswith("compute/instance:Instance"):
            continue
        name = each.id.rpartition("/")[2]
        try:
            found = api.get(f"{COMPUTE}/{each.id}")
        except ApiError as error:
            if error.status != NOT_FOUND:
                yield not_read(f"the machine {name}", error, project)
                continue
            yield Finding(
                kind=Kind.DIFFERENCE,
                what=f"the machine {name} is gone",
                means="nothing runs",
                fix="pulumi up --refresh --stack {stack}",
            )
            continue
        changed = changed_metadata(found, each.properties["metadata"])
        if changed:
            yield Finding(
                kind=Kind.DIFFERENCE,
                what=f"metadata of the machine {name} was changed by hand: {', '.join(changed)}",
                means="what it launches at its next start, which the condition judges then",
                fix="pulumi up --refresh --stack {stack}",
            )


def changed_metadata(found: Json, deployed: Mapping[str, str]) -> list[str]:
    """The keys of a machine's metadata that have not the deployed values."""
    items = found.get("metadata", {}).get("items", ())
    now = {str(item["key"]): str(item.get("value", "")) for item in items}
    before = {str(key): str(value) for key, value in deployed.items()}
    return sorted(key for key in now.keys() | before.keys() if now.get(key) != before.get(key))
