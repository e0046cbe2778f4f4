"""The engine's progress: live on a terminal, and at the end one sentence that counts.

The last line of a terminal shows the operations that run now. Uploads are counted in both.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from infra.untrusted_text import shown
from infra.wording import counted
from rehearsal.demo.layout import fact

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi.automation.events import EngineEvent

    from ops.terminal import Terminal

DONE = {
    "create": "created",
    "create-replacement": "created",
    "update": "updated",
    "delete": "deleted",
    "delete-replaced": "deleted",
    "read": "read",
}
"""Engine operations that are counted, and the word for each when it is done."""

BOOKKEEPING = ("pulumi:", "confidential-inference:")
"""Types that exist in the engine only, not in a cloud: stack, providers, stash, components."""

UPLOAD: Final = ("BucketObject", "secundus-input-")
"""The kind of resource that each picture is, and the beginning of its name."""
PICTURE: Final = "picture"

LONGEST_NAME: Final = 60
SPINNER: Final = 2
"""Columns of the sign that turns before the live line."""


class Progress:
    """An engine event handler; `summarize` prints the summary at the end.

    `warned` holds the warnings that were printed already; a warning is printed once.
    """

    def __init__(
        self, console: Terminal, company: str, say: Callable[[str], None], warned: set[str]
    ) -> None:
        self._console = console
        self._company = company
        self._say = say
        self._warned = warned
        self._began = time.monotonic()
        self._running: list[str] = []
        self._done: dict[str, Counter[str]] = {}
        """by operation: how many of each kind of resource"""

    def __call__(self, event: EngineEvent) -> None:
        """Take one event of the Automation API's `on_event`."""
        if event.resource_pre_event:
            self._begin(event.resource_pre_event.metadata.op, event.resource_pre_event.metadata.urn)
        elif event.res_outputs_event:
            self._end(event.res_outputs_event.metadata.op, event.res_outputs_event.metadata.urn)
        elif event.diagnostic_event and event.diagnostic_event.severity == "warning":
            self._warn(event.diagnostic_event.message.strip())

    def summarize(self) -> None:
        """Print how many resources were created, updated or deleted, of which kinds, and the time.

        If everything is deleted, the kinds are those that were created before.
        """
        seconds = time.monotonic() - self._began
        if self._done:
            done = "; ".join(
                f"{counted(kinds.total(), 'resource')} {done}"
                + (f": {_listed(kinds)}" if len(self._done) > 1 or done != "deleted" else "")
                for done, kinds in self._done.items()
            )
            fact(self._console, self._company, f"{done} ({seconds:.1f} s)")

    def _warn(self, message: str) -> None:
        """Print a warning's first sentence; the fix in the rest is for whoever runs `pulumi up`."""
        if message not in self._warned:
            self._warned.add(message)
            sentence = re.split(r"(?<=\.)\s", message, maxsplit=1)[0]
            fact(self._console, "warning", shown(sentence), "yellow")

    def _begin(self, op: str, urn: str) -> None:
        if op in DONE and not _type(urn).startswith(BOOKKEEPING):
            self._running.append(urn)
            self._show()

    def _end(self, op: str, urn: str) -> None:
        if op in DONE and urn in self._running:
            self._running.remove(urn)
            self._done.setdefault(DONE[op], Counter())[_kind(urn)] += 1
            self._show()

    def _show(self) -> None:
        done = sum(kinds.total() for kinds in self._done.values())
        uploads = sum(_kind(urn) == PICTURE for urn in self._running)
        now = [_name(urn) for urn in self._running if _kind(urn) != PICTURE]
        if uploads:
            now.append(counted(uploads, PICTURE))
        text = f"{self._company}: {done} done, now {', '.join(now) or 'the program'}"
        # Wider than the terminal, it would be several lines, which jump.
        self._say(text[: self._console.width - SPINNER])


def _listed(kinds: Counter[str]) -> str:
    """The most frequent kind first; one of a kind has no number."""
    return ", ".join(
        kind if number == 1 else counted(number, kind, "" if kind == PICTURE else kind)
        for kind, number in sorted(kinds.items(), key=lambda each: (-each[1], each[0]))
    )


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _kind(urn: str) -> str:
    """The last word of the type; for an upload, what it is."""
    kind, (uploaded, beginning) = _type(urn).rpartition(":")[2], UPLOAD
    return PICTURE if kind == uploaded and _name(urn).startswith(beginning) else kind


def _name(urn: str) -> str:
    return shown(urn.split("::", 3)[3], LONGEST_NAME)
