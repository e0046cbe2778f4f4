"""What is not as asked for: the genuine gcp plugin's idea of a difference.

It compares what is there with what the program says, not the program with its earlier self: a
change made by hand is a difference, and a property that the program never set and the cloud chose
is none. Which paths replace and which are let go is in `gcp_types`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandbox.plugins.provider import DEFAULTS, SIGNATURE, Change, differences, join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.plugins.gcp_kind import Kind
    from sandbox.plugins.provider import Json

MAPS = frozenset({"labels", "metadata", "attributeMapping"})
"""Objects whose keys are the user's own: a key that is too many is a difference."""

SETS = frozenset({"scopes", "tags", "ports", "sourceRanges", "destinationRanges"})
"""Lists whose order says nothing."""

LINKS = frozenset({"bucket", "repository", "network", "subnetwork", "machineType", "region"})
"""References to other resources: a name, a longer path to it, and its link mean the same."""


def changes(kind: Kind, state: Json, news: Json) -> Iterator[tuple[str, Change]]:
    """Every path at which the state (outputs) is not as the inputs ask."""
    for key in sorted((news.keys() | kind.properties) - {DEFAULTS}):
        default = kind.defaults.get(key)
        new = news.get(key, None if key in kind.keep else default)
        for path, what in _differences(kind, state.get(key, default), new, key):
            yield path, Change(what, replaces=_under(_plain(path), kind.replace))


def _differences(kind: Kind, old: Any, new: Any, path: str) -> list[tuple[str, str]]:  # noqa: ANN401
    plain = _plain(path)
    if (new is None and _under(plain, kind.keep)) or equal(plain.rpartition(".")[2], old, new):
        return []
    if _object(old) and _object(new) and plain not in MAPS:
        keys = sorted(old.keys() | new.keys())
        pairs = [(old.get(key), new.get(key), join(path, key)) for key in keys]
    elif _objects(old) and _objects(new) and len(old) == len(new):
        pairs = [(o, n, f"{path}[{i}]") for i, (o, n) in enumerate(zip(old, new, strict=True))]
    else:
        return differences(old, new, path)
    return [found for pair in pairs for found in _differences(kind, *pair)]


def equal(key: str, old: Any, new: Any) -> bool:  # noqa: ANN401  any JSON
    """Whether two values of the argument `key` mean the same; absent, empty and false do."""
    if old == new or (not old and not new):
        return True
    if key in SETS and isinstance(old, list) and isinstance(new, list):
        return sorted(map(_scope, old)) == sorted(map(_scope, new))
    if not (isinstance(old, str) and isinstance(new, str)):
        return False
    if key == "location":
        return old.upper() == new.upper()
    family = re.fullmatch(r"(?:.*/)?family/([^/]+)", new) if key == "image" else None
    if family:  # an image is taken for one of a family by its name alone
        return family[1] in old.rpartition("/")[2]
    a, b = _path(old), _path(new)
    return key in LINKS | {"image"} and (a.endswith(b) or b.endswith(a))


def overlaid(old: Any, new: Any) -> Any:  # noqa: ANN401  any JSON
    """The old value with the new one's properties: what an update leaves is left."""
    if _object(old) and _object(new):
        return old | {k: v if k in MAPS else overlaid(old.get(k), v) for k, v in new.items()}
    if _objects(old) and _objects(new) and len(old) == len(new):
        return [overlaid(o, n) for o, n in zip(old, new, strict=True)]
    return new


def narrowed(key: str, live: Any, given: Any) -> Any:  # noqa: ANN401  any JSON
    """What is live, of that which was given, in the spelling in which it was given."""
    if equal(key, live, given):
        return given
    if _object(live) and _object(given) and key not in MAPS:
        return {k: narrowed(k, live[k], v) for k, v in given.items() if k in live}
    if _objects(live) and _objects(given) and len(live) == len(given):
        return [narrowed(key, o, g) for o, g in zip(live, given, strict=True)]
    return live


def _plain(path: str) -> str:
    """The path without list indexes."""
    return re.sub(r"\[\d+\]", "", path)


def _under(plain: str, paths: frozenset[str]) -> bool:
    return any(plain == path or plain.startswith((f"{path}.", f"{path}[")) for path in paths)


def _path(link: str) -> str:
    return "/" + re.sub(r"^https://[^/]+/compute/[^/]+/", "", link)


def _scope(value: str) -> str:
    return value.rpartition("/auth/")[2]


def _object(value: object) -> bool:
    return isinstance(value, dict) and SIGNATURE not in value


def _objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)
