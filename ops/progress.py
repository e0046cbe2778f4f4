"""Live progress of the engine: what is being done, for whom, how long it took.

A terminal shows the work in flight on its last line; anywhere else there are only plain lines.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.markup import escape

if TYPE_CHECKING:
    from pulumi.automation.events import EngineEvent
    from rich.console import Console
    from rich.status import Status

DONE = {
    "create": "created",
    "create-replacement": "created",
    "update": "updated",
    "delete": "deleted",
    "delete-replaced": "deleted",
    "read": "read",
}
"""Engine operations worth a line, and how it says that they are over."""

BOOKKEEPING = ("pulumi:", "confidential-inference:")
"""Types that exist in the engine only, not in a cloud: stack, providers, stash, components."""


class Progress:
    """An engine event handler that prints a line per finished resource."""

    def __init__(self, console: Console, company: str, status: Status) -> None:
        self._console = console
        self._company = company
        self._status = status
        self._started: dict[str, float] = {}
        self.count = 0

    def __call__(self, event: EngineEvent) -> None:
        """Take one event of the Automation API's `on_event`."""
        if event.resource_pre_event:
            self._begin(event.resource_pre_event.metadata.op, event.resource_pre_event.metadata.urn)
        elif event.res_outputs_event:
            self._end(event.res_outputs_event.metadata.op, event.res_outputs_event.metadata.urn)
        elif event.diagnostic_event and event.diagnostic_event.severity == "warning":
            text = event.diagnostic_event.message.strip()
            self._console.print(
                f"  {self._company:9} [yellow]warning[/]  {escape(text)}", soft_wrap=True
            )

    def _begin(self, op: str, urn: str) -> None:
        if op in DONE and not _type(urn).startswith(BOOKKEEPING):
            self._started[urn] = time.monotonic()
            self._show()

    def _end(self, op: str, urn: str) -> None:
        started = self._started.pop(urn, None)
        if op not in DONE or started is None:
            return
        self.count += 1
        seconds = time.monotonic() - started
        kind = _type(urn).rpartition(":")[2]
        self._console.print(
            f"  {self._company:9} {DONE[op]:8} {seconds:5.1f} s  {kind:29} {escape(_name(urn))}",
            highlight=False,
            soft_wrap=True,
        )
        self._show()

    def _show(self) -> None:
        names = ", ".join(_name(urn) for urn in self._started)
        self._status.update(f"{self._company}: {escape(names) or 'the program'}")


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _name(urn: str) -> str:
    return urn.split("::")[3]
