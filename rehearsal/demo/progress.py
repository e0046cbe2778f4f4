"""The engine's progress: live on a terminal, and at the end one line for each kind of resource.

The last line of a terminal shows the operations that run now. The summary counts: 27 pictures are
one line.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from infra.untrusted_text import shown
from ops.terminal import styled

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
"""Engine operations with a line, and the word for each when it is done."""

BOOKKEEPING = ("pulumi:", "confidential-inference:")
"""Types that exist in the engine only, not in a cloud: stack, providers, stash, components."""

NAMED: Final = 3
"""How many resources of a kind are named; the rest are counted."""
LONGEST_NAME: Final = 60


class Progress:
    """An engine event handler; `summarize` prints the summary at the end."""

    def __init__(self, console: Terminal, company: str, say: Callable[[str], None]) -> None:
        self._console = console
        self._company = company
        self._say = say
        self._started: dict[str, float] = {}
        self._done: dict[tuple[str, str], list[tuple[str, float, float]]] = {}
        """by operation and kind of resource: name, begin and end of each"""

    @property
    def count(self) -> int:
        """The number of resources with a finished operation."""
        return sum(map(len, self._done.values()))

    def __call__(self, event: EngineEvent) -> None:
        """Take one event of the Automation API's `on_event`."""
        if event.resource_pre_event:
            self._begin(event.resource_pre_event.metadata.op, event.resource_pre_event.metadata.urn)
        elif event.res_outputs_event:
            self._end(event.res_outputs_event.metadata.op, event.res_outputs_event.metadata.urn)
        elif event.diagnostic_event and event.diagnostic_event.severity == "warning":
            self._console.print(
                f"  {self._company:9}",
                styled("warning", "yellow"),
                event.diagnostic_event.message.strip(),
                soft_wrap=True,
            )

    def summarize(self) -> None:
        """Print one line for each operation and kind, with the time from first begin to last end.

        If everything is deleted, print one line in all.
        """
        if self.count > NAMED and {done for done, _ in self._done} == {"deleted"}:
            kinds = ", ".join(f"{len(those)} {kind}" for (_, kind), those in self._done.items())
            self._line(
                "deleted",
                [one for those in self._done.values() for one in those],
                f"in all: {kinds}",
            )
            return
        for (done, kind), those in self._done.items():
            more = ", …" if len(those) > NAMED else ""
            names = ", ".join(name for name, _, _ in those[:NAMED])
            self._line(done, those, f"{kind:29} {names}{more}")

    def _line(self, done: str, those: list[tuple[str, float, float]], which: str) -> None:
        seconds = max(ended for _, _, ended in those) - min(began for _, began, _ in those)
        self._console.print(
            f"  {self._company:9} {done:8} {seconds:5.1f} s {len(those):3} {which}",
            soft_wrap=True,
        )

    def _begin(self, op: str, urn: str) -> None:
        if op in DONE and not _type(urn).startswith(BOOKKEEPING):
            self._started[urn] = time.monotonic()
            self._show()

    def _end(self, op: str, urn: str) -> None:
        started = self._started.pop(urn, None)
        if op not in DONE or started is None:
            return
        kind = _type(urn).rpartition(":")[2]
        those = self._done.setdefault((DONE[op], kind), [])
        those.append((_name(urn), started, time.monotonic()))
        self._show()

    def _show(self) -> None:
        self._say(f"{self._company}: {', '.join(map(_name, self._started)) or 'the program'}")


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _name(urn: str) -> str:
    return shown(urn.split("::", 3)[3], LONGEST_NAME)
