"""A result bucket in memory."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

from workload.errors import BucketError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Killed(BaseException):
    """The process ends here: nothing that it would do about an error is done."""


class ResultBucket:
    """Remembers what was done to it, in order; refuses an object, or ends the run, where told."""

    def __init__(self, objects: dict[str, str] | None = None) -> None:
        self.objects = dict(objects or {})
        self.done: list[str] = []
        self.generations = dict.fromkeys(self.objects, "0")
        self.written = itertools.count(1)
        self.refuses: str | None = None
        self.killed_after: int | None = None
        """How many writes and removals happen before the process ends."""

    def names(self, prefix: str) -> Iterator[str]:
        """The objects whose names begin so; BucketError if it was told to refuse them."""
        self._allow(prefix)
        yield from [name for name in sorted(self.objects) if name.startswith(prefix)]

    def fetch(self, name: str, to: Path, limit: int) -> str:
        """An object's content into a new file, even if it is not all that can be had."""
        if name not in self.objects:
            raise BucketError
        content = self.objects[name].encode()
        with to.open("xb") as file:
            file.write(content[:limit])
        if len(content) > limit:
            raise TooLargeError
        return hashlib.sha256(content).hexdigest()

    def write(self, name: str, content: Path, content_type: str) -> str:
        """Stores a file's content; BucketError if it was told to refuse this object."""
        assert content_type
        self._allow(name)
        self._do(f"write {name}")
        self.objects[name] = content.read_text(encoding="utf-8")
        self.generations[name] = f"{next(self.written)}"
        return self.generations[name]

    def generation(self, name: str) -> str | None:
        """How often anything was written before it; None if it is not there."""
        return self.generations.get(name)

    def remove(self, name: str, generation: str | None = None) -> None:
        """Deletes an object if it is there; BucketError if it was told to refuse this one."""
        self._allow(name)
        if generation in (None, self.generations.get(name)):
            self._do(f"remove {name}")
            self.objects.pop(name, None)
            self.generations.pop(name, None)

    def _allow(self, name: str) -> None:
        if self.refuses == name:
            raise BucketError

    def _do(self, what: str) -> None:
        if self.killed_after == len(self.done):
            raise Killed
        self.done.append(what)
