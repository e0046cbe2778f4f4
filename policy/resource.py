"""One resource as a rule sees it: its inputs, as far as the engine knows them.

An unknown value is one of the engine's texts. They are the same in the engine, in its SDKs and in
`pulumi preview --json`: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/plugin/rpc.go
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UNKNOWN: Final = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # a text, and whatever has no type yet
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # a file
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # an object
    }
)


def is_unknown(value: object) -> bool:
    """Whether the engine does not know the value before `up`."""
    return isinstance(value, str) and value in UNKNOWN


class UnknownError(Exception):
    """A rule needs a value that is not known before `up`."""

    def __init__(self, *path: str | int) -> None:
        self.path = tuple(map(str, path))
        super().__init__(".".join(self.path))


@dataclass(frozen=True, kw_only=True)
class Resource:
    """The inputs of one resource."""

    type: str
    """such as `gcp:storage/bucket:Bucket`"""
    name: str
    """its logical name"""
    properties: Mapping[str, Any]
    """keys as the engine has them, such as `uniformBucketLevelAccess`"""
    parent: Resource | None = None
    """the component that it belongs to, if that is one of this program"""

    def value(self, *path: str | int) -> Any:  # noqa: ANN401  any JSON value
        """The value at a path of keys and places in lists, or None.

        UnknownError if it, or one above it, is unknown.
        """
        value: Any = self.properties
        for depth, key in enumerate(path, 1):
            if isinstance(key, int):
                value = value[key] if isinstance(value, list) and key < len(value) else None
            else:
                value = value.get(key) if isinstance(value, dict) else None
            if is_unknown(value):
                raise UnknownError(*path[:depth])
        return value

    def whole(self, *path: str | int) -> Any:  # noqa: ANN401  same
        """The same; UnknownError also if anything in it is unknown."""
        value = self.value(*path)
        keys: Iterable[str | int] = ()
        if isinstance(value, list):
            keys = range(len(value))
        elif isinstance(value, dict):
            keys = value
        for key in keys:
            self.whole(*path, key)
        return value

    def places(self, *path: str | int) -> range:
        """The places of the list at a path; none if there is no list."""
        value = self.value(*path)
        return range(len(value)) if isinstance(value, list) else range(0)
