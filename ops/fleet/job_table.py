"""Prints what is known about a job: its machines, what is missing, why, and what to type."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from infra.untrusted_text import shown
from infra.wording import counted
from ops.detail_causes import cause_of_result
from ops.fleet.job_object import SUBMIT
from ops.fleet.waiting import progress
from ops.terminal import Table
from ops.verdict_table import NOT_SAID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ops.fleet.job_state import Failed, State
    from ops.terminal import Terminal

LONGEST: Final = 200
FEW: Final = 8
"""Slices that are named of each cause, and machines of the table."""
MOST_MACHINES: Final = 40


def show(terminal: Terminal, state: State) -> None:
    """Print the machines, the missing slices with their causes, and the next command."""
    head = state.job.head
    terminal.print(f"job {head.job}, submitted {shown(head.submitted, LONGEST)}: {progress(state)}")
    if state.headings:
        terminal.print(_machines(state))
    if state.failed:
        terminal.print(_causes("cause", "slices", state.failed))
    if state.machines:
        terminal.print(_causes("machines failed", "machines", state.machines))
    for line in lines(state):
        terminal.print(line, soft_wrap=True)


def lines(state: State) -> Iterable[str]:
    """What the tables do not say."""
    head, missing = state.job.head, state.missing
    if missing:
        waiting = len(missing) - len(state.dead)
        yield (
            f"{counted(len(missing), 'slice')} without records: {len(state.dead)} given up (dead"
            f" letters), {waiting} waiting or at work. The first: {numbers(missing)}"
        )
    if state.dead:
        yield (
            "Once the causes are mended, publish the slices without records again:"
            f" {SUBMIT} --missing {head.job}"
        )
    if state.other_letters:
        yield (
            f"{counted(state.other_letters, 'dead letter')} of other jobs, of pictures, or of no"
            " form that this program knows"
        )
    yield from (f"note: {note}" for note in state.notes)


def numbers(all_numbers: Iterable[int]) -> str:
    """The first few numbers."""
    some = list(all_numbers)
    return ", ".join(map(str, some[:FEW])) + (", …" if len(some) > FEW else "")


def _machines(state: State) -> Table:
    table = Table("machine", "slices", "pictures", "pictures/s", "last slice", header_style="bold")
    work = state.work
    for each in work[:MOST_MACHINES]:
        table.add_row(
            shown(each.machine, LONGEST),
            f"{each.slices:,}",
            f"{each.pictures:,}",
            f"{each.rate:.1f}" if each.rate else "",
            f"{each.finished:%Y-%m-%d %H:%M:%S} UTC",
        )
    if len(work) > MOST_MACHINES:
        table.add_row(counted(len(work) - MOST_MACHINES, "more machine"), "", "", "", "")
    return table


def _causes(heading: str, which: str, failed: Iterable[Failed]) -> Table:
    """The causes, each once, with whom they befell."""
    table = Table(heading, which, "mistake of", "fix", header_style="bold")
    groups = defaultdict(list)
    for each in failed:
        groups[each.error, each.reason].append(each)
    for (error, reason), some in sorted(groups.items()):
        message = f"{error}: {reason}" if error else reason
        cause = cause_of_result(message)
        who = (
            numbers(each.number for each in some)
            if some[0].number >= 0
            else ", ".join(shown(each.machine, LONGEST) for each in some[:FEW])
        )
        table.add_row(
            shown(message, LONGEST),
            f"{len(some)} ({who})",
            str(cause.mistake_of or NOT_SAID),
            cause.fix,
        )
    return table
