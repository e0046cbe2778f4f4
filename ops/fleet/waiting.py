"""Waits until every slice of a job has records or was given up, and says how far it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from infra.untrusted_text import shown
from infra.wording import counted
from ops.progress import minutes

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.fleet.causes import Failed
    from ops.fleet.job_state import Observer, State

POLL_SECONDS: Final = 5.0
LONGEST: Final = 200


def awaited(observer: Observer, wait_seconds: float, show_progress: Callable[[str], None]) -> State:
    """The state when the job has ended, or when the time is over."""
    deadline = time.monotonic() + wait_seconds
    said = ""
    failed: set[Failed] = set()
    while True:
        state = observer.look()
        for each in sorted(set(state.machines) - failed, key=lambda each: each.machine):
            show_progress(f"machine {shown(each.machine, LONGEST)} failed: {sentence(each)}")
        failed.update(state.machines)
        if state.ended:
            return state
        if (line := progress(state)) != said:
            said = line
            show_progress(line)
        left = deadline - time.monotonic()
        if left <= 0:
            return state
        time.sleep(min(POLL_SECONDS, left))


def progress(state: State) -> str:
    """How many slices and pictures are done, how fast, and how long it will take."""
    head = state.job.head
    text = f"{len(state.done):,} of {counted(head.slices, 'slice')}"
    text += f", {state.pictures:,} of {counted(head.pictures, 'picture')}"
    if state.dead:
        text += f", {counted(len(state.dead), 'slice')} given up"
    if not state.headings:
        return text
    work = state.work
    rate = state.work_of("", state.headings).rate
    text += f", {counted(len(work), 'machine')}"
    if rate:
        text += f", {rate:.1f}/s"
    if rate and not state.ended:
        text += f", about {minutes((head.pictures - state.pictures) / rate)} more"
    return text


def sentence(failed: Failed) -> str:
    """The code and the reason, as the objects say them."""
    return shown(f"{failed.error}: {failed.reason}" if failed.error else failed.reason, LONGEST)
