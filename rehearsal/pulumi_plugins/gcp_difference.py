"""Which properties differ, by the rules of the genuine gcp plugin.

It compares the state with the new inputs, not the old inputs with the new ones: a change made by
hand is a difference; a property that the program never set and the cloud chose is none. `gcp_types`
has the paths whose change replaces a resource, and those whose removal is no difference.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_plugins import gcp_conversions as convert
from rehearsal.pulumi_plugins.provider import SIGNATURE, Change, differences

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.pulumi_plugins.gcp_resource_type import ResourceType
    from rehearsal.pulumi_plugins.provider import Json

MAPS = frozenset({"labels", "metadata", "attributeMapping", "customAttributes"})
"""Objects whose keys the user chooses: an empty value below them is not the same as no value."""

SETS = frozenset({"eventTypes", "ports", "scopes", "sourceRanges"})
"""Lists whose order has no meaning."""

LINKS = frozenset({"instanceTemplate", "network", "subnetwork", "subscription", "target", "topic"})
"""References to other resources: a name, a longer path to it, and its link mean the same."""


def changes(resource_type: ResourceType, state: Json, news: Json) -> Iterator[tuple[str, Change]]:
    """Each path at which the state (outputs) differs from the inputs."""

    def same(path: str, old: Any, new: Any) -> bool:  # noqa: ANN401  any JSON
        plain = re.sub(r"\[\d+\]", "", path)
        top, key = re.split(r"[.\[]", plain, maxsplit=1)[0], plain.rpartition(".")[2]
        if old == new or (top in MAPS and plain != top):
            return bool(old == new)
        ignored = plain not in resource_type.removal_seen and _under(
            plain, resource_type.removal_ignored
        )
        if (new is None and ignored) or (path and not old and not new):
            return True
        return _alike(key, old, new)

    properties = {key: state[key] for key in news.keys() | resource_type.inputs if key in state}
    for path, what in differences(properties, news, same):
        replaces = _under(re.sub(r"\[\d+\]", "", path), resource_type.replaced_on)
        yield path, Change(what, replaces)


def refreshed_inputs(inputs: Any, live: Any, key: str = "") -> Any:  # noqa: ANN401  any JSON
    """The inputs with the values that the resource has now in the cloud.

    https://github.com/pulumi/pulumi-terraform-bridge/blob/main/pkg/tfbridge/schema.go
    """
    match inputs, live:
        case dict(), dict() if SIGNATURE not in inputs:
            return {k: refreshed_inputs(v, live[k], k) for k, v in inputs.items() if k in live}
        case list(), list() if key not in SETS:
            return [refreshed_inputs(*pair, key) for pair in zip(inputs, live, strict=False)]
    return inputs if _alike(key, live, inputs) else live


def _alike(key: str, old: Any, new: Any) -> bool:  # noqa: ANN401  any JSON
    """Whether two values of a key mean the same although they are not equal."""
    match old, new:
        case dict(), dict() if SIGNATURE in old.keys() & new.keys():
            return bool(old.get("hash") == new.get("hash"))  # a file's content, not its path
        case list(), list() if key == "scopes":
            return set(map(convert.scope, old)) == set(map(convert.scope, new))
        case list(), list():
            return key in SETS and sorted(old) == sorted(new)
        case str(), str() if key == "location":
            return old.upper() == new.upper()
        case str(), str() if key in LINKS:
            (a, first), (b, second) = convert.split_unique(old), convert.split_unique(new)
            same = f"/{a}".endswith(f"/{b}") or f"/{b}".endswith(f"/{a}")
            return same and (first == second or "" in {first, second})
    return False


def _under(plain: str, paths: frozenset[str]) -> bool:
    return any(plain == path or plain.startswith((f"{path}.", f"{path}[")) for path in paths)
